"""A user's bridges: all in one network namespace of the user's, with pasta as its uplink and a forwarder per container.

Whoever enters it cannot come back (the host's namespace is root's), so a forked child does each piece of work in there:
the same code as root's, with the same leases, rules and names. The host's ports are bound out here, before. The
namespace goes with its last container; pasta and aardvark-dns follow it by themselves.
"""

from __future__ import annotations

import fcntl
import os
import sys

from skerry import errors, fastjson
from skerry.linux import netns, spawn
from skerry.linux.namespaces import CLONE_NEWNET, setns
from skerry.linux.netlink import route
from skerry.network import pasta, ports
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from skerry.network.context import NetworkContext
    from skerry.network.types import NetworkRequest, PortMapping

_NO_UPLINK = "uplink"


class Locked:
    """One command at a time makes, uses or removes the namespace."""

    __slots__ = ("_fd", "_folder")

    def __init__(self, context: NetworkContext) -> None:
        self._folder = context.host_dir

    def __enter__(self) -> None:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._fd = os.open(self._folder + "/shared.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)


def call(context: NetworkContext, function: str, *arguments: Any) -> Any:
    """``setup.FUNCTION(context, *arguments)`` in the namespace; None when there is no namespace, so nothing to do."""
    with Locked(context):
        return _in_child(context, function, arguments) if netns.is_namespace(context.shared) else None


def set_up(
    context: NetworkContext, container_id: str, name: str, netns_path: str, networks: list[NetworkRequest],
    wanted: list[PortMapping],
) -> list[Any]:  # fmt: skip
    """As `setup.set_up`: [status, ports]."""
    chosen = ports.assign(wanted, ())
    _allow_descriptors(chosen)
    listeners = [(port, number, ports.listen(port, number)) for port in chosen for number in range(port["range"])]
    with Locked(context):
        _make(context)
        arguments = (container_id, name, netns_path, networks, chosen)
        answer = _in_child(context, "set_up", arguments, listeners)
        if answer == _NO_UPLINK:
            _connect(context)
            answer = _in_child(context, "set_up", arguments, listeners)
    for _, _, socket in listeners:
        socket.close()
    if answer == _NO_UPLINK:
        raise errors.Unavailable("pasta does not keep the user's network namespace connected", hint="skerry doctor")
    found: list[Any] = answer
    return found


def _make(context: NetworkContext) -> bool:
    """Make the namespace where there is none; whether it was made."""
    if netns.is_namespace(context.shared):
        return False
    netns.remove(context.shared)
    os.makedirs(os.path.dirname(context.shared), mode=0o711, exist_ok=True)
    netns.create(context.shared)
    _connect(context)
    return True


def opened(context: NetworkContext) -> int:
    """A descriptor of the namespace, which is there and connected: who holds it keeps it."""
    with Locked(context):
        if not _make(context) and not _in_child(context, "has_uplink", ()):
            _connect(context)
        return os.open(context.shared, os.O_RDONLY | os.O_CLOEXEC)


def end_unused(context: NetworkContext) -> None:
    """Remove the namespace if no container is in it."""
    if netns.is_namespace(context.shared):
        _in_child(context, "end_unused", ())


def change(context: NetworkContext, what: str, container_id: str, *arguments: Any) -> Any:
    """``change.change(…)`` in the namespace; then the forwarder has the ports, and leads to the address, that there are.

    That ends the connections through it, so it is left alone where nothing changes for it."""
    with Locked(context):
        if not netns.is_namespace(context.shared):
            raise errors.Conflict(f"container {container_id} has no network: container state improper")
        if what == "publish":  # the host's ports are out here
            add, remove = arguments
            arguments = (ports.assign(add, ()) if add else [], remove)
        before = _in_child(context, "forwarding", (container_id,))
        result = _in_child(context, "change", (what, container_id, *arguments))
        after = _in_child(context, "forwarding", (container_id,))
        if what == "reload" and not _in_child(context, "has_uplink", ()):
            _connect(context)
        died = what == "reload" and bool(after[0]) and not pasta.living(pid_file(context, container_id))
        if before != after or what == "set_ports" or died:
            _stop_forwarder(context, container_id)
            wanted, address = after
            _allow_descriptors(wanted)
            listeners = [(port, n, ports.listen(port, n)) for port in wanted for n in range(port["range"])]
            if listeners and address:
                _in_child(context, "forward", (container_id, address), listeners)
            for _, _, socket in listeners:
                socket.close()
        return result


def missing(context: NetworkContext, container_id: str) -> list[str]:
    """As `change.missing`."""
    with Locked(context):
        if not netns.is_namespace(context.shared):
            return []
        found: list[str] = _in_child(context, "change", ("missing", container_id))
        if not _in_child(context, "has_uplink", ()):
            found.append("pasta")
        if _in_child(context, "forwarding", (container_id,))[0] and not pasta.living(pid_file(context, container_id)):
            found.append("the forwarder of its ports")
        return found


def _allow_descriptors(wanted: list[PortMapping]) -> None:
    """Each port is a socket, and the usual limit is 1024."""
    if sum(port["range"] for port in wanted) > 100:
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _stop_forwarder(context: NetworkContext, container_id: str) -> None:
    path = pid_file(context, container_id)
    pasta.stop(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def tear_down(context: NetworkContext, container_id: str) -> None:
    """As `setup.tear_down`."""
    _stop_forwarder(context, container_id)
    call(context, "tear_down", container_id)


def remove_idle(context: NetworkContext) -> None:
    """From within: remove bridges without containers, and after the last of them the namespace itself."""
    from skerry.network import setup

    inner = context.entered()
    with Locked(context):
        setup.remove_idle(inner)
        with setup.Host(inner) as host:
            empty, folder = not host.leases.containers(), host.leases.folder
        if empty:
            from skerry.network.gone import remove_tree

            netns.remove(context.shared)
            remove_tree(folder)


def _connect(context: NetworkContext) -> None:
    # With pasta's own 65520 it sends containers more than their 1500 in one piece, and nothing arrives.
    options = list(context.conf.get("pasta_options") or ())
    if not {"-m", "--mtu"} & {option.partition("=")[0] for option in options}:
        options += ["--mtu", "1500"]
    pasta.start(context, context.shared, (), options)


def pid_file(context: NetworkContext, container_id: str) -> str:
    """Where a container's forwarder writes its pid."""
    return f"{context.run_dir}/{container_id}.forwarder"


def _in_child(context: NetworkContext, function: str, arguments: Any, listeners: Any = ()) -> Any:
    """Fork, enter, call, and bring the result or the error back."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(here)
        code = 1
        try:
            answer = _work(context, function, arguments, listeners)
            os.write(there, fastjson.dumps({"result": answer}).encode())
            code = 0
        except errors.SkerryError as error:
            known = {"error": type(error).__name__, "words": [error.message, error.hint], "code": error.exit_code}
            os.write(there, fastjson.dumps(known).encode())
        except OSError as error:
            text = f"{error.filename or 'network'}: {error.strerror}"
            os.write(there, fastjson.dumps({"error": "Unavailable", "words": [text, ""], "code": 125}).encode())
        finally:
            os._exit(code)
    os.close(there)
    data = b""
    while chunk := os.read(here, 1 << 20):
        data += chunk
    os.close(here)
    os.waitpid(pid, 0)
    if not data:
        raise errors.Unavailable("the user's network namespace could not be entered")
    found = fastjson.loads(data.decode())
    if "error" in found:
        message, hint = found["words"]
        raise getattr(errors, found["error"])(message, hint=hint, exit_code=found["code"])
    return found["result"]


def _work(context: NetworkContext, function: str, arguments: Any, listeners: Any) -> Any:
    fd = os.open(context.shared, os.O_RDONLY | os.O_CLOEXEC)
    setns(fd, CLONE_NEWNET)
    os.close(fd)
    from skerry.network import setup

    if function == "has_uplink":
        return _has_uplink()
    if function == "end_unused":
        return remove_idle(context)
    if function == "set_up" and not _has_uplink():
        return _NO_UPLINK
    inner = context.entered()
    if function == "change":
        from skerry.network.change import change

        return change(inner, *arguments)
    if function == "forwarding":
        return _forwarding(inner, *arguments)
    if function == "forward":
        container_id, address = arguments
        return _forward(context, inner, container_id, address, listeners)
    if function != "set_up":
        return getattr(setup, function)(inner, *arguments)
    done = setup.set_up(inner, *arguments)
    if listeners:
        try:
            _forward(context, inner, arguments[0], _forwarding(inner, arguments[0])[1], listeners)
        except BaseException:
            setup.tear_down(inner, arguments[0])
            raise
    return [done.status, done.ports]


def _has_uplink() -> bool:
    """Whether pasta's interface is there: it has the host's name, ours begin with sk."""
    netlink = route.open_route()
    try:
        return bool(route.default_routes(netlink))
    finally:
        netlink.close()


def _forwarding(inner: NetworkContext, container_id: str) -> list[Any]:
    """[the container's ports, the addresses that they lead to: one of each family, joined by a bar]."""
    from skerry.network import setup

    with setup.Host(inner) as host:
        lease = host.leases.get(container_id)
    addresses = setup.targets(lease) if lease else []
    firsts = [next((text for text in addresses if (":" in text) == six), "") for six in (False, True)]
    return [lease["ports"] if lease else [], "|".join(filter(None, firsts))]


def _as_clients(inner: NetworkContext, container_id: str) -> bool:
    """Whether connections to the container can come from their clients' addresses: it must have a way to answer them."""
    from skerry.network import clients, setup

    with setup.Host(inner) as host:
        lease = host.leases.get(container_id)
        networks = [host.leases.bridge(item["bridge"]) for item in lease["interfaces"]] if lease else []
    answers = any(
        network
        and not network.get("internal")
        and network.get("options", {}).get("no_default_route") not in ("1", "true")
        for network in networks
    )
    return answers and clients.prepare(inner)


def _forward(
    context: NetworkContext, inner: NetworkContext, container_id: str, address: str, listeners: Any
) -> None:  # fmt: skip
    """Start the container's forwarder: it has the host's listening sockets and lives in here."""
    how = "as-clients" if _as_clients(inner, container_id) else "as-itself"
    os.makedirs(context.run_dir, mode=0o700, exist_ok=True)
    path = pid_file(context, container_id)
    words = [
        f"{socket.fileno()},{port['protocol']},{address},{port['container_port'] + number}"
        for port, number, socket in listeners
    ]
    program = __file__.rpartition("/")[0] + "/forwarder.py"
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    with open(path, "w", encoding="ascii"):
        pass  # killed before it says which, there is one
    step("network.forwarder")
    pid = spawn.spawn(
        [sys.executable, "-IS", program, path, how, *words], stdin=null, stdout=null, stderr=null, cwd="/",
        pass_fds=[socket.fileno() for _, _, socket in listeners], new_session=True,
    )  # fmt: skip
    step("network.forwarder-pid")
    with open(path, "w", encoding="ascii") as file:
        file.write(str(pid))
