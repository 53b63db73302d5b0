"""The `Engine`: one store with its settings, and a facade per kind of object, loaded when it is used."""

from __future__ import annotations

import os

from skerry.engine import supervisor
from skerry.linux import process
from skerry.store.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.config.settings import Settings
    from skerry.engine.builds import Builds
    from skerry.engine.containers import Containers
    from skerry.engine.containers.signals import Stopping
    from skerry.engine.events import Events
    from skerry.engine.images import Images
    from skerry.engine.manifests import Manifests
    from skerry.engine.networks import Networks
    from skerry.engine.secrets import Secrets
    from skerry.engine.system import System
    from skerry.engine.volumes import Volumes
    from skerry.network.context import NetworkContext


class Engine:
    """What every face (command line, HTTP API, library) calls. Not shared between threads."""

    def __init__(
        self, settings: Settings, *, warn: Callable[[str], None] | None = None, log: Callable[[str], None] | None = None
    ) -> None:
        """``warn`` gets a line for what was granted only in part, ``log`` one for what did not go as it should; without
        them both gather in `warnings`."""
        self.settings = settings
        self.warnings: list[str] = []
        self.warn = warn or self.warnings.append
        self.log = log or self.warnings.append
        self.store = Store(
            settings.root, settings.runroot, rootless=settings.userns,
            attach=self._attach if settings.storage_opts else None,
        )  # fmt: skip
        self.stopping: dict[str, Stopping] = {}  # by container; see `Containers.ask_all_to_stop`
        self._network: NetworkContext | None = None
        self.cancelled: Callable[[], bool] | None = None  # asked by long work of builds

    def _attach(self, store: Store) -> None:
        """Add what additional image stores have; called when the database is opened."""
        from skerry.config.storage_opts import image_stores

        if paths := image_stores(self.settings.storage_opts):
            from skerry.engine.images.additional import attach

            attach(self, store, paths)

    @property
    def containers(self) -> Containers:
        from skerry.engine.containers import Containers

        return Containers(self)

    @property
    def images(self) -> Images:
        from skerry.engine.images import Images

        return Images(self)

    @property
    def manifests(self) -> Manifests:
        from skerry.engine.manifests import Manifests

        return Manifests(self)

    @property
    def volumes(self) -> Volumes:
        from skerry.engine.volumes import Volumes

        return Volumes(self)

    @property
    def secrets(self) -> Secrets:
        from skerry.engine.secrets import Secrets

        return Secrets(self)

    @property
    def networks(self) -> Networks:
        from skerry.engine.networks import Networks

        return Networks(self)

    @property
    def builds(self) -> Builds:
        from skerry.engine.builds import Builds

        return Builds(self)

    @property
    def events(self) -> Events:
        from skerry.engine.events import Events

        return Events(self)

    @property
    def system(self) -> System:
        from skerry.engine.system import System

        return System(self)

    @property
    def network(self) -> NetworkContext:
        """Where the network room keeps its definitions and leases."""
        if self._network is None:
            from skerry.engine.containers.network import open_context

            self._network = open_context(self.settings)
        return self._network

    def sweep_builds(self) -> None:
        """Take down what builders that were killed left running and mounted. Costs one readdir when there is nothing."""
        try:
            if not os.listdir(self.settings.root + "/builds/roots"):
                return
        except OSError:
            return
        from skerry.engine.builds.sweep import sweep

        sweep(self)

    def revive(self) -> None:
        """Start the supervisor again if it was killed while containers need it; after the machine started, remove what
        ended with it. Every command begins with it."""
        noted = self.store.run_path("boot")
        try:
            with open(noted, encoding="ascii") as file:
                known = file.read() == process.boot_id()
        except OSError:
            known = False
        if not known:
            from skerry.engine.system.booted import clean

            clean(self, noted)
        supervisor.revive(self)

    def command_line(self) -> list[str]:
        """How another program (conmon's exit command) calls this very Skerry on this very store."""
        from skerry.config.launcher import launcher

        settings, conf = self.settings, self.settings.conf["engine"]
        return [
            *launcher(),
            "--root", settings.root,
            "--runroot", settings.runroot,
            "--tmpdir", settings.tmpdir,
            "--network-config-dir", settings.network_config_dir,
            "--volumepath", settings.volume_path,
            "--cgroup-manager", settings.cgroup_manager,
            "--events-backend", settings.events_backend,
            "--log-level", settings.log_level, *(["--syslog"] if settings.syslog else []),
            *(word for folder in _given(settings.hooks_dirs, conf["hooks_dir"]) for word in ("--hooks-dir", folder)),
            *(word for folder in _given(settings.cdi_dirs, conf["cdi_spec_dirs"]) for word in ("--cdi-spec-dir", folder)),
            *(("--default-mounts-file", settings.default_mounts_file) if settings.default_mounts_file else ()),
            *(word for option in _given_options(settings) for word in ("--storage-opt", option)),
            *(word for module in settings.modules for word in ("--module", module)),
        ]  # fmt: skip


def _given_options(settings: Settings) -> list[str]:
    return [] if settings.storage_opts == settings.conf["storage_opts"] else settings.storage_opts


def _given(folders: list[str], configured: list[str]) -> list[str]:
    """Those of a flag: what is configured, the other program knows."""
    return [] if folders == configured else [os.path.abspath(folder) for folder in folders]


def open_engine(flags: dict[str, object]) -> Engine:
    """Settings from the configuration files and ``flags``, the user namespace if one is needed, and the engine."""
    from skerry.config.settings import load_settings

    settings = load_settings(flags)  # type: ignore[arg-type]
    if settings.rootless:
        from skerry.engine.rootless import enter

        enter(settings)
    engine = Engine(settings)
    engine.sweep_builds()
    engine.revive()
    return engine
