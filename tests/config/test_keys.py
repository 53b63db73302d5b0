"""Every key of containers.conf(5) is obeyed, or said to have no effect; others are told as unknown."""

from __future__ import annotations

import pytest
from tests.config.conftest import Host

from skerry.config.defaults import defaults
from skerry.config.moot import MOOT, reason
from skerry.errors import Invalid

KEYS = {
    "containers": """annotations apparmor_profile base_hosts_file cgroup_conf cgroups cgroupns container_name_as_hostname
        default_capabilities default_sysctls default_ulimits devices dns_options dns_searches dns_servers env env_host
        host_containers_internal_ip http_proxy init init_path interface_name ipcns keyring label label_users log_driver
        log_path log_size_max log_tag mounts netns no_hosts oom_score_adj pidns pids_limit prepare_volume_on_create
        privileged read_only seccomp_profile shm_size tz umask userns utsns volumes""",
    "network": """network_backend cni_plugin_dirs netavark_plugin_dirs default_network default_subnet default_subnet_pools
        default_rootless_network_cmd network_config_dir firewall_driver dns_bind_port pasta_options default_host_ips
        rootless_port_forwarder""",
    "engine": """active_service add_compression cgroup_manager compat_api_enforce_docker_hub compose_providers
        compose_warning_logs conmon_env_vars conmon_path database_backend detach_keys enable_port_reservation env force_port_listen
        events_logfile_path events_logfile_max_size events_logger events_container_create_inspect_data
        healthcheck_events helper_binaries_dir hooks_dir cdi_spec_dirs image_default_format image_default_transport
        image_parallel_copies image_volume_mode infra_command infra_image kube_generate_type lock_type
        multi_image_archive namespace network_cmd_path network_cmd_options no_pivot_root num_locks pod_exit_policy
        pull_policy remote retry retry_delay runtime runtime_supports_json runtime_supports_kvm
        runtime_supports_nocgroups image_copy_tmp_dir service_timeout static_dir stop_timeout exit_command_delay tmp_dir
        volume_path chown_copied_files compression_format compression_level runtimes runtimes_flags volume_plugins
        volume_plugin_timeout platform_to_oci_runtime service_destinations""",
    "secrets": "driver opts",
    "machine": "cpus disk_size image memory user volumes provider rosetta",
    "farms": "default list",
    "podmansh": "shell container timeout",
}


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, names in KEYS.items() for name in names.split()])
def test_a_key_of_the_manual_is_obeyed_or_has_a_reason(table: str, name: str) -> None:
    assert name in defaults().get(table, {}) or reason(table, name)


def test_reasons_are_given_for_keys_that_exist() -> None:
    known = {f"{table}.{name}" for table, names in KEYS.items() for name in names.split()} | KEYS.keys()
    assert not set(MOOT) - known - {"network.default_rootless_network_command"}


def test_a_key_without_effect_is_told_with_its_reason(host: Host) -> None:
    host.write(host.admin, "containers.conf", "[engine]\nnum_locks = 4096\n[machine]\ncpus = 2\n")
    assert host.load().conf["moot"] == {
        "engine.num_locks": MOOT["engine.num_locks"], "machine.cpus": MOOT["machine"],
    }  # fmt: skip


def test_an_unknown_key_is_told_with_its_line_and_harms_nothing(host: Host) -> None:
    path = host.write(host.admin, "containers.conf", '[containers]\nunmask = "0007"\numask = "0027"\n[colour]\nx = 1\n')
    settings = host.load()
    assert settings.umask == "0027"
    assert settings.conf["unknown"] == [f"{path}: line 2: [containers] unmask", f"{path}: line 5: [colour] x"]


def test_a_remote_engine_is_refused(host: Host) -> None:
    path = host.write(host.admin, "containers.conf", "[engine]\nremote = true\n")
    with pytest.raises(Invalid, match=f"{path}: line 2: \\[engine\\] remote: there is no remote client"):
        host.load()


def test_storage_conf_says_how_many_ids_userns_auto_takes_and_from_whom(host: Host) -> None:
    assert host.load().conf["auto_ids"]["auto-userns-min-size"] == 1024
    host.write(
        host.admin, "storage.conf", '[storage.options]\nauto-userns-min-size = 2048\nroot-auto-userns-user = "me"\n'
    )
    ids = host.load().conf["auto_ids"]
    assert (ids["auto-userns-min-size"], ids["root-auto-userns-user"]) == (2048, "me")


def test_a_wrong_type_in_storage_conf_is_one_line(host: Host) -> None:
    path = host.write(host.admin, "storage.conf", '[storage.options]\nauto-userns-min-size = "many"\n')
    with pytest.raises(Invalid, match=f"{path}: line 2: .*auto-userns-min-size: expected an integer, found a string"):
        host.load()
