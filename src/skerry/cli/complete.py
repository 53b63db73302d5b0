"""``skerry __complete WORDS…``: what the last of the words could become.

The protocol is cobra's, so that scripts written for it work: a line ``value<TAB>description`` for each candidate, then
``:DIRECTIVE``, a sum of the bits below. Nothing that goes wrong is shown: a shell has no place for it.
"""

from __future__ import annotations

from skerry.cli.flags import Args
from skerry.cli.globals import GLOBAL_FLAGS, INHERITED_FLAGS, LOG_LEVELS, TOP_FLAGS
from skerry.cli.table import GROUPS, lookup, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from skerry.cli.flags import Flag
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

    Pairs = list[tuple[str, str]]

FILES, ERROR, NO_SPACE, NO_FILES, DIRS, KEEP_ORDER = 0, 1, 2, 4, 16, 32
_DIRECTIVES = (
    (ERROR, "Error"), (NO_SPACE, "NoSpace"), (NO_FILES, "NoFileComp"), (DIRS, "FilterDirs"), (KEEP_ORDER, "KeepOrder"),
)  # fmt: skip

FLAGS: tuple[Flag, ...] = ()
RAW_ARGS = True
ENGINE = False

# What a flag's values are, where the flag does not say.
_BY_NAME = {
    "network": "networks",
    "signal": "signals",
    "stop-signal": "signals",
    "cap-add": "capabilities",
    "cap-drop": "capabilities",
    "volumes-from": "containers",
    "env-file": "files",
    "cidfile": "files",
}
# Commands that show all of an object, and of what kind it is.
_INSPECTED = {
    "inspect": "all", "container inspect": "container", "image inspect": "image", "volume inspect": "volume",
    "network inspect": "network",
}  # fmt: skip
_LIVE = ("containers", "running-containers", "images", "networks", "volumes", "secrets")


def run(args: Args, engine: None, out: Output) -> int:
    from skerry.cli.escape import printable

    words = args.positional or [""]
    try:
        pairs, directive = Completion(words[:-1], words[-1]).answer()
    except Exception as error:  # noqa: BLE001 - a half-typed line may be anything
        out.debug(f"completion: {type(error).__name__}: {error}")
        pairs, directive = [], ERROR
    bare = out.command == "__completeNoDesc"
    lines = [f"{value}\t{about}" if about and not bare else value for value, about in pairs]
    out.raw("".join([printable(line, "\t") + "\n" for line in lines]).encode("utf-8", "surrogateescape"))
    out.raw(f":{directive}\n".encode())
    out.plain_error(f"Completion ended with directive: {_words_of(directive)}")  # as cobra, for who debugs it
    return 0


def _words_of(directive: int) -> str:
    words = [f"ShellCompDirective{word}" for bit, word in _DIRECTIVES if directive & bit]
    return ", ".join(words) or "ShellCompDirectiveDefault"


