"""Running a step's program in a working root: the runtime itself on pipes, with no monitor between.

What is made, in this order: bundle folder, network, configuration, runtime (which makes control group and
namespaces); it is given back in reverse. The builder may be killed anywhere: its root's lock is free then, and
`sweep` takes down what the bundle's name tells.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.builds import stubs, sweep, watcher
from skerry.engine.builds.errors import Interrupted
from skerry.engine.builds.network import StepNetwork
from skerry.engine.builds.process import StepProcess
from skerry.engine.builds.root import translated
from skerry.engine.builds.step_config import HOSTNAME, bind, configuration, plain_mount
from skerry.engine.containers import run_files
from skerry.engine.containers.ownership import give, relabel
from skerry.errors import SkerryError
from skerry.records import replace
from skerry.runtime import bpf, cgroups, oci, spec, users
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.builds.root import WorkingRoot
    from skerry.engine.builds.step_ids import StepIDs
    from skerry.engine.builds.types import RunRequest, StepMount
    from skerry.runtime.oci import Runtime
    from skerry.runtime.types import ContainerConfig, MountConfig, RuntimeSpec
    from skerry.store.locks import Lock


def run(root: WorkingRoot, request: RunRequest) -> int:
    """See `WorkingRoot.run`."""
    if request.cancelled is not None and request.cancelled():
        raise Interrupted("interrupted")
    with _Step(root, request) as prepared:
        return prepared.execute()


class _Step:
    """One program's bundle, from its making to its end."""

    def __init__(self, root: WorkingRoot, request: RunRequest) -> None:
        self._root = root
        self._engine = root.engine
        self._request = request
        self._id = os.urandom(32).hex()
        self._bundle = f"{root.run_folder}/{self._id}"
        self._lock: Lock | None = None
        self._network = StepNetwork(self._engine, self._id, request.network, self._bundle)
        self._ids: StepIDs | None = None  # a user namespace of its own
        self._files: list[object] = []  # what serves the step's mounts while it runs
        self._to_give: list[str] = []  # what the step's user is to own
        self._ended = False

    def __enter__(self) -> _Step:
        try:
            step("build.bundle")
            os.makedirs(self._bundle, mode=0o711)
        except OSError as error:
            raise translated(error, f"cannot make {self._bundle}") from error
        # As a container's that is in somebody's hands: `system check` leaves its lease and its groups alone.
        self._lock = self._engine.store.lock("container", self._id, fleeting=True)
        watcher.watch(self._engine)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        try:
            self._serve_no_more()
            if self._ended:
                self._network.take_down()
            else:
                sweep.end_step(self._engine, self._id, self._bundle, leased=self._network.mode == "bridge")
        finally:
            # The bundle goes last: its name tells a sweep all the rest.
            self._lock.release()
            step("build.bundle-remove")
            sweep.remove_bundle(self._bundle)

    def execute(self) -> int:
        request, engine = self._request, self._engine
        if request.namespaces.get("user", "host") not in ("host", ""):
            from skerry.engine.builds.step_ids import StepIDs

            self._ids = StepIDs(engine, request, self._root.layers, self._bundle)
        self._network.connect(self._ids.path if self._ids else "", request.dns)
        runtime = oci.find(engine.settings, request.runtime, request.runtime_flags)
        config = configuration(engine, self._id, request, self._network.spec_mode, self._ids)
        mounts = self._mounts(config)
        with stubs.Stubs(self._root, mounts, self._ids) as rootfs:
            document = self._document(config, rootfs, mounts, runtime)
            self._remember_filter(runtime, document)
            step("build.launch")
            process = StepProcess(runtime, self._id, self._bundle, request, cgroups="cgroupsPath" in document["linux"])
            code = process.carry()
            self._ended = process.ended
        return code

    def _mounts(self, config: ContainerConfig) -> list[MountConfig]:
        """Files of ours first: a step's own mount of the same place replaces them."""
        own = [mount.target for mount in self._request.mounts]
        mounts: list[MountConfig] = []
        hostname = self._request.hostname or HOSTNAME
        files = self._network.files(self._request, hostname)
        if not self._request.no_hostname:
            theirs = config["namespaces"]["uts"] == "host"
            files["/etc/hostname"] = (os.uname().nodename if theirs else hostname) + "\n"
        for target, text in files.items():
            if target not in own:
                path = f"{self._bundle}/{target.rpartition('/')[2]}"
                run_files.write(path, text.encode(), 0o644)
                mounts.append(bind(path, target, "nosuid", "nodev", "noexec"))
        place = "/run/.containerenv"
        if not {place, "/run", "/var/run"} & set(own):
            path = f"{self._bundle}/containerenv"
            run_files.write(path, b"", 0o644)
            mounts.append(bind(path, place))
        if mounts_file := self._engine.settings.mounts_file():
            from skerry.engine.containers.default_mounts import default_mounts

            owner = self._ids.outside(0, 0) if self._ids else None
            mounts += default_mounts(self._engine, mounts_file, self._bundle, own, owner)
        from skerry.engine.builds.served import serve

        for mount in self._request.mounts:
            if mount.type in ("secret", "agent"):
                if self._ids is not None:
                    uid, gid = self._ids.outside(mount.uid, mount.gid)
                    mount = replace(mount, uid=uid, gid=gid)
                source, server = serve(self._bundle, mount)
                if server is not None:
                    self._files.append(server)
                mounts.append(
                    bind(source, mount.target, "nosuid", "nodev", *(("ro",) if mount.type == "secret" else ()))
                )
            else:
                mounts.append(plain_mount(self._of_the_host(mount, config)))
        return mounts

    def _of_the_host(self, mount: StepMount, config: ContainerConfig) -> StepMount:
        """What --volume's words ask for: O an overlay above the folder, U an owner, z and Z a label of SELinux's. What is
        the build's is seen with the step's ids."""
        if mount.ours and self._ids is not None:
            mount = replace(mount, source=self._ids.shown(mount))
        if "O" in mount.options:
            from skerry.engine.builds.overlaid import Overlaid

            folder = f"{self._root.folder}/overlays/{len(self._files)}"
            overlaid = Overlaid(self._engine.store, folder, mount.source, mount.options)
            self._files.append(overlaid)
            mount = replace(mount, source=overlaid.path)
        if "U" in mount.options:
            self._to_give.append(mount.source)
        if {"z", "Z"} & set(mount.options):
            relabel(config, mount.source, shared="z" in mount.options)
        return mount

    def _serve_no_more(self) -> None:
        if self._ids is not None:
            self._ids.close()
        for server in self._files:
            server.close()  # type: ignore[attr-defined]

    def _document(
        self, config: ContainerConfig, rootfs: str, mounts: list[MountConfig], runtime: Runtime
    ) -> RuntimeSpec:
        engine, request = self._engine, self._request
        user = users.resolve(rootfs, request.user, request.groups)
        owner = user
        if self._ids is not None:
            uid, gid = self._ids.outside(user["uid"], user["gid"])
            owner = {**user, "uid": uid, "gid": gid}
            self._ids.let_in(rootfs, mounts)
        for source in self._to_give:
            give(source, owner)
        places = [mount["destination"] for mount in mounts]
        stubs.make_working_directory(rootfs, request.cwd, owner, places, self._ids)
        placement = cgroups.place(config, engine.settings)
        run_files.write(self._bundle + "/cgroup", placement.path.encode())
        document = spec.generate(
            config, rootfs=rootfs, user=user, settings=engine.settings, netns_path=self._network.path or None,
            mounts=mounts, namespace_paths={"user": self._ids.path} if self._ids else None,
            cgroups_path=placement.path, runtime=runtime, warn=engine.warn,
        )  # fmt: skip
        if user["uid"] and config["cap_add"] and request.security != "insecure":
            # As in BuildKit and Buildah: what was added is in reach of set-uid programs, and no other user's from the start.
            bounding = document["process"]["capabilities"]["bounding"]
            document["process"]["capabilities"] = {"bounding": bounding, "effective": [], "permitted": []}
        environment = document["process"]["env"]
        if "container=podman" in environment and "container=podman" not in request.env:
            environment.remove("container=podman")  # a build's result shall not depend on who builds
        if request.terminal:
            from skerry.linux.terminal import window_size

            if size := window_size(0, 1, 2):
                document["process"]["consoleSize"] = {"height": size[0], "width": size[1]}
        if not placement.path:
            document["linux"].pop("cgroupsPath", None)
        document = spec.with_hooks(
            document, config, engine.settings, self._bundle, engine.warn, folders=request.hooks_dirs
        )
        run_files.write(self._bundle + "/config.json", fastjson.encode(document))
        return document

    def _remember_filter(self, runtime: Runtime, document: RuntimeSpec) -> None:
        """The first time: let the runtime compile the seccomp filter in a container that is never started, as that of
        a step that ends soon would be gone before it could be kept."""
        if bpf.KEY_ANNOTATION not in document["annotations"]:
            return
        from skerry.linux.spawn import spawn

        # Not on pipes: the program that waits to be started would hold them open.
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            pid = spawn(
                runtime.argv("create", "--bundle", self._bundle, self._id), env=runtime.environment(), stdin=null,
                stdout=null, stderr=null,
            )  # fmt: skip
        finally:
            os.close(null)
        try:
            if os.waitpid(pid, 0)[1] == 0:
                bpf.remember(runtime, self._id, document, spec.filter_cache(self._engine.settings))
        finally:
            try:
                oci.delete(runtime, self._id, force=True)
            except SkerryError:
                pass  # it was never made: the step will say why
