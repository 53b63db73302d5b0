"""`Settings`: what every operation needs to know about this host, this user and these flags.

Made once per command: with nothing changed since the last one it costs a few dozen stat calls and one small JSON
document (see `cache`).
"""

from __future__ import annotations

import os

from skerry.config import cache, identity, paths
from skerry.config.files import resolve_module
from skerry.config.programs import find_program, is_program
from skerry.config.sizes import parse_size
from skerry.errors import Invalid, SkerryError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class GlobalFlags(TypedDict, total=False):
        """The global flags that were given, by long name with - replaced by _."""

        root: str
        runroot: str
        tmpdir: str
        storage_opt: list[str]
        storage_driver: str
        cgroup_manager: str
        runtime: str
        runtime_flag: list[str]
        conmon: str
        log_level: str
        network_config_dir: str
        network_cmd_path: str
        events_backend: str
        volumepath: str
        hooks_dir: list[str]
        cdi_spec_dir: list[str]
        default_mounts_file: str
        module: list[str]
        syslog: bool


__all__ = ["Settings", "find_program", "load_settings"]

JOURNAL_SOCKET = "/run/systemd/journal/socket"
JOURNALS = ("/run/log/journal", "/var/log/journal")  # kept in memory until the next boot, and kept on disk
_MOUNTS_FILES = ("/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf")
_CGROUP_MANAGERS = ("cgroupfs", "systemd")
_EVENTS_BACKENDS = ("file", "journald", "none")


