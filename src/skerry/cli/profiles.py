"""``--cpu-profile`` and ``--memory-profile``: what a command spent, in Python's own formats."""

from __future__ import annotations

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PLACES = 200


def profiled(command: Callable[[], int], cpu_path: str, memory_path: str) -> int:
    """``command``'s exit code. ``cpu_path`` gets what ``python -m pstats`` reads, ``memory_path`` the lines that hold
    the most memory at the end, the largest first; both are written also when the command fails."""
    for path in filter(None, (cpu_path, memory_path)):
        try:
            open(path, "wb").close()
        except OSError as error:
            raise Unavailable(f"open {path}: {error.strerror}") from error
    if memory_path:
        command = _watched(command, memory_path)
    if not cpu_path:
        return command()
    from cProfile import Profile

    profile = Profile()
    try:
        return profile.runcall(command)
    finally:
        profile.dump_stats(cpu_path)


def _watched(command: Callable[[], int], path: str) -> Callable[[], int]:
    import tracemalloc

    def run() -> int:
        tracemalloc.start()
        try:
            return command()
        finally:
            with open(path, "w", encoding="utf-8") as file:
                for place in tracemalloc.take_snapshot().statistics("lineno")[:_PLACES]:
                    file.write(f"{place}\n")

    return run
