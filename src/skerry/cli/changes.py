"""How ``diff`` and ``image diff`` print."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.cli.output import Output

_KEYS = (("changed", "C"), ("added", "A"), ("deleted", "D"))


def show_changes(changes: Sequence[tuple[str, str]], out: Output, *, json: bool) -> None:
    """One line for each change, or one object of three lists."""
    if not json:
        for kind, path in changes:
            out.line(f"{kind} {path}")
        return
    import json as format_json

    lists = {key: [path for kind, path in changes if kind == letter] for key, letter in _KEYS}
    shown = {key: paths for key, paths in lists.items() if paths}
    out.line(format_json.dumps(shown, indent=5, ensure_ascii=False) if shown else "{}")
