"""The way in: global flags, the command's module, its flags, its run(), and out by _exit.

Nothing is imported that the command at hand does not need: this path is most of what `skerry ps` does.
"""

from __future__ import annotations

import gc
import os
import sys

from skerry.cli.flags import Args, HelpRequested, UsageError
from skerry.cli.globals import INHERITED_FLAGS, REFUSED, TOP_FLAGS
from skerry.cli.output import Output
from skerry.cli.parse import parse
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any, NoReturn

    from skerry.cli.flags import Flag
    from skerry.cli.table import Command

# Global flags that the engine need not know.
FACE_ONLY = (
    "config", "context", "cpu_profile", "db_backend", "debug", "max_workers", "memory_profile", "network_backend",
    "noout", "out", "pull_option", "registries_conf", "trace", "version",
)  # fmt: skip
# What a shell reports for a program that SIGPIPE or SIGINT ended: scripts and `set -o pipefail` expect no other.
_BROKEN_PIPE = 128 + 13
_INTERRUPTED = 128 + 2


def main(argv: list[str] | None = None) -> NoReturn:
    """Run one command line and leave the process with its exit code."""
    # Imports make many objects and no garbage: looking for cycles at every 700th costs 1 ms of `run`.
    gc.set_threshold(50_000)
    out = Output()
    code = guarded(sys.argv[1:] if argv is None else argv, out)
    # Finalising the interpreter costs a millisecond and does nothing that anyone needs.
    os._exit(code)


def guarded(argv: list[str], out: Output) -> int:
    """`dispatch`, with every failure turned into a line on stderr and an exit code."""
    try:
        try:
            if os.access("/etc/containers/podman_preexec_hooks.txt", os.F_OK):
                from skerry.cli.preexec import refusal

                code = refusal(argv)
                if code:
                    return code
            code = dispatch(argv, out)
            out.flush()
        except UsageError as error:
            if error.bare:
                out.plain_error(str(error), keep="\n")
            else:
                out.error(str(error), error.trailer)
            code = error.exit_code
        except SkerryError as error:
            if out.level >= 5:
                out.traceback(error)
            out.error(str(error))
            code = error.exit_code
    except BrokenPipeError:
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0
    except Exception as error:  # noqa: BLE001 - the face: nothing above catches
        return _unexpected(error, out)
    if out.level >= 5 and out.command:
        out.debug("Shutting down engines")
    return code


def _unexpected(error: Exception, out: Output) -> int:
    try:
        if out.level >= 5:
            out.traceback(error)
            out.error(f"{type(error).__name__}: {error}")
        else:
            out.error(f"{type(error).__name__}: {error} (a bug in Skerry: --log-level=debug shows where)")
    except OSError:
        pass  # stderr is gone: nobody to tell
    return 125


def dispatch(argv: list[str], out: Output) -> int:
    """Find the command, parse its flags, run it; its exit code."""
    top = Args(TOP_FLAGS)
    path, rest, asked = find_command(argv, top)
    _apply(top, out)
    if top["module"]:
        _check_modules(top["module"])  # also where the command is none, or needs no configuration
    if top["version"]:
        from skerry.config.launcher import spoken_version

        out.line(" version ".join(spoken_version()))
        return 0
    from skerry.cli.table import lookup

    command = lookup(path) if path else None
    if command is None:
        from skerry.cli.help import show_group

        return show_group(path, rest, out, asked=asked, top=top)
    if command.starts and os.geteuid() == 0:
        # A user's own namespace has to be entered before there is a second thread: these commands call it then.
        from skerry.engine.warm import warm_up

        warm_up()
    module = load(command)
    out.command = path
    if getattr(module, "RAW_ARGS", False):  # completion: flags are its data, also those before it
        args = Args(())
        args.positional = [*argv[: len(argv) - len(rest) - 1], *rest]
        return run(module, args, top, out)
    try:
        args = parse_command(path, module, rest, top, out)
    except HelpRequested:
        from skerry.cli.help import show_command

        return show_command(path, command, module, out)
    _refuse(top)
    _tell_start(argv, out)
    return run(module, args, top, out)


