"""Commands on several containers: which ones are meant, and one result line or error for each."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.errors import Invalid, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

LATEST = flag("-l", "--latest", help="Act on the container that was created last")
CIDFILE = flag("--cidfile", kind="list", metavar="FILE", complete="files", help="Read the container's id from a file")
IGNORE = flag("-i", "--ignore", help="No error when a container does not exist")


def chosen(args: Args, engine: Engine, *, all_running: bool = False, missing_is_fine: bool = False) -> list[str]:
    """The names given, or what --all, --latest, --filter and --cidfile stand for. Exactly one of these ways.

    `NotFound` for a name that is none, before anything is done to the others, unless that or --ignore is fine."""
    names = list(args.positional)
    files, filters = args.get("cidfile", ()), args.get("filter", ())
    everything, latest = bool(args.get("all")), bool(args.get("latest"))
    missing_is_fine = missing_is_fine or bool(args.get("ignore"))
    require_one_way(names, files=bool(files), filters=bool(filters), everything=everything, latest=latest)
    if filters:
        return [row["Id"] for row in engine.containers.list(all=True, filters=list(filters))]
    if everything:
        return engine.containers.ids(running=all_running)
    if latest:
        return [engine.containers.latest()]
    ignored = bool(args.get("ignore"))  # rm --force is about containers: a file that is not there is a mistake
    names += [name for path in files if (name := _read_cid_file(path, missing_is_fine=ignored))]
    if len(names) > 1 and not missing_is_fine:
        for name in names:
            engine.containers.find(name)
    return names


def require_one_way(
    names: list[str], *, files: bool = False, filters: bool = False, everything: bool, latest: bool
) -> None:  # fmt: skip
    """`UsageError`, in Podman's words, for two ways at once, or none."""
    if filters:
        if names:
            raise UsageError("--filter takes no arguments")
        return
    if files and (everything or latest):
        raise UsageError("--all, --latest, and --cidfile cannot be used together")
    if everything and latest:
        raise UsageError("--all and --latest cannot be used together")
    if everything and names:
        raise UsageError("no arguments are needed with --all")
    if latest and names:
        raise UsageError("--latest and containers cannot be used together")
    if files and names:
        raise UsageError("no arguments are needed with --latest or --cidfile")
    if not (names or files or everything or latest):
        raise UsageError("you must provide at least one name or id")


def _read_cid_file(path: str, *, missing_is_fine: bool = False) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(256).strip()
    except FileNotFoundError:
        if missing_is_fine:
            return ""
        raise Invalid(f"reading CIDFile: open {path}: no such file or directory") from None
    except OSError as error:
        raise Invalid(f"reading CIDFile: open {path}: {(error.strerror or '').lower()}") from None


def each(
    names: list[str], action: Callable[[str], object], out: Output, *, ignore_missing: bool = False,
    show: Callable[[str, object], str | None] = lambda name, _result: name,
) -> int:  # fmt: skip
    """Do it for each; a line for each success, an error line for each failure; the first failure's exit code.

    Podman prints what the user called it, not the id."""
    code = 0
    for name in names:
        try:
            text = show(name, action(name))
            if text is not None:
                out.line(text)
        except NotFound as error:
            if ignore_missing:
                continue
            code = code or error.exit_code
            out.error(str(error))
        except SkerryError as error:
            code = code or error.exit_code
            out.error(str(error))
    return code


def chosen_one(args: Args, engine: Engine, missing: str) -> tuple[str, list[str]]:
    """One container (the first argument, --latest or --cidfile), and the arguments that are left.

    `UsageError` with the text ``missing`` when none is named."""
    rest = list(args.positional)
    files = args.get("cidfile", ())
    if files:
        return _read_cid_file(files[0]), rest
    if args.get("latest"):
        return engine.containers.latest(), rest
    if not rest:
        raise UsageError(missing)
    return rest[0], rest[1:]