class Settings:
    """Flags over files over defaults. ``conf`` is the whole merged containers.conf, every known key present."""

    __slots__ = (
        "base_hosts_file", "cdi_dirs", "cgroup_manager", "cgroupns", "conf", "config_dir", "conmon_env", "conmon_flag",
        "default_caps", "default_env", "default_mounts_file", "default_netns", "default_network", "default_sysctls", "default_ulimits",
        "detach_keys", "dns_options", "dns_searches", "dns_servers", "entered", "events_backend", "events_path",
        "from_outside", "gid", "helper_dirs", "home", "hooks_dirs", "host_containers_ip", "infra_command", "infra_image",
        "init", "init_path_conf", "log_driver", "log_level", "log_size_max", "modules", "network_cmd_path",
        "network_config_dir", "no_hosts", "pids_limit", "root", "rootless", "run_base", "runroot", "runtime",
        "runtime_flags", "runtimes", "search_registries", "seccomp_profile", "shm_size", "stop_timeout",
        "storage_driver", "storage_opts", "syslog", "tmpdir", "tz", "uid", "umask", "userns", "volume_path", "warnings",
    )  # fmt: skip

    def __init__(self, who: identity.Identity, conf: dict[str, Any], run_base: str, flags: GlobalFlags) -> None:
        self.conf = conf
        self.warnings: list[str] = []
        self.uid, self.gid = who.uid, who.gid
        self.rootless, self.userns, self.entered = who.rootless, who.userns, who.entered
        self.from_outside = who.rootless and not who.entered  # who calls does not see what is mounted for them
        self.home = paths.home()
        self.config_dir = paths.config_home() + "/containers" if who.rootless else "/etc/containers"
        # The run folder without --runroot: what belongs to the user and not to one store lies there.
        self.run_base = run_base
        self.log_level: str = flags.get("log_level") or "warn"
        self.modules: list[str] = []
        self._set_paths(who, flags)
        self._set_containers(conf["containers"])
        self._set_network(conf["network"], flags)
        self._set_engine(conf["engine"], flags)
        self._set_records(conf, flags)
        self._set_pids_limit(who, conf["containers"]["pids_limit"])

    def _set_paths(self, who: identity.Identity, flags: GlobalFlags) -> None:
        self.root: str = _absolute(flags.get("root")) or paths.data_root(who)
        self.runroot: str = _absolute(flags.get("runroot")) or self.run_base
        self.tmpdir: str = _absolute(flags.get("tmpdir")) or self.runroot
        self.volume_path: str = _absolute(flags.get("volumepath")) or self.root + "/volumes"
        self.storage_driver: str = (
            flags.get("storage_driver") or _driver_in_environment() or self.conf["storage_driver"]
        )
        environment = list(filter(None, os.environ.get("STORAGE_OPTS", "").split(",")))
        self.storage_opts: list[str] = flags.get("storage_opt") or environment or self.conf["storage_opts"]
        self.search_registries: list[str] = self.conf["registries"]["search"]

    def _set_containers(self, conf: dict[str, Any]) -> None:
        self.default_caps: list[str] = conf["default_capabilities"]
        self.default_ulimits: list[str] = conf["default_ulimits"]
        self.default_sysctls: dict[str, str] = dict(
            item.split("=", 1) for item in conf["default_sysctls"] if "=" in item
        )
        self.default_env: list[str] = conf["env"]
        self.default_netns: str = conf["netns"]
        self.base_hosts_file: str = conf["base_hosts_file"]
        self.no_hosts: bool = conf["no_hosts"]
        self.dns_servers: list[str] = conf["dns_servers"]
        self.dns_searches: list[str] = conf["dns_searches"]
        self.dns_options: list[str] = conf["dns_options"]
        self.host_containers_ip: str = conf["host_containers_internal_ip"]
        self.init: bool = conf["init"]
        self.init_path_conf: str = conf["init_path"]
        self.log_size_max: int = conf["log_size_max"]
        self.shm_size = parse_size(conf["shm_size"], kilo=1000)  # as Podman reads it here, unlike --shm-size
        self.tz: str = conf["tz"]
        self.umask: str = conf["umask"]
        self.cgroupns: str = conf["cgroupns"] or ("private" if has_cgroup2() else "host")
        self.seccomp_profile: str = conf["seccomp_profile"] or _seccomp_profile()

    def _set_network(self, conf: dict[str, Any], flags: GlobalFlags) -> None:
        self.default_network: str = conf["default_network"]
        given = flags.get("network_config_dir") or conf["network_config_dir"]
        self.network_config_dir: str = _absolute(given) or self.root + "/networks"
        self.network_cmd_path: str = flags.get("network_cmd_path") or self.conf["engine"]["network_cmd_path"]

    def _set_engine(self, conf: dict[str, Any], flags: GlobalFlags) -> None:
        own = os.environ.get("CONTAINERS_HELPER_BINARY_DIR", "")
        self.helper_dirs: list[str] = [*([own] if own else []), *conf["helper_binaries_dir"]]
        self.hooks_dirs: list[str] = flags.get("hooks_dir") or conf["hooks_dir"]
        self.syslog: bool = flags.get("syslog", False)
        self.default_mounts_file: str = _absolute(flags.get("default_mounts_file"))
        self.cdi_dirs: list[str] = flags.get("cdi_spec_dir") or conf["cdi_spec_dirs"]
        self.detach_keys: str = conf["detach_keys"]
        self.infra_image: str = conf["infra_image"]
        self.infra_command: str = conf["infra_command"]
        self.stop_timeout: int = conf["stop_timeout"]
        self.conmon_flag: str = flags.get("conmon") or ""
        self.conmon_env: list[str] = conf["conmon_env_vars"]
        self.runtimes: dict[str, list[str]] = conf["runtimes"]
        self.runtime: str = flags.get("runtime") or conf["runtime"] or self._first_runtime()
        self.runtime_flags: list[str] = flags.get("runtime_flag") or []
        self.cgroup_manager = self._cgroup_manager(flags.get("cgroup_manager") or "", conf["cgroup_manager"])

    def _set_records(self, conf: dict[str, Any], flags: GlobalFlags) -> None:
        """Where events and containers' logs go: to journald where it can be read, else to files.

        Following a log in the journal needs the events beside it, so logs don't go there on their own."""
        configured: str = flags.get("events_backend") or conf["engine"]["events_logger"]
        journal = configured in ("", "journald") and has_systemd() and reads_journal()
        backend = configured or ("journald" if journal else "file")
        self.events_backend = _choice(backend, _EVENTS_BACKENDS, '"{}" is not a valid events backend')
        self.events_path: str = conf["engine"]["events_logfile_path"] or self.tmpdir + "/events/events.log"
        self.log_driver: str = conf["containers"]["log_driver"] or ("journald" if journal else "k8s-file")

    def mounts_file(self) -> str:
        """The mounts.conf that counts: the flag's, else the first that is there; "" without any."""
        mine = [self.config_dir + "/mounts.conf"] if self.rootless else []
        found = (path for path in (*mine, *_MOUNTS_FILES) if os.path.exists(path))
        return self.default_mounts_file or next(found, "")

    def _first_runtime(self) -> str:
        for name in ("crun", "runc"):
            if any(map(is_program, self.runtimes[name])):
                return name
        return "crun"

    def _cgroup_manager(self, flag: str, configured: str) -> str:
        given = flag or configured
        if given:
            _choice(given, _CGROUP_MANAGERS, "cgroup manager must be one of cgroupfs and systemd")
        # Podman 6 knows no cgroup v1: there systemd would have to be asked for each controller.
        manager = given or ("systemd" if has_systemd() and has_cgroup2() else "cgroupfs")
        if manager == "systemd" and self.rootless and not self.entered and not self._has_user_systemd():
            if given:
                self.warnings.append(
                    "the cgroup manager is set to systemd but there is no systemd user session: using cgroupfs "
                    f"(loginctl enable-linger {self.uid})"
                )
            return "cgroupfs"
        return manager

    def _has_user_systemd(self) -> bool:
        folder = os.path.dirname(self.run_base)
        return os.environ.get("DBUS_SESSION_BUS_ADDRESS", "") != "" or os.path.exists(folder + "/bus")

    def _set_pids_limit(self, who: identity.Identity, limit: int) -> None:
        # A default that a user's processes may not set is none (Podman does the same); a flag's limit is an error.
        allowed = not who.rootless or (self.cgroup_manager == "systemd" and has_cgroup2())
        self.pids_limit: int = limit if allowed else 0

    @property
    def conmon(self) -> str:
        """conmon's path. `Unavailable` when there is none."""
        if self.conmon_flag:
            if not is_program(self.conmon_flag):
                raise Unavailable(f"could not find a working conmon binary: {self.conmon_flag}")
            return os.path.abspath(self.conmon_flag)
        for path in self.conf["engine"]["conmon_path"]:
            if is_program(path):
                return str(path)
        path = find_program("conmon", self)
        if not path:
            raise Unavailable("could not find a working conmon binary", hint="apt-get install conmon")
        return path

    @property
    def init_path(self) -> str:
        """The path of the init program (catatonit); empty when there is none."""
        return self.init_path_conf or find_program("catatonit", self)


