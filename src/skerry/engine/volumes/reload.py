"""``volume reload``: what the plugins have and what is recorded, brought together."""

from __future__ import annotations

from skerry.engine.volumes.create import create
from skerry.engine.volumes.find import all_volumes, get
from skerry.engine.volumes.plugins import names, plugin
from skerry.engine.volumes.remove import remove
from skerry.errors import Conflict, InUse, NotFound, SkerryError
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


@dataclass
class Reloaded:
    """Names of the volumes that are known from now on and of those that are no more; what could not be asked."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def reload(engine: Engine) -> Reloaded:
    """Ask every plugin. A plugin that does not answer costs none of its volumes."""
    result = Reloaded()
    known: dict[str, set[str]] = {}
    for driver in names(engine):
        try:
            found = plugin(engine, driver).list()
        except SkerryError as error:
            result.problems.append(f'failed to read volumes from plugin "{driver}": {error.message}')
            continue
        known[driver] = set(found)
        for name in found:
            _add(engine, driver, name, result)
    for record in all_volumes(engine):
        driver = record["driver"]
        if driver in known and record["name"] not in known[driver]:
            _forget(engine, record["name"], driver, result)
    return result


def _add(engine: Engine, driver: str, name: str, result: Reloaded) -> None:
    if get(engine, name) is not None:
        return
    try:
        create(engine, name, driver=driver, known_to_plugin=True)
    except Conflict:
        return  # another command was faster
    except SkerryError as error:
        result.problems.append(error.message)
        return
    result.added.append(name)


def _forget(engine: Engine, name: str, driver: str, result: Reloaded) -> None:
    try:
        remove(engine, name, gone_from_plugin=True)
    except InUse as error:
        result.problems.append(
            f'volume was removed from the plugin "{driver}" but containers still require it: {error.message}'
        )
        return
    except NotFound:
        return  # it is gone already
    except SkerryError as error:
        result.problems.append(error.message)
        return
    result.removed.append(name)
