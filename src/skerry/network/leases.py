"""What containers hold of this host: addresses, bridges, ports. One folder per network namespace of the host.

Stores share it, so it is the host's and not a store's. The folder's name is the namespace's inode and cookie and the
boot id, so that what another namespace or another boot left never counts. In it, changed only under ``lock``:

    leases/CONTAINER            the whole lease, written before the kernel gets any of it
    addresses/BRIDGE/ADDRESS    the container's id; a bridge without entries is not needed any more
    next/BRIDGE                 the address given last: addresses are handed out next-fit, because the kernel
                                takes a removed container's interface away some time later
    ports/PROTOCOL,IP,FIRST,LAST  the container's id
    bridges/BRIDGE              the network that the interface was made for
    subnets/SUBNET              the file that defines its network, so that no two stores choose the same
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import os

from skerry import fastjson
from skerry.errors import Conflict, Invalid, OutOfSpace, Unavailable
from skerry.network.addresses import Net, pack
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from skerry.network.ports import Claim
    from skerry.network.types import Lease, Network, Subnet


class Leases:
    """The folder. Hold it (``with leases:``) while reading or changing anything."""

    __slots__ = ("_fd", "folder")

    def __init__(self, host_dir: str, cookie: int) -> None:
        namespace = os.stat("/proc/thread-self/ns/net").st_ino
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read(8)
        self.folder = f"{host_dir}/{namespace}-{cookie}-{boot}"
        self._fd = -1

    def __enter__(self) -> Leases:
        try:
            while not self._lock():
                self._make()
                from skerry.network.gone import sweep

                sweep(*os.path.split(self.folder))
        except OSError as error:
            raise Unavailable(f"cannot use {self.folder}: {error.strerror}") from error
        return self

    def _lock(self) -> bool:
        """False when there is no folder, or it was swept as that of a namespace that is gone while we waited."""
        path = self.folder + "/lock"
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            return False
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(self._fd), os.stat(path)):
                return True
        except FileNotFoundError:
            pass
        os.close(self._fd)
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
        self._fd = -1

    def _make(self) -> None:
        """Whole or not at all: another command may look for the lock at any moment."""
        new = f"{self.folder}.{os.getpid()}.{_thread.get_native_id()}"
        for name in ("leases", "addresses", "next", "ports", "bridges"):
            os.makedirs(f"{new}/{name}", mode=0o700, exist_ok=True)
        try:
            os.rename(new, self.folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            for name in os.listdir(new):
                os.rmdir(f"{new}/{name}")
            os.rmdir(new)

    # leases

    def get(self, container: str) -> Lease | None:
        """The container's lease. One that a crash left half written counts as none: nothing was made for it."""
        try:
            lease: Lease = fastjson.loads(_read(f"{self.folder}/leases/{container}"))
        except (FileNotFoundError, Invalid):
            return None
        return lease

    def put(self, lease: Lease) -> None:
        """Write a lease, whole or not at all."""
        path = f"{self.folder}/leases/{lease['container']}"
        step("network.lease")
        _write(path + ".new", fastjson.dumps(lease))
        os.rename(path + ".new", path)

    def drop(self, container: str) -> None:
        """Forget a lease, last of all."""
        step("network.forget-lease")
        _unlink(f"{self.folder}/leases/{container}")

    def drop_unfinished(self) -> None:
        """Remove what was being written when its writer died."""
        for name in _names(self.folder + "/leases"):
            if name.endswith(".new"):
                _unlink(f"{self.folder}/leases/{name}")

    def containers(self) -> list[str]:
        """The ids of all containers with a lease."""
        return _names(self.folder + "/leases", without=".new")

    # addresses

    def claim(self, bridge: str, address: str, container: str) -> None:
        """Note that the container has the address, which its lease names already."""
        folder = f"{self.folder}/addresses/{bridge}"
        step("network.claim-address")
        try:
            _write(f"{folder}/{address}", container)
        except FileNotFoundError:
            os.mkdir(folder, 0o700)
            _write(f"{folder}/{address}", container)

    def require_free(self, bridge: str, address: str, container: str) -> None:
        """`Conflict` when another container has the address."""
        try:
            holder = _read(f"{self.folder}/addresses/{bridge}/{address}")
        except FileNotFoundError:
            return
        if holder != container:
            raise Conflict(f"IPAM error: requested ip address {address} is already allocated to container ID {holder}")

    def next_free(self, network: Network, subnet: Subnet, chosen: Collection[str] = ()) -> str:
        """The next address of a subnet that nobody has; those ``chosen`` will be claimed. `OutOfSpace` without one."""
        bridge, net = network["network_interface"], Net(subnet["subnet"])
        low, high = usable(subnet)
        last_path = f"{self.folder}/next/{bridge}{'' if net.size == 4 else '.6'}"
        try:
            last = int.from_bytes(pack(_read(last_path)), "big")
        except (FileNotFoundError, Invalid):
            last = 0
        taken = {*_names(f"{self.folder}/addresses/{bridge}"), *chosen, subnet.get("gateway", "")}
        number = last + 1 if low <= last < high else low
        for _ in range(min(high - low, len(taken)) + 1):
            address = net.address(number)
            if address not in taken:
                _write(last_path, address)
                return address
            number = number + 1 if number < high else low
        raise OutOfSpace(f"IPAM error: failed to find free IP in range: {net.address(low)} - {net.address(high)}")

    def free(self, bridge: str, address: str, container: str) -> None:
        """Give an address back, if it is this container's; an empty note is of one that was killed as it wrote."""
        path = f"{self.folder}/addresses/{bridge}/{address}"
        step("network.free-address")
        try:
            if _read(path) in (container, ""):
                os.unlink(path)
        except FileNotFoundError:
            pass

    def unused(self, bridge: str) -> bool:
        """Whether no container has an address of the bridge."""
        return not _names(f"{self.folder}/addresses/{bridge}")

    def holdings(self) -> list[tuple[str, str, str]]:
        """All addresses taken: (bridge, address, container)."""
        found = []
        for bridge in _names(self.folder + "/addresses"):
            folder = f"{self.folder}/addresses/{bridge}"
            found += [(bridge, address, _read(f"{folder}/{address}")) for address in _names(folder)]
        return found

    # bridges

    def bridge(self, name: str) -> Network | None:
        """The network for which the bridge was made."""
        try:
            network: Network = fastjson.loads(_read(f"{self.folder}/bridges/{name}"))
        except (FileNotFoundError, Invalid):
            return None
        return network

    def bridges(self) -> list[Network]:
        """All networks with a bridge, by name of the interface."""
        found = (self.bridge(name) for name in sorted(_names(self.folder + "/bridges")))
        return [network for network in found if network is not None]

    def put_bridge(self, network: Network) -> None:
        """Note what a bridge is for, before it is made."""
        step("network.note-bridge")
        _write(f"{self.folder}/bridges/{network['network_interface']}", fastjson.dumps(network))

    def drop_bridge(self, name: str) -> None:
        """Forget a bridge that has been removed."""
        step("network.forget-bridge")
        _unlink(f"{self.folder}/bridges/{name}")
        try:
            os.rmdir(f"{self.folder}/addresses/{name}")
        except OSError:
            pass  # in use again, or never used

    def forget_network(self, bridge: str) -> None:
        """Nothing stays of a network that is removed, unless another one has that bridge by now."""
        if self.bridge(bridge) is None:
            for family in ("", ".6"):
                _unlink(f"{self.folder}/next/{bridge}{family}")

    # subnets of all stores' networks, whether they are up or not

    def reserve(self, subnet: str, definition: str) -> None:
        """Note that the network in that file has the subnet."""
        folder = self.folder + "/subnets"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _write(f"{folder}/{subnet.replace('/', '_')}", definition)

    def reserved(self) -> dict[str, str]:
        """Subnets of networks whose definition still exists, with the path of that."""
        found = {}
        for name in _names(self.folder + "/subnets"):
            definition = _read(f"{self.folder}/subnets/{name}")
            if os.path.exists(definition):
                found[name.replace("_", "/")] = definition
            else:
                _unlink(f"{self.folder}/subnets/{name}")
        return found

    # ports

    def ports(self) -> dict[Claim, str]:
        """Host ports taken, with the container that has them."""
        found: dict[Claim, str] = {}
        for name in _names(self.folder + "/ports"):
            protocol, address, first, last = name.split(",")
            found[protocol, address, int(first), int(last)] = name
        return found

    def claim_port(self, claim: Claim, container: str) -> None:
        """Note that the container has the port(s)."""
        step("network.claim-port")
        _write(f"{self.folder}/ports/{_port_name(claim)}", container)

    def port_holder(self, claim: Claim) -> str:
        """The container that has the port(s)."""
        try:
            return _read(f"{self.folder}/ports/{_port_name(claim)}")
        except FileNotFoundError:
            return ""

    def free_port(self, claim: Claim, container: str) -> None:
        """Give the port(s) back, if they are this container's."""
        step("network.free-port")
        if self.port_holder(claim) in (container, ""):
            _unlink(f"{self.folder}/ports/{_port_name(claim)}")


def usable(subnet: Subnet) -> tuple[int, int]:
    """First and last address, as numbers, that containers may get."""
    net = Net(subnet["subnet"])
    low, high = net.first + 1, net.last - (1 if net.size == 4 else 0)
    given = subnet.get("lease_range") or {"start_ip": "", "end_ip": ""}
    if given["start_ip"]:
        low = max(low, int.from_bytes(pack(given["start_ip"]), "big"))
    if given["end_ip"]:
        high = min(high, int.from_bytes(pack(given["end_ip"]), "big"))
    return low, high


def _port_name(claim: Claim) -> str:
    return f"{claim[0]},{claim[1]},{claim[2]},{claim[3]}"


def _names(folder: str, without: str = "\0") -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.endswith(without)]
    except FileNotFoundError:
        return []


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, 1 << 20).decode()
    finally:
        os.close(fd)


def _write(path: str, text: str, extra: int = 0) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | extra, 0o600)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
