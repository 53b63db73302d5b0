"""Each instruction as its typed form, checked as far as that goes without its variables' values."""

from __future__ import annotations

import re

from skerry.build.errors import syntax_error
from skerry.build.language import instructions as typed
from skerry.build.language.flags import Flags
from skerry.build.language.heredocs import parse_heredoc
from skerry.build.language.mounts import MountError, parse_mount
from skerry.build.language.splitting import BLANKS, SplitError, json_or_words, json_strings, pairs, split_words, strip
from skerry.build.language.suggest import did_you_mean
from skerry.build.language.words import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.language.ast import Heredoc, Instruction

_STAGE = re.compile(r"[a-z][a-z0-9-_./]*\Z")  # Podman builds "platform-arm/v7", which BuildKit does not
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_TIME = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def command(instruction: Instruction) -> typed.From | typed.Command:
    """The typed instruction; `BuildSyntaxError` with the words of BuildKit."""
    parse = _PARSERS.get(instruction.keyword)
    if parse is None:
        raise _error(
            instruction,
            f"unknown instruction: {instruction.raw_keyword}",
            hint=did_you_mean(instruction.raw_keyword, _PARSERS),
        )
    if instruction.keyword not in ("FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"):
        Flags(instruction)  # there are none: each is an error
    try:
        return parse(instruction)
    except SplitError as error:
        raise _error(instruction, str(error)) from None
    except MountError as error:
        raise _error(instruction, str(error), hint=error.hint) from None


def _error(instruction: Instruction, what: str, hint: str = "") -> Exception:
    return syntax_error(what, instruction.position, hint=hint, source=instruction.source)


def _one(instruction: Instruction) -> str:
    """The whole text as the only argument."""
    if not instruction.text:
        raise _error(instruction, f"{instruction.keyword} requires exactly one argument")
    return instruction.text


def _from(instruction: Instruction) -> typed.From:
    words = BLANKS.split(instruction.text) if instruction.text else []
    name: str | None = None
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE.match(name):
            what = (
                f"invalid name for build stage: {quoted(words[2])}, name can't start with a number or contain symbols"
            )
            raise _error(instruction, what)
    elif len(words) != 1:
        raise _error(instruction, "FROM requires either one or three arguments")
    flags = Flags(instruction)
    return typed.From(instruction, words[0], flags.text("platform"), name, flags.list("after"))


