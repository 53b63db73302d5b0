"""Keys of containers.conf(5) that Skerry reads and does not need, each with its reason: `skerry info` tells who set one."""

from __future__ import annotations

_STORE = "Skerry's store is its own (--root, --runroot, --tmpdir, --volumepath)"
_LOCKS = "locks are files: there is no pool of them"
_REMOTE = "there is no remote client"
_SERVICE = "there is no API service yet"
_PODS = "there are no pods yet"
_PROBED = "what a runtime can do is known by its name, or tried"

# table.key, or a whole table
MOOT = {
    "containers.label_users": "SELinux labels are made without the caller's user and role",
    "network.network_backend": "bridges and ports are Skerry's own, names are served by aardvark-dns",
    "network.cni_plugin_dirs": "there are no CNI plugins",
    "network.netavark_plugin_dirs": "there are no netavark plugins",
    "network.dns_bind_port": "names are served on port 53 of each network's gateway",
    "network.firewall_driver": "rules are one nftables table",
    "network.rootless_port_forwarder": "each container has a forwarder, which keeps its clients' addresses",
    "network.default_rootless_network_cmd": "pasta is the only one",
    "network.default_rootless_network_command": "pasta is the only one",
    "engine.active_service": _REMOTE,
    "engine.service_destinations": _REMOTE,
    "engine.compat_api_enforce_docker_hub": _SERVICE,
    "engine.service_timeout": _SERVICE,
    "engine.exit_command_delay": _SERVICE,
    "engine.compose_providers": "compose files are not read yet",
    "engine.compose_warning_logs": "compose files are not read yet",
    "engine.database_backend": "state is one SQLite database",
    "engine.image_copy_tmp_dir": "layers are unpacked in the store's own staging folder",
    "engine.image_default_transport": "a name without a transport is a registry's",
    "engine.image_parallel_copies": "layers are copied side by side, as many as there are processors for",
    "engine.infra_command": _PODS,
    "engine.infra_image": _PODS,
    "engine.pod_exit_policy": _PODS,
    "engine.kube_generate_type": "Kubernetes YAML is not written yet",
    "engine.lock_type": _LOCKS,
    "engine.num_locks": _LOCKS,
    "engine.namespace": "a store has no namespaces: use several --root",
    "engine.network_cmd_options": "they are slirp4netns's (pasta_options are pasta's)",
    "engine.runtime_supports_json": _PROBED,
    "engine.runtime_supports_kvm": _PROBED,
    "engine.runtime_supports_nocgroups": _PROBED,
    "engine.static_dir": _STORE,
    "engine.tmp_dir": _STORE,
    "engine.volume_path": _STORE,
    "engine.chown_copied_files": "cp gives files to the container's root unless --archive=false",
    "machine": "there are no virtual machines",
    "farms": "there are no farms of builders",
    "podmansh": "there is no podmansh",
}


def reason(table: str, name: str) -> str:
    """Why ``[table] name`` has no effect; empty when it is not such a key."""
    return MOOT.get(f"{table}.{name}") or MOOT.get(table.partition(".")[0], "")