class Completion:
    """The words before, walked through: which command, which flags, how many arguments; and the last, half-typed one."""

    def __init__(self, words: Sequence[str], last: str) -> None:
        self.last = last
        self.top = Args(TOP_FLAGS)
        self.path = ""
        self.module: ModuleType | None = None
        self.flags: Sequence[Flag] = TOP_FLAGS
        self.positional: list[str] = []
        self.pending: Flag | None = None  # a flag whose value comes next
        self.flags_ended = False
        for word in words:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.pending is not None:
            self._given(self.pending, word)
            self.pending = None
        elif self.flags_ended or word in ("", "-") or word[0] != "-":
            self._take_positional(word)
        elif word == "--":
            self.flags_ended = True
        elif word[1] == "-":
            name, equals, value = word[2:].partition("=")
            it = self.flag(name)
            if it is not None and equals:
                self._given(it, value)
            elif it is not None and it.without_value is None:
                self.pending = it
        else:
            self._take_cluster(word[1:])

    def _take_cluster(self, letters: str) -> None:
        for position, letter in enumerate(letters):
            it = next((it for it in (*self.flags, *INHERITED_FLAGS) if it.short == letter), None)
            if it is not None and it.without_value is None:
                if position == len(letters) - 1:
                    self.pending = it
                return

    def _given(self, it: Flag, value: str) -> None:
        if it in GLOBAL_FLAGS:
            listed = it.kind in ("list", "slice")
            self.top.set(it.key, [*self.top[it.key], value] if listed else value)

    def _take_positional(self, word: str) -> None:
        if self.module is None:
            longer = f"{self.path} {word}" if self.path else word
            command = lookup(longer)
            if longer in GROUPS:
                self.path, self.flags = longer, ()
                return
            if command is not None:
                from skerry.cli.main import load

                self.path, self.module = longer, load(command)
                self.flags = self.module.FLAGS
                return
        self.positional.append(word)
        if self.module is not None and not getattr(self.module, "INTERSPERSED", True):
            self.flags_ended = True

    def flag(self, name: str) -> Flag | None:
        """The flag with a long name, the command's own first."""
        return next((it for it in (*self.flags, *INHERITED_FLAGS) if it.name == name or name in it.also), None)

    # Answers

    def answer(self) -> tuple[Pairs, int]:
        """Candidates, and the directive."""
        if self.pending is not None:
            return self.values(self.pending, self.last)
        if self.last[:1] == "-" and not self.flags_ended:
            name, equals, value = self.last[2:].partition("=")
            if self.last[:2] == "--" and equals:
                it = self.flag(name)
                return self.values(it, value) if it is not None else ([], ERROR)
            return self.flag_names(), NO_FILES
        if self.module is None:
            return ([], NO_FILES) if self.positional else (self.commands(), NO_FILES)
        return self.arguments(self.module)

    def flag_names(self) -> Pairs:
        """The flags that could be typed here."""
        shown = [it for it in self.flags if not it.hidden and not it.deprecated]
        if self.module is None and self.path:
            shown = list(INHERITED_FLAGS)
        names = [(f"--{it.name}", it.help) for it in shown]
        if self.last[:2] != "--":
            names += [(f"-{it.short}", it.help) for it in shown if it.short]
        names.append(("--help", "Show help"))
        return sorted(pair for pair in names if pair[0].startswith(self.last))

    def commands(self) -> Pairs:
        """The commands and groups that could be typed here."""
        found = {name: command.summary for name, (command, _) in names_in(self.path).items()}
        for group, summary in GROUPS.items():
            parent, _, name = group.rpartition(" ")
            if parent == self.path:
                found[name] = summary
        return sorted((name, about) for name, about in found.items() if name.startswith(self.last))

    def values(self, it: Flag, typed: str) -> tuple[Pairs, int]:
        """What could be a flag's value."""
        if it.choices:
            return [(choice, "") for choice in it.choices if choice.startswith(typed)], NO_FILES
        if it.kind == "bool":
            return [(word, "") for word in ("true", "false") if word.startswith(typed)], NO_FILES
        if it.name == "format" and "{{" in typed and self.path in _INSPECTED:
            return self.fields(typed), NO_SPACE | NO_FILES
        kind = it.complete or _BY_NAME.get(it.name, "none")
        if it.kind == "slice" and "," in typed:
            done = typed[: typed.rindex(",") + 1]
            pairs, directive = self.named(kind, typed[len(done) :])
            return [(done + value, about) for value, about in pairs], directive
        return self.named(kind, typed)

    def fields(self, typed: str) -> Pairs:
        """Fields of what is inspected, or of something of its kind, where a template has ``{{.``."""
        lead, _, begun = typed.rpartition("{{")
        *path, last = begun.lstrip(" .").split(".")
        found: object = self._inspected()
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict) or not begun.lstrip().startswith("."):
            return []
        before = f"{lead}{{{{{begun[: len(begun) - len(last)]}"
        return [
            (f"{before}{name}." if _has_fields(value) else f"{before}{name}}}}}", "")
            for name, value in sorted(found.items())
            if name.startswith(last)
        ]

    def _inspected(self) -> dict[str, object]:
        from skerry.cli.containers.inspect import find
        from skerry.engine.names import names

        kind, engine = _INSPECTED[self.path], self._engine()
        if self.positional:
            return find(engine, self.positional[0], kind, size=False)
        if kind in ("all", "container"):
            return find(engine, engine.containers.latest(), "container", size=False)
        return find(engine, names(engine, kind + "s")[0][0], kind, size=False)

    def arguments(self, module: ModuleType) -> tuple[Pairs, int]:
        """What could be the next argument of the command."""
        count = len(self.positional)
        most = getattr(module, "MAX_ARGS", None)
        if most is not None and count >= most:
            return [], NO_FILES
        kinds = getattr(module, "COMPLETE", "none")
        if kinds == "paths-in-containers" and count > 1:
            return [], NO_FILES  # more sources are rare: as with Podman, which takes one
        if not getattr(module, "INTERSPERSED", True) and count and isinstance(kinds, str):
            return self.inside(kinds, self.positional[0], self.last)  # a command line inside the container
        kind = kinds if isinstance(kinds, str) else kinds[min(count, len(kinds) - 1)]
        pairs, directive = self.named(kind, self.last)
        return [pair for pair in pairs if pair[0] not in self.positional], directive

    def inside(self, kind: str, name: str, typed: str) -> tuple[Pairs, int]:
        """Paths in an image or a container; files of the host where there is none of that name."""
        from skerry.engine.paths_inside import of_container, of_image

        look = of_image if kind == "images" else of_container
        return _paths(look(self._engine(), name, typed), FILES)

    def ends_of_copies(self, typed: str) -> tuple[Pairs, int]:
        """CONTAINER:PATH; a path of the host is the shell's affair."""
        name, colon, path = typed.partition(":")
        if not colon:
            return [(f"{name}:", about) for name, about in self.live("containers", typed)], NO_SPACE
        from skerry.engine.paths_inside import of_container

        pairs, directive = _paths(of_container(self._engine(), name, path), NO_SPACE)
        return [(f"{name}:{path}", about) for path, about in pairs], directive

    def named(self, kind: str, typed: str) -> tuple[Pairs, int]:
        """Candidates of a kind (`cli.flags.flag` lists them; ``a+b`` is both)."""
        if kind == "paths-in-containers":
            return self.ends_of_copies(typed)
        if kind == "files":
            return [], FILES
        if kind == "dirs":
            return [], DIRS
        pairs: Pairs = []
        for part in kind.split("+"):
            pairs += self._one_kind(part, typed)
        return pairs, NO_FILES

    def _one_kind(self, kind: str, typed: str) -> Pairs:
        if kind == "objects":
            return [pair for part in ("containers", "images", "networks", "volumes") for pair in self.live(part, typed)]
        if kind in _LIVE:
            return self.live(kind, typed)
        if kind == "commands":
            self.path = " ".join(word for word in self.positional if word in GROUPS)
            return self.commands()
        return [(value, "") for value in _fixed(kind) if value.upper().startswith(typed.upper())]

    def live(self, kind: str, typed: str) -> Pairs:
        """The names of what exists in the store that the global flags name."""
        from skerry.engine.names import names

        return names(self._engine(), kind, typed)

    def _engine(self) -> Engine:
        """Without entering the user namespace: names are nearly all that is read."""
        from skerry.cli.main import global_flags
        from skerry.config.settings import load_settings
        from skerry.engine.engine import Engine

        return Engine(load_settings(global_flags(self.top)))  # type: ignore[arg-type]


def _has_fields(value: object) -> bool:
    """Whether it has fields of its own, and is no map whose keys are data, as labels are."""
    if not isinstance(value, dict) or not all(key.isidentifier() for key in value):
        return False
    return any(key[:1].isupper() for key in value)


def _paths(found: list[str], none: int) -> tuple[Pairs, int]:
    """Where folders are among them, more can follow at once."""
    if not found:
        return [], none
    return [(path, "") for path in found], NO_FILES | (NO_SPACE if any(path.endswith("/") for path in found) else 0)


def _fixed(kind: str) -> Sequence[str]:
    if kind == "log-levels":
        return LOG_LEVELS
    if kind == "modules":
        from skerry.config.files import module_names

        return module_names()
    if kind == "registries":
        from skerry.config.settings import load_settings

        return load_settings().search_registries
    if kind == "shells":
        return ("bash", "fish", "zsh")
    if kind == "signals":
        import signal

        return sorted(it.name.removeprefix("SIG") for it in signal.Signals)
    if kind == "capabilities":
        return ("all", *_CAPABILITIES)
    return ()


_CAPABILITIES = (
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE",
    "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN",
    "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE",
    "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
)  # fmt: skip
