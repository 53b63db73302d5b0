"""`NetworkContext`: where this store's networks are defined and where this host's leases lie."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HOST_DIR = "/run/skerry/net"


class NetworkContext:
    """``conf`` is containers.conf's [network] table; ``helper_dirs`` its [engine] helper_binaries_dir.

    ``shared``: where a user's bridges live, a network namespace of its own; empty for root's, which are the host's.
    ``host_dir`` is shared by all stores of a host: addresses, ports and bridges are the host's, not a store's."""

    __slots__ = (
        "conf", "config_dir", "default_network", "helper_dirs", "host_dir", "listen_on_ports", "outer", "programs",
        "reserve_ports", "rootless", "run_dir", "shared",
    )  # fmt: skip

    def __init__(
        self, config_dir: str, run_dir: str, *, host_dir: str = HOST_DIR, rootless: bool = False,
        conf: Mapping[str, Any] | None = None, default_network: str = "podman",
        helper_dirs: tuple[str, ...] = ("/usr/libexec/podman", "/usr/lib/podman"),
        programs: Mapping[str, str] | None = None, shared: str = "", reserve_ports: bool = True,
        listen_on_ports: bool = False,
    ) -> None:  # fmt: skip
        self.config_dir = config_dir
        self.run_dir = run_dir
        self.host_dir = host_dir
        self.rootless = rootless
        self.conf = conf or {}
        self.default_network = default_network
        self.helper_dirs = helper_dirs
        self.programs = programs or {}  # name: path, where the user chose one
        self.shared = shared
        self.reserve_ports = reserve_ports  # a container's monitor keeps its host ports bound
        self.listen_on_ports = listen_on_ports  # it even listens on those of TCP
        self.outer: NetworkContext | None = None  # that of outside, for what is in the shared namespace

    def entered(self) -> NetworkContext:
        """The same, for what is in the shared namespace already."""
        inner = NetworkContext(
            self.config_dir, self.run_dir, host_dir=self.host_dir, rootless=self.rootless, conf=self.conf,
            default_network=self.default_network, helper_dirs=self.helper_dirs, programs=self.programs,
        )  # fmt: skip
        inner.outer = self
        return inner

    def helper(self, name: str) -> str:
        """The path of a helper program such as aardvark-dns or pasta; empty when there is none."""
        if self.programs.get(name):
            return self.programs[name]
        path = os.environ.get("PATH", "").split(":")
        for folder in (*self.helper_dirs, *path, "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
            if folder.startswith("/") and os.access(f"{folder}/{name}", os.X_OK):
                return f"{folder}/{name}"
        return ""
