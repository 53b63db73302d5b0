"""What a command prints: lines, tables, JSON, errors. One place that knows terminals.

Names, labels and commands come from strangers: control characters never reach a terminal, and never break a table.
"""

from __future__ import annotations

import os

from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.cli.progress import Progress

_LEVELS = {"panic": 0, "fatal": 1, "error": 2, "warn": 3, "warning": 3, "info": 4, "debug": 5, "trace": 6}
_NAMES = ("panic", "fatal", "error", "warning", "info", "debug", "trace")


class Output:
    """stdout and stderr of one command.

    ``command`` is its name, for error messages. ``level`` is how much is logged (3: warnings, 5: debug).
    """

    __slots__ = ("_err_terminal", "_fd", "_out_terminal", "_syslog", "command", "level")

    def __init__(self) -> None:
        self.command = ""
        self.level = 3
        self._fd = 1
        self._out_terminal: bool | None = None
        self._err_terminal: bool | None = None
        self._syslog = False

    # What is written

    def line(self, text: str) -> None:
        """One line on stdout, at once. On a terminal control characters are shown escaped."""
        self.write(text + "\n")

    def write(self, text: str) -> None:
        """Text on stdout as it is, but for control characters on a terminal."""
        if not text.isascii() or not text.isprintable():
            if self.is_terminal:
                from skerry.cli.escape import printable

                text = printable(text, "\n\t")
            _write_all(self._fd, text.encode("utf-8", "surrogateescape"))
        else:
            _write_all(self._fd, text.encode("ascii"))

    def raw(self, data: bytes) -> None:
        """Bytes on stdout, untouched: archives, scripts."""
        _write_all(self._fd, data)

    def flush(self) -> None:
        """Nothing is held back today; commands that hand fd 1 to another program call it to stay right."""

    def error(self, text: str, trailer: str = "") -> None:
        """``Error: text`` on stderr."""
        if "skerry " in text:
            from skerry.cli.called import as_called

            text = as_called(text)
        self.plain_error("Error: " + text)
        if self._syslog:
            from skerry.cli.syslog import send

            send(2, text)
        if trailer:
            for line in trailer.split("\n"):
                self.plain_error(line, keep="\t")

    def plain_error(self, text: str, keep: str = "") -> None:
        """One line on stderr, control characters escaped."""
        if not text.isprintable():
            from skerry.cli.escape import printable

            text = printable(text, keep)
        try:
            _write_all(2, text.encode("utf-8", "backslashreplace") + b"\n")
        except (OSError, SkerryError):
            pass  # a closed or full stderr must not hide the exit code

    def error_text(self, text: str) -> None:
        """Text on stderr as it is, but for control characters on a terminal: what programs in a build wrote there."""
        if not text.isprintable() and os.isatty(2):
            from skerry.cli.escape import printable

            text = printable(text, "\n\t")
        try:
            _write_all(2, text.encode("utf-8", "surrogateescape"))
        except (OSError, SkerryError):
            pass  # as `plain_error`

    # Log lines

    def set_level(self, name: str) -> None:
        """--log-level. `UsageError` for a name that is none."""
        level = _LEVELS.get(name.lower())
        if level is None:
            from skerry.cli.flags import UsageError

            levels = "trace, debug, info, warn, warning, error, fatal, panic"
            raise UsageError(f'Log Level "{name}" is not supported, choose from: {levels}', bare=True)
        self.level = level

    @property
    def level_name(self) -> str:
        """``level`` as log lines spell it."""
        return _NAMES[self.level]

    def warn(self, text: str) -> None:
        """A warning, unless --log-level hides it."""
        self.log(3, text)

    def notice(self, text: str) -> None:
        """What the user asked for and got only in part: a plain line, unless --log-level hides warnings."""
        if self.level >= 3:
            self.plain_error(text)

    def info(self, text: str) -> None:
        """Shown by --log-level=info."""
        self.log(4, text)

    def debug(self, text: str) -> None:
        """Shown by --log-level=debug."""
        self.log(5, text)

    def trace(self, text: str) -> None:
        """Shown by --log-level=trace."""
        self.log(6, text)

    def log(self, level: int, text: str) -> None:
        """A line as logrus writes it: ``time="…" level=warning msg="…"``, or ``WARN[0000] …`` on a terminal."""
        if level > self.level:
            return
        from skerry.cli.logline import logline

        if self._syslog:
            from skerry.cli.syslog import send

            send(level, text)

        self.plain_error(logline(_NAMES[level], text, terminal=self.err_is_terminal))

    def use_syslog(self) -> None:
        """--syslog: log lines, and the error that ends the command, go to the system log too."""
        self._syslog = True

    def traceback(self, error: BaseException) -> None:
        """Where an error came from (--log-level=debug)."""
        import traceback

        for part in traceback.format_exception(error):
            for line in part.rstrip("\n").split("\n"):
                self.plain_error(line)

    # Where it goes

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal."""
        if self._out_terminal is None:
            self._out_terminal = os.isatty(self._fd)
        return self._out_terminal

    @property
    def err_is_terminal(self) -> bool:
        """Whether stderr is a terminal."""
        if self._err_terminal is None:
            self._err_terminal = os.isatty(2)
        return self._err_terminal

    @property
    def colour(self) -> bool:
        """Whether stdout takes colours: a terminal, and nobody said NO_COLOR."""
        return self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 without one, or what COLUMNS says."""
        columns = os.environ.get("COLUMNS", "")
        if columns.isdigit() and int(columns) > 0:
            return int(columns)
        for fd in (1, 2):
            try:
                return os.get_terminal_size(fd).columns or 80
            except OSError:
                continue
        return 80

    def redirect(self, path: str) -> None:
        """--out: stdout goes to a file from here on."""
        from skerry.cli.flags import UsageError

        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            os.dup2(fd, 1)
            os.close(fd)
        except OSError as error:
            problem = (error.strerror or "").lower()
            raise UsageError(f"unable to open file for standard output: open {path}: {problem}", bare=True) from None
        self._out_terminal = None

    def progress(self, label: str, total: int | None = None, *, unit: str = "B") -> Progress:
        """A bar on stderr for long work; silent where stderr is no terminal. Use it as a context manager."""
        from skerry.cli.progress import Progress

        return Progress(label, total, unit=unit, active=self.err_is_terminal, width=self.width)

    # Tables and objects

    def listing(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        format: str = "",
        default: str,
        headers: Mapping[str, str] | None = None,
        json_rows: Sequence[Any] | None = None,
        noheading: bool = False,
        quiet_field: str | None = None,
    ) -> None:
        """Rows as ``--format`` wants them.

        ``default`` is the table without --format (``table {{.ID}}\\t{{.Names}}``); ``headers`` name columns that
        are not the field in capitals (CreatedAt → CREATED AT); ``json_rows`` is what ``--format json`` prints
        (the rows themselves without it); ``quiet_field`` (for -q) prints just that field of each row.
        A value may be a function without arguments: it is called only if the format uses it.
        """
        from skerry.cli.listing import render

        self.write(
            render(
                self.command.rpartition(" ")[2] or "skerry",
                rows,
                format=format,
                default=default,
                headers=headers or {},
                json_rows=json_rows,
                noheading=noheading,
                quiet_field=quiet_field,
            )
        )

    def inspect(self, objects: Sequence[Any], format: str = "") -> None:
        """Objects as ``inspect`` prints them: one indented JSON array, or the template for each."""
        from skerry.cli.listing import render_each

        self.write(render_each(self.command.rpartition(" ")[2] or "inspect", objects, format))

    def json(self, value: Any, indent: int | None = 4) -> None:
        """One value as JSON."""
        from skerry import fastjson

        self.line(fastjson.dumps(value, indent=indent))


def _write_all(fd: int, data: bytes) -> None:
    """All of ``data``, also into a pipe that someone made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            import select

            select.select([], [fd], [])
        except BrokenPipeError:
            raise  # who read it has seen enough: main() leaves quietly
        except OSError as error:
            from skerry.errors import Unavailable

            raise Unavailable(f"cannot write to standard output: {error.strerror}") from None
