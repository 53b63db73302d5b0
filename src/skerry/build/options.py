"""What can be asked of a build."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skerry.build.scan_options import Scan
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.source_policy import SourcePolicy


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that RUN --mount=type=secret may see: from a file or a variable of ours."""

    id: str
    source: str = ""
    env: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One ``--output``: ``type`` local, tar, oci, docker, image, registry or cacheonly, and its attributes. ``dest``: "-"
    is standard output."""

    type: str
    dest: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """``kind``: of the "manifest", the "index", or the manifest's entry in it ("manifest-descriptor"); ``platform``: of
    this one's only."""

    kind: str
    platform: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class CacheLocation:
    """One ``--cache-from`` or ``--cache-to``: ``type`` registry, local or inline, ``ref`` or folder, attributes."""

    type: str
    where: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunOptions:
    """What every RUN step runs with, as the flags of ``run`` have it."""

    network: str = "default"
    hosts: list[str] = field(default_factory=list)
    dns: list[str] = field(default_factory=list)
    dns_search: list[str] = field(default_factory=list)
    dns_options: list[str] = field(default_factory=list)
    no_hosts: bool = False
    no_hostname: bool = False
    hostname: str = ""
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    ulimits: list[str] = field(default_factory=list)
    resources: dict[str, Any] = field(default_factory=dict)
    cgroup_parent: str = ""
    shm_size: int = 0
    seccomp: str = ""
    apparmor: str = ""
    label_opts: list[str] = field(default_factory=list)
    no_new_privileges: bool = False
    mask: list[str] = field(default_factory=list)
    unmask: list[str] = field(default_factory=list)
    namespaces: dict[str, str] = field(default_factory=dict)
    id_maps: dict[str, Any] = field(default_factory=dict)  # uidmap, gidmap, subuidname, subgidname
    groups: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)  # HOST:STEP[:OPTIONS]
    mounts: list[str] = field(default_factory=list)  # as RUN --mount has them
    runtime: str = ""
    runtime_flags: list[str] = field(default_factory=list)  # without dashes
    hooks_dirs: list[str] = field(default_factory=list)  # instead of the configured ones
    stdin: bool = False  # RUN reads ours
    compat_volumes: bool = False  # what RUN writes below a VOLUME is gone after it
    insecure: bool = False  # RUN --security=insecure is allowed


@dataclass(slots=True)
class BuildOptions:
    """A build. Folders and files are absolute, or as the caller's working directory has them."""

    context: str = "."  # a folder, "-", a git or tar URL
    containerfiles: list[str] = field(default_factory=list)  # none: Containerfile or Dockerfile in the context
    build_contexts: dict[str, str] = field(default_factory=dict)
    ignore_file: str = ""
    stdin: Any = None  # what "-" reads
    target: str = ""
    build_args: dict[str, str | None] = field(default_factory=dict)  # None: from the environment
    platforms: list[str] = field(default_factory=list)
    all_platforms: bool = False  # those of the base images
    tags: list[str] = field(default_factory=list)
    manifest: str = ""
    format: str = "oci"
    labels: dict[str, str] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    unset_env: list[str] = field(default_factory=list)
    unset_labels: list[str] = field(default_factory=list)
    inherit_labels: bool = True
    identity_label: bool = False  # see `launcher.identity_label`
    from_: str = ""  # replaces the first FROM's image
    pull: str = "missing"  # always, missing, never, newer
    source_policy: SourcePolicy | None = None
    pull_options: dict[str, Any] = field(default_factory=dict)  # authfile, creds, tls_verify, …
    no_cache: bool = False
    no_cache_filter: list[str] = field(default_factory=list)
    squash: bool = False
    squash_all: bool = False
    skip_unused_stages: bool = True
    save_stages: bool = False  # as images
    stage_labels: bool = False  # that say which each one is
    layer_labels: dict[str, str] = field(default_factory=dict)  # of all of these but the target's
    jobs: int = 0  # 0: as many as there are processors
    source_date_epoch: int | None = None  # seconds: nothing in history and config is of another time
    rewrite_timestamp: bool = False
    timestamp: int | None = None
    omit_history: bool = False
    secrets: dict[str, Secret] = field(default_factory=dict)
    ssh: dict[str, str] = field(default_factory=dict)  # id → socket
    ssh_keys: dict[str, list[str]] = field(default_factory=dict)  # id → key files, for which an agent is started
    run: RunOptions = field(default_factory=RunOptions)
    cache_from: list[CacheLocation] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)  # keys of the steps that --cache-from brought
    cache_to: list[CacheLocation] = field(default_factory=list)
    cache_ttl_ns: int = 0  # steps that were done longer ago are done anew
    outputs: list[Output] = field(default_factory=list)  # none: an image
    push: bool = False
    attestations: dict[str, dict[str, str]] = field(default_factory=dict)  # sbom, provenance → attributes
    scan: Scan = field(default_factory=Scan)
    iid_file: str = ""
    iid_file_raw: str = ""
    metadata_file: str = ""
    inherit_annotations: bool = True
    unset_annotations: list[str] = field(default_factory=list)
    created_annotation: bool = False
    os_version: str = ""
    os_features: list[str] = field(default_factory=list)
    http_proxy: bool = True
    cpp_flags: list[str] = field(default_factory=list)
    explain: bool = False
    on_error_shell: bool = False
    author: str = ""
    cancelled: Callable[[], bool] = lambda: False

    @property
    def wants_image(self) -> bool:
        """Whether an image is to be made: by default, and for all outputs but files and nothing at all."""
        return not self.outputs or any(output.type not in ("local", "tar", "cacheonly") for output in self.outputs)
