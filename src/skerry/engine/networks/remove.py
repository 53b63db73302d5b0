"""Removing networks."""

from __future__ import annotations

from skerry.engine.networks.view import list_networks, members
from skerry.errors import InUse, Invalid, NotFound
from skerry.network import definitions
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine


def remove(engine: Engine, name: str, *, force: bool = False, timeout_s: float | None = None) -> str:
    """Remove a network: its name. With ``force`` its containers go first."""
    try:
        network = definitions.find(engine.network, name)
    except NotFound as error:
        raise NotFound(error.message, exit_code=1) from None
    if network["name"] == engine.network.default_network:
        raise Invalid(f"default network {network['name']} cannot be removed")
    for container, _, _ in members(engine).get(network["name"], ()) if force else ():
        engine.containers.remove(container, force=True, timeout_s=timeout_s)
    with engine.store.lock("network", "create", fleeting=True):
        if network["name"] in members(engine):
            raise InUse(
                f'"{network["name"]}" has associated containers with it. '
                "Use -f to forcibly delete containers and pods: network is being used"
            )
        step("network.remove")
        definitions.remove(engine.network, network["name"])
    if network["driver"] == "bridge":
        _remove_bridge(engine, network["network_interface"])
    engine.events.emit(
        type="network", status="remove", id=network["id"], network=network["name"],
        attributes={"driver": network["driver"]},
    )  # fmt: skip
    return network["name"]


def _remove_bridge(engine: Engine, name: str) -> None:
    from skerry.network import foreign, setup

    setup.remove_idle(engine.network, name)
    if not name.startswith(foreign.PREFIX):
        foreign.retract(engine.network, [name])


def prune(engine: Engine, filters: Sequence[str] = ()) -> list[str]:
    """Remove the networks without containers."""
    removed = []
    for network in list_networks(engine, ["dangling=true", *filters]):
        try:
            removed.append(remove(engine, network["name"]))
        except (InUse, NotFound):
            continue  # a container took it, or another command removed it, meanwhile
    return removed