def load_settings(flags: GlobalFlags | None = None) -> Settings:
    """Settings for these global flags. `Invalid` names the file and line, or the flag, that is wrong.

    Makes the user's run folder (`Denied` when it is another's), but no store."""
    given: GlobalFlags = flags or {}
    who = identity.current()
    run_base = paths.run_root(who)
    try:
        paths.make_run_root(run_base, who)
    except SkerryError:
        if who.rootless or not given.get("runroot"):
            raise
        # Root with a store elsewhere only loses the kept configuration (see cache).
    modules = [resolve_module(name) for name in given.get("module", ())]
    conf = cache.load(who, run_base, modules)
    for item in conf["engine"]["env"]:
        name, _, value = item.partition("=")
        os.environ.setdefault(name, value)
    settings = Settings(who, conf, run_base, given)
    settings.modules = modules
    return settings


def has_systemd() -> bool:
    """Whether systemd runs this host (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def reads_journal() -> bool:
    """Whether journald listens, and one of its folders (one per machine id) opens for us, which Podman asks, too.

    A user whose entries are kept in memory only cannot read them: journald makes no file per user there."""
    if not os.path.exists(JOURNAL_SOCKET):
        return False
    for folder in JOURNALS:
        try:
            with os.scandir(folder) as machines:
                if any(machine.is_dir() and _opens(machine.path) for machine in machines):
                    return True
        except OSError:
            continue  # none there, or not for us
    return False


def _opens(folder: str) -> bool:
    try:
        os.scandir(folder).close()
    except OSError:
        return False
    return True


def has_cgroup2() -> bool:
    """Whether cgroup v2 is the only hierarchy."""
    return os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def _seccomp_profile() -> str:
    for path in ("/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"):
        if os.path.exists(path):
            return path
    return ""


def _absolute(path: str | None) -> str:
    return os.path.abspath(path) if path else ""


def _driver_in_environment() -> str:
    driver = os.environ.get("STORAGE_DRIVER", "")
    if driver:
        from skerry.config.merge import DRIVERS

        if driver not in DRIVERS:
            raise Invalid(f'STORAGE_DRIVER: "{driver}" is not one of {", ".join(DRIVERS[1:])}')
    return driver


def _choice(value: str, choices: tuple[str, ...], words: str) -> str:
    if value not in choices:
        raise Invalid(f"configuring runtime: {words.format(value)}: invalid argument")
    return value