def _arg(instruction: Instruction) -> typed.Arg:
    words = split_words(instruction.text, instruction.escape)
    if not words:
        raise _error(instruction, "ARG requires at least one argument")
    found: list[tuple[str, str | None]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise _error(instruction, "ARG names can not be blank")
        found.append((name, value if equals else None))
    return typed.Arg(instruction, tuple(found))


def _named(instruction: Instruction) -> tuple[tuple[tuple[str, str], ...], bool]:
    found, old = pairs(instruction.text, instruction.keyword, instruction.escape)
    if not found:
        raise _error(instruction, f"{instruction.keyword} requires at least one argument")
    if any(not name for name, _ in found):
        raise _error(instruction, f"{instruction.keyword} names can not be blank")
    return found, old


def _env(instruction: Instruction) -> typed.Env:
    return typed.Env(instruction, *_named(instruction))


def _label(instruction: Instruction) -> typed.Label:
    return typed.Label(instruction, *_named(instruction))


def _program(instruction: Instruction) -> tuple[tuple[str, ...] | str, bool]:
    """(exec form, False) or (shell form, True)."""
    values = json_strings(instruction.text)
    if values is None:
        return instruction.text, True
    return values, False


def _run(instruction: Instruction) -> typed.Run:
    flags = Flags(instruction)
    program, shell = _program(instruction)
    if not program and not instruction.heredocs:
        raise _error(instruction, "RUN requires at least one argument")
    network = flags.text("network") or "default"
    if network not in ("default", "none", "host"):
        message = f'unsupported value {quoted(network)} for "RUN --network": invalid network mode'
        raise _error(instruction, message, hint="default, none or host")
    security = flags.text("security") or "sandbox"
    if security not in ("sandbox", "insecure"):
        raise _error(instruction, f"security {quoted(security)} is not valid", hint="sandbox or insecure")
    return typed.Run(
        instruction, program, shell, tuple(parse_mount(text) for text in flags.list("mount")),
        network, security, tuple(_device(text) for text in flags.list("device")), instruction.heredocs,
    )  # fmt: skip


def _device(text: str) -> typed.Device:
    name, required = "", False
    for field in text.split(","):
        key, equals, value = field.partition("=")
        if key == "required":
            required = not equals or value.lower() in ("true", "1")
        elif key == "name" and equals:
            name = value
        elif not name:
            name = field
        else:
            raise MountError(f"unexpected key {key!r} in {text!r}")
    if not name:
        raise MountError("device name is required")
    return typed.Device(name, required)


def _sources(instruction: Instruction) -> tuple[tuple[str, ...], str, tuple[Heredoc, ...]]:
    words, _ = json_or_words(instruction.text)
    if len(words) < 2:
        raise _error(
            instruction,
            f"{instruction.keyword} requires at least two arguments, but only {'one was' if words else 'none were'} provided. Destination could not be determined",
        )
    opened = {heredoc.name: heredoc for heredoc in instruction.heredocs}
    sources, inline = [], []
    for word in words[:-1]:
        here = parse_heredoc(word) if "<<" in word else None
        if here is not None and here.name in opened:
            inline.append(opened[here.name])
        else:
            sources.append(word)
    if parse_heredoc(words[-1]) is not None and instruction.heredocs:
        raise _error(instruction, f"{instruction.keyword} cannot accept a heredoc as a destination")
    return tuple(sources), words[-1], tuple(inline)


def _copy(instruction: Instruction) -> typed.Copy:
    flags = Flags(instruction)
    sources, dest, inline = _sources(instruction)
    return typed.Copy(
        instruction, sources, dest, inline, flags.text("from"), flags.text("chown"), flags.text("chmod"),
        bool(flags.truth("link")), bool(flags.truth("parents")), flags.list("exclude"),
    )  # fmt: skip


def _add(instruction: Instruction) -> typed.Add:
    flags = Flags(instruction)
    sources, dest, inline = _sources(instruction)
    return typed.Add(
        instruction, sources, dest, inline, flags.text("chown"), flags.text("chmod"), bool(flags.truth("link")),
        flags.list("exclude"), flags.truth("keep-git-dir"), flags.text("checksum"), flags.truth("unpack"),
    )  # fmt: skip


def _cmd(instruction: Instruction) -> typed.Cmd:
    return typed.Cmd(instruction, *_program(instruction))


def _entrypoint(instruction: Instruction) -> typed.Entrypoint:
    return typed.Entrypoint(instruction, *_program(instruction))


def _expose(instruction: Instruction) -> typed.Expose:
    if not instruction.text:
        raise _error(instruction, "EXPOSE requires at least one argument")
    return typed.Expose(instruction, tuple(sorted(BLANKS.split(instruction.text))))


def _volume(instruction: Instruction) -> typed.Volume:
    paths, _ = json_or_words(instruction.text)
    if not paths:
        raise _error(instruction, "VOLUME requires at least one argument")
    if any(not path.strip() for path in paths):
        raise _error(instruction, "VOLUME specified can not be an empty string")
    return typed.Volume(instruction, tuple(strip(path) for path in paths))


def _user(instruction: Instruction) -> typed.User:
    return typed.User(instruction, _one(instruction))


def _workdir(instruction: Instruction) -> typed.Workdir:
    return typed.Workdir(instruction, _one(instruction))


def _shell(instruction: Instruction) -> typed.Shell:
    values = json_strings(instruction.text)
    if values is None:
        raise _error(instruction, "SHELL requires the arguments to be in JSON form")
    if not values:
        raise _error(instruction, "SHELL requires at least one argument")
    return typed.Shell(instruction, values)


def _stop_signal(instruction: Instruction) -> typed.StopSignal:
    return typed.StopSignal(instruction, _one(instruction))


def _maintainer(instruction: Instruction) -> typed.Maintainer:
    return typed.Maintainer(instruction, _one(instruction))


def _onbuild(instruction: Instruction) -> typed.OnBuild:
    if not instruction.text:
        raise _error(instruction, "ONBUILD requires at least one argument")
    first = BLANKS.split(instruction.text, maxsplit=1)[0].upper()
    if first == "ONBUILD":
        raise _error(instruction, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if first in ("FROM", "MAINTAINER"):
        raise _error(instruction, f"{first} isn't allowed as an ONBUILD trigger")
    if first not in _PARSERS:
        word = BLANKS.split(instruction.text, maxsplit=1)[0]
        raise _error(instruction, f"unknown instruction: {word}", hint=did_you_mean(word, _PARSERS))
    if first in ("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"):
        json_strings(instruction.text[len(first) :])
    text = re.sub(r"^\s*ONBUILD\s*", "", instruction.line, count=1, flags=re.IGNORECASE)
    return typed.OnBuild(instruction, "\n".join([text, *(h.content + h.name for h in instruction.heredocs)]))


def _healthcheck(instruction: Instruction) -> typed.Healthcheck:
    flags = Flags(instruction)
    parts = BLANKS.split(instruction.text, maxsplit=1) if instruction.text else []
    if not parts:
        raise _error(instruction, "HEALTHCHECK requires at least one argument")
    kind, rest = parts[0].upper(), parts[1] if parts[1:] else ""
    if kind == "NONE":
        if rest:
            raise _error(instruction, "HEALTHCHECK NONE takes no arguments")
        return typed.Healthcheck(instruction, ("NONE",))
    if kind != "CMD":
        raise _error(instruction, f"Unknown type {quoted(kind)} in HEALTHCHECK (try CMD)")
    values = json_strings(rest)
    if not (values if values is not None else rest):
        raise _error(instruction, "Missing command after HEALTHCHECK CMD")
    test = ("CMD", *values) if values is not None else ("CMD-SHELL", rest)
    times = {
        name: _duration(instruction, name, flags.text(name))
        for name in ("interval", "timeout", "start-period", "start-interval")
    }
    retries = flags.text("retries") or "0"
    if re.fullmatch(r"-\d{1,9}", retries):
        raise _error(instruction, f"--retries cannot be negative ({retries})")
    if not re.fullmatch(r"[0-9]{1,9}", retries):
        raise _error(instruction, f"--retries is no number: {retries}")
    return typed.Healthcheck(
        instruction, test, times["interval"], times["timeout"], times["start-period"], times["start-interval"], int(retries),
    )  # fmt: skip


def _duration(instruction: Instruction, name: str, text: str | None) -> int:
    """Go's time.ParseDuration, in nanoseconds."""
    if not text or text.lstrip("+-") == "0":
        return 0
    pieces = _TIME.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text.lstrip("+-") or len(text) > 64:
        raise _error(instruction, f"time: invalid duration {quoted(text)}", hint=f"of --{name}: such as 30s or 1m30s")
    found = int(sum(float(number) * _UNITS[unit] for number, unit in pieces))
    if found and (found < 10**6 or text.startswith("-")):
        raise _error(instruction, f"Interval {quoted(name)} cannot be less than 1ms")
    return found


_PARSERS: dict[str, Callable[[Instruction], typed.From | typed.Command]] = {
    "FROM": _from, "ARG": _arg, "ENV": _env, "LABEL": _label, "RUN": _run, "COPY": _copy, "ADD": _add, "CMD": _cmd,
    "ENTRYPOINT": _entrypoint, "EXPOSE": _expose, "VOLUME": _volume, "USER": _user, "WORKDIR": _workdir,
    "SHELL": _shell, "STOPSIGNAL": _stop_signal, "MAINTAINER": _maintainer, "ONBUILD": _onbuild,
    "HEALTHCHECK": _healthcheck,
}  # fmt: skip
