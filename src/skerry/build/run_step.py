"""RUN."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from skerry.build.arguments import PROXIES, proxies
from skerry.build.errors import RunFailed
from skerry.build.keys import step_key
from skerry.build.language.mounts import MountError, parse_mount
from skerry.build.language.words import expand
from skerry.build.platforms import require_runnable
from skerry.build.secrets import read_secret
from skerry.build.stage_state import DEFAULT_PATH
from skerry.build.volume_text import split_volume
from skerry.engine.builds.types import RunRequest, StepMount
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.language.instructions import Mount, Run
    from skerry.build.options import RunOptions
    from skerry.build.steps import StepWork

_TAIL = 16 << 10  # of a failing program's output that its error carries


class RunStep:
    """See `steps.Work`."""

    def __init__(self, step: StepWork, command: Run) -> None:
        self._step, self._command = step, command
        self.key = ""
        self.inputs: dict[str, Any] = {}
        self._tail = b""

    def prepare(self) -> None:
        from skerry.build.origins import content_of

        step, command, state = self._step, self._command, self._step.state
        options = step.options
        given = [parse_mount(text, lambda value: value) for text in options.run.mounts]
        self._mounts = [*given, *(self._mount(mount) for mount in command.mounts)]
        script = command.script_file
        if script is not None:
            self._argv = [f"/dev/pipes/{script.name}"]
        elif command.shell:
            self._argv = [*state.shell, command.script]
        else:
            self._argv = list(command.command)
        self._args = {name: value for name, value in state.args.items() if name not in state.env}
        self._env = {"PATH": DEFAULT_PATH, **state.inherited, **self._args, **state.env}
        if command.security == "insecure" and not options.run.insecure:
            raise Invalid(
                "RUN --security=insecure is not allowed", hint="build with --allow security.insecure to allow it"
            )
        described = [content_of(step, mount) for mount in self._mounts]
        settings = {"network": command.network, "security": command.security, "user": state.config.get("User") or "",
                    "directory": state.workdir, "devices": [device.name for device in command.devices]}  # fmt: skip
        if hostname := self._hostname():
            settings["hostname"] = hostname
        if volumes := sorted(state.config.get("Volumes") or {}):
            settings["volumes"] = [*volumes, *(["compat"] if options.run.compat_volumes else [])]
        settings.update(_confinement(options.run))
        self.key = step_key(
            "run", step.parent, argv=self._argv, env=self._env, mounts=[d.key for d in described],
            script=script.text if script else "", times=step.mtime_ns, **settings,
        )  # fmt: skip
        files: dict[str, str] = {}
        texts: dict[str, str] = {}
        for each in described:
            files.update(each.files)
            texts.update(each.texts)
        self.inputs = {
            "instruction": f"RUN {' '.join(self._argv)}", "args": {**state.inherited, **self._args}, "env": state.env, "settings": settings,
            "files": files, "texts": texts, "content": [d.key for d in described],
        }  # fmt: skip

    def _mount(self, mount: Mount) -> Mount:
        """With its variables replaced, and checked."""
        if "$" not in mount.text:
            return mount
        variables, escape = self._step.state.variables(), self._command.instruction.escape
        try:
            return parse_mount(mount.text, lambda text: expand(text, variables, escape=escape).text)
        except MountError as error:
            raise Invalid(f"invalid --mount: {error}") from None

    def carry_out(self) -> str | None:
        step, command = self._step, self._command
        state = step.state
        require_runnable(step.builder.planned.platform)
        with ExitStack() as stack, step.engine.builds.open_root(state.layers) as root:
            request = self._request()
            self._make_volumes(root.path if state.config.get("Volumes") else "")
            for mount in self._mounts:
                self._add_mount(stack, request, mount)
            if step.options.run.compat_volumes:
                self._add_volumes(stack, request)
            script = command.script_file
            if script is not None:
                request.mounts.append(
                    StepMount("bind", self._argv[0], source=self._script_file(stack, script.text), ours=True)
                )
            code = root.run(request)
            if code and step.options.on_error_shell:
                from skerry.build.shell import open_shell

                open_shell(step, root, request, code)
            if code:
                instruction = command.instruction
                raise RunFailed(instruction.original, self._argv, code, self._tail, instruction.position)
            layer = root.commit(mtime_ns=step.mtime_ns)
        return layer["chain_id"] if layer else None

    def _script_file(self, stack: ExitStack, text: str) -> str:
        """A heredoc that begins with ``#!`` is a program. (Not a secret's mount: nothing may be executed there.)"""
        folder = stack.enter_context(self._step.engine.builds.staging()).path
        os.chmod(folder, 0o711)
        path = f"{folder}/script"
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def _request(self) -> RunRequest:
        step, command, run = self._step, self._command, self._step.options.run
        env = {**proxies(step.options, step.solver.plan.arguments), **self._env}
        network = command.network if command.network != "default" else run.network
        devices = [name for it in command.devices for name in step.engine.builds.devices(it.name, required=it.required)]
        return RunRequest(
            argv=self._argv, env=[f"{name}={value}" for name, value in env.items()], cwd=step.state.workdir,
            user=step.state.config.get("User") or "", network=network, security=command.security,
            devices=[*run.devices, *devices], hosts=run.hosts, dns=run.dns,
            dns_search=run.dns_search, dns_options=run.dns_options, no_hosts=run.no_hosts, no_hostname=run.no_hostname, hostname=self._hostname(),
            cap_add=run.cap_add, cap_drop=run.cap_drop, ulimits=run.ulimits, resources=run.resources,
            cgroup_parent=run.cgroup_parent, shm_size=run.shm_size, seccomp=run.seccomp, apparmor=run.apparmor,
            label_opts=run.label_opts, no_new_privileges=run.no_new_privileges, mask=run.mask, unmask=run.unmask,
            namespaces=run.namespaces, id_maps=run.id_maps, groups=run.groups, runtime=run.runtime, runtime_flags=run.runtime_flags,
            hooks_dirs=run.hooks_dirs,
            stdin=0 if run.stdin else None, output=self._output,
            mounts=[_volume(text) for text in run.volumes], cancelled=step.solver.cancelled,
        )  # fmt: skip

    def _hostname(self) -> str:
        given = self._step.solver.plan.arguments.get("BUILDKIT_SANDBOX_HOSTNAME", "")
        return given or self._step.options.run.hostname

    def _output(self, fd: int, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL:]
        self._step.output(fd, data)

    def _add_mount(self, stack: ExitStack, request: RunRequest, mount: Mount) -> None:
        from skerry.build.origins import open_mount

        if mount.type == "tmpfs":
            request.mounts.append(
                StepMount(
                    "tmpfs",
                    self._target(mount),
                    size_bytes=mount.size or 0,
                    options=("tmpcopyup",) if mount.copy_up else (),
                )
            )
        elif mount.type == "secret":
            self._add_secret(request, mount)
        elif mount.type == "ssh":
            self._add_agent(request, mount)
        else:
            source = stack.enter_context(open_mount(self._step, mount))
            label = {"shared": "z", "private": "Z"}.get(mount.relabel, "")
            words = tuple(word for word in (mount.propagation, label) if word)
            request.mounts.append(
                StepMount(
                    "bind", self._target(mount), source=source.path, readonly=mount.readonly, options=words, ours=True,
                    root=source.root,
                )
            )  # fmt: skip

    def _target(self, mount: Mount) -> str:
        return self._step.state.absolute(mount.target).rstrip("/") or "/"

    def _add_secret(self, request: RunRequest, mount: Mount) -> None:
        name = mount.id or os.path.basename(mount.source or mount.target)
        secret = self._step.options.secrets.get(name)
        if secret is None:
            if mount.required:
                raise NotFound(
                    f'secret {name}: not found: secret required but no secret with id "{name}" found',
                    hint=f"--secret id={name},src=FILE or --secret id={name},env=VARIABLE",
                )
            return
        data = read_secret(secret)
        if mount.env is not None:
            request.env.append(f"{mount.env}={data.decode('utf-8', 'surrogateescape')}")
            if not mount.target:
                return
        target = self._step.state.absolute(mount.target) if mount.target else f"/run/secrets/{name}"
        mode = 0o400 if mount.mode is None else mount.mode
        request.mounts.append(StepMount("secret", target, data=data, uid=mount.uid or 0, gid=mount.gid or 0, mode=mode))

    def _make_volumes(self, root: str) -> None:
        """As with Podman a program finds the folder of a VOLUME, whoever made it."""
        from skerry.engine.builds.place import Metadata, Placer

        if not root:
            return
        state = self._step.state
        with Placer(root, new_folders=Metadata(0o755, 0, 0, time.time_ns())) as placer:
            for path in sorted(state.config["Volumes"]):
                target = state.absolute(path).rstrip("/")
                if target and placer.kind(target) != "folder":
                    try:
                        placer.folder(target, None)
                    except OSError as error:
                        raise Invalid(f"open {target}: {os.strerror(error.errno or 0).lower()}") from error

    def _add_volumes(self, stack: ExitStack, request: RunRequest) -> None:
        """--compat-volumes: below each VOLUME a copy, which goes when the step ends. Missing folders are made."""
        from skerry.engine.builds.place import Metadata, Placer

        builds, state = self._step.engine.builds, self._step.state
        targets = [state.absolute(path).rstrip("/") for path in sorted(state.config.get("Volumes") or {})]
        root = stack.enter_context(builds.open_root(state.layers))
        with Placer(root.path, new_folders=Metadata(0o755, 0, 0, 0)) as placer:
            for target in filter(None, targets):
                if placer.kind(target) != "folder":
                    placer.folder(target, None)
                source = builds.folder_in(root.path, target)
                request.mounts.append(StepMount("bind", target, source=source, ours=True, root=root))

    def _add_agent(self, request: RunRequest, mount: Mount) -> None:
        name = mount.id or "default"
        socket = self._step.options.ssh.get(name)
        if socket is None:
            if mount.required:
                raise NotFound(f"unset ssh forward key {name}", hint=f"--ssh {name}")
            return
        count = sum(each.type == "agent" for each in request.mounts)
        target = self._step.state.absolute(mount.target) if mount.target else f"/run/buildkit/ssh_agent.{count}"
        mode = 0o600 if mount.mode is None else mount.mode
        request.mounts.append(
            StepMount("agent", target, source=socket, uid=mount.uid or 0, gid=mount.gid or 0, mode=mode)
        )
        if not any(item.startswith("SSH_AUTH_SOCK=") for item in request.env):
            request.env.append(f"SSH_AUTH_SOCK={target}")

    def close(self) -> None:
        """Nothing stays open between."""

    def history(self) -> str:
        program = " ".join(self._argv)
        shown = {name: value for name, value in self._args.items() if name not in PROXIES}
        if not shown:
            return program
        return f"|{len(shown)} {' '.join(f'{name}={value}' for name, value in sorted(shown.items()))} {program}"


def _volume(text: str) -> StepMount:
    """``--volume HOST:STEP[:ro,…]``."""
    source, target, options = (*split_volume(text), "", "")[:3]
    if not source.startswith("/") or not target.startswith("/"):
        raise Invalid(f"invalid volume {text!r}: HOST-DIR:CONTAINER-DIR[:OPTIONS] is wanted, both absolute")
    words = [word for word in options.split(",") if word]
    more = tuple(word for word in words if word not in ("ro", "rw"))
    return StepMount("bind", target, source=source, readonly="ro" in words, options=more)


def _confinement(run: RunOptions) -> dict[str, Any]:
    """What the command line lets the programs do, or keeps them from, beyond the defaults: they may act on it."""
    given = {
        "seccomp": run.seccomp, "apparmor": run.apparmor, "cap_add": run.cap_add, "cap_drop": run.cap_drop,
        "ulimits": run.ulimits, "no_new_privileges": run.no_new_privileges, "mask": run.mask, "unmask": run.unmask,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value}