def find_command(argv: list[str], top: Args) -> tuple[str, list[str], bool]:
    """Global flags (into ``top``), then the command's words, each of which global flags may follow.

    The command's or group's name, what stands after it, and whether help was asked for before a command was named.
    """
    from skerry.cli.table import GROUPS, lookup

    path = ""
    rest = argv
    while True:
        try:
            # A command's own flags come after its name, so every level ends at its first word.
            flags, inherited = (TOP_FLAGS, ()) if not path else ((), INHERITED_FLAGS)
            level = parse(flags, rest, interspersed=False, inherited=inherited, inherited_args=top)
        except HelpRequested as asked:
            if not path:
                top.take(asked.before)
            return path, [], True
        except UsageError as error:
            error.trailer = _help_pointer(error.message, path, flags)
            raise
        if not path:
            top.take(level)
        rest = level.positional
        if not rest:
            return path, rest, False
        longer = f"{path} {rest[0]}" if path else rest[0]
        if longer in GROUPS:
            path, rest = longer, rest[1:]
        elif lookup(longer) is not None:
            return longer, rest[1:], False
        else:
            # What follows a word that is no command is read for flags first, as cobra does: theirs is the error.
            try:
                parse(flags, rest, inherited=INHERITED_FLAGS, inherited_args=top)
            except HelpRequested:
                return path, [], True
            except UsageError as error:
                error.trailer = _help_pointer(error.message, path, flags)
                raise
            return path, rest, False


def _help_pointer(problem: str, path: str, flags: Sequence[Flag]) -> str:
    """What stands below a flag's error: flags that may have been meant, and where the help is."""
    from skerry.config.launcher import spoken_name

    pointer = f"See '{spoken_name()} {path + ' ' if path else ''}--help'"
    if not problem.startswith("unknown flag: --"):
        return pointer
    from skerry.cli.suggest import nearest

    names = [name for it in (*flags, *INHERITED_FLAGS) if not it.hidden for name in (it.name, *it.also)]
    found = nearest(problem[len("unknown flag: --") :], dict.fromkeys(names))
    return "\nDid you mean this?\n" + "".join(f"\t--{name}\n" for name in found) + "\n" + pointer if found else pointer


def parse_command(path: str, module: ModuleType, rest: list[str], top: Args, out: Output) -> Args:
    """The command's own flags and arguments; global flags among them go to ``top``."""
    try:
        args = parse(
            module.FLAGS,
            rest,
            interspersed=getattr(module, "INTERSPERSED", True),
            inherited=INHERITED_FLAGS,
            inherited_args=top,
            deprecated=out.plain_error,
        )
    except UsageError as error:
        error.trailer = _help_pointer(error.message, path, module.FLAGS)
        raise
    _apply(top, out)
    check_count(path, module, len(args.positional))
    return args


def _apply(top: Args, out: Output) -> None:
    """Global flags that concern the output, from either side of the command."""
    if top["debug"]:
        if top.given("log_level"):
            raise UsageError("Setting --log-level and --debug is not allowed", bare=True)
        top.set("log_level", "debug")
        top.set("debug", False)  # done: this is called again after the command's own flags
    if top.given("log_level"):
        out.set_level(top["log_level"])
    if top["syslog"]:
        out.use_syslog()
    if top.given("config"):
        if os.path.isfile(top["config"]):
            raise UsageError(f"Supplied --config file ({top['config']}) is not a directory", bare=True)
        os.environ["DOCKER_CONFIG"] = os.path.abspath(top["config"])
    if top["registries_conf"]:
        os.environ["CONTAINERS_REGISTRIES_CONF"] = top["registries_conf"]
    if top["out"] or top["noout"]:
        out.redirect(top["out"] or os.devnull)


def _tell_start(argv: list[str], out: Output) -> None:
    """The first log lines: which program this is, and what it was asked."""
    if out.level < 4:
        return
    called = sys.argv[0]
    out.info(f"{called} filtering at log level {out.level_name}")
    out.debug(f"Called {out.command.rpartition(' ')[2]}.PersistentPreRunE({' '.join([called, *argv])})")


def _check_modules(names: Sequence[str]) -> None:
    from skerry.config.files import resolve_module
    from skerry.config.toml import read

    try:
        for name in names:
            read(resolve_module(name))
    except SkerryError as error:
        raise _no_configuration(error) from error


def _no_configuration(error: SkerryError) -> UsageError:
    return UsageError(f"Failed to obtain podman configuration: {error}", bare=True)


def _refuse(top: Args) -> None:
    """Flags, and a variable, that would have the command act on another machine or store than the one at hand."""
    for name, why in REFUSED.items():
        if top.given(name) and top[name]:
            raise UsageError(f"--{name.replace('_', '-')} is not supported: {why}")
    if top["context"] != "default":
        raise UsageError(f"--context {top['context']} is not supported: {REFUSED['url']}")
    host = os.environ.get("CONTAINER_HOST", "")
    if host and not host.startswith("unix:"):
        raise UsageError(f"CONTAINER_HOST is set to {host}: {REFUSED['url']}")


def load(command: Command) -> ModuleType:
    """The command's module."""
    name = f"skerry.cli.{command.module}"
    __import__(name)
    return sys.modules[name]


def check_count(path: str, module: ModuleType, count: int) -> None:
    """MIN_ARGS and MAX_ARGS in cobra's words."""
    least: int = getattr(module, "MIN_ARGS", 0)
    most: int | None = getattr(module, "MAX_ARGS", None)
    if count >= least and (most is None or count <= most):
        return
    if most == 0:
        from skerry.config.launcher import spoken_name

        raise UsageError(f"`{spoken_name()} {path}` takes no arguments")
    if most == least:
        raise UsageError(f"accepts {least} arg(s), received {count}")
    if least and most is not None:
        raise UsageError(f"accepts between {least} and {most} arg(s), received {count}")
    if count < least:
        raise UsageError(f"requires at least {least} arg(s), only received {count}")
    raise UsageError(f"accepts at most {most} arg(s), received {count}")


def run(module: ModuleType, args: Args, top: Args, out: Output) -> int:
    """Open the engine as the module wants it, and call its run().

    ENGINE = False: no engine (None is passed). NAMESPACE = False: an engine without entering the user namespace.
    """
    _check_authfile(args, out)
    needs_engine = getattr(module, "ENGINE", True)
    if not needs_engine and out.level < 5 and not top["module"]:
        return int(module.run(args, None, out))
    if top["max_workers"] <= 0:
        raise Invalid(f"maximum workers must be set to a positive number (got {top['max_workers']})")
    from skerry.config.settings import load_settings

    try:
        settings = load_settings(global_flags(top))  # type: ignore[arg-type]
    except SkerryError as error:
        if error.exit_code == 1:  # a file's fault, not a flag's
            raise _no_configuration(error) from error
        raise
    if out.level >= 5:
        _tell_unused(settings.conf, out)
    if not needs_engine:
        return int(module.run(args, None, out))
    from skerry.engine.engine import Engine

    if settings.rootless and getattr(module, "NAMESPACE", True):
        from skerry.engine.rootless import enter

        enter(settings)
    for warning in settings.warnings:
        out.warn(warning)
    if settings.conf["flags"]:
        from skerry.cli.configured import fill

        fill(out.command, args, settings.conf["engine"])
    if out.level >= 4 and settings.storage_driver not in ("", "overlay"):
        out.info(f"storage driver {settings.storage_driver}: layers are stored and mounted as overlay has it")
    engine = Engine(settings, warn=out.notice, log=out.warn)
    if not settings.rootless or settings.entered:
        engine.sweep_builds()
        engine.revive()
    if top["cpu_profile"] or top["memory_profile"]:
        from skerry.cli.profiles import profiled

        return profiled(lambda: int(module.run(args, engine, out)), top["cpu_profile"], top["memory_profile"])
    return int(module.run(args, engine, out))


def _check_authfile(args: Args, out: Output) -> None:
    """A file of credentials that was named must be there. ``login`` makes it."""
    if "authfile" not in args or not args.given("authfile") or out.command == "login":
        return
    if not os.path.exists(args["authfile"]):
        problem = f"faccessat {args['authfile']}: no such file or directory"
        raise Invalid(f"credential file is not accessible: {problem}")


def _tell_unused(conf: dict[str, Any], out: Output) -> None:
    for path in conf["files"]:
        out.trace(f'Reading configuration file "{path}"')
    out.debug("containers.conf files: " + (", ".join(conf["files"]) or "none"))
    for key, why in conf["moot"].items():
        out.debug(f"containers.conf: {key} has no effect: {why}")
    for place in conf["unknown"]:
        out.debug(f"Failed to decode the keys at {place}: Skerry knows no such key")


def global_flags(top: Args) -> dict[str, object]:
    """The global flags that were given, by key: what `load_settings` takes."""
    flags = top.all_given()
    for name in (*FACE_ONLY, *REFUSED):
        flags.pop(name, None)
    return flags
