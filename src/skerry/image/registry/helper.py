"""Running a credential helper: a stranger's program, so its time and what it prints are bounded."""

from __future__ import annotations

import os
import selectors
import subprocess
import time

from skerry.errors import NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_TIME_S = 60.0
_MAX_OUTPUT = 1 << 20


def run(program: str, action: str, data: bytes, *, time_s: float = _TIME_S) -> bytes | None:
    """What ``program ACTION`` prints when it is given ``data``; None when it says that there are no credentials."""
    try:
        process = subprocess.Popen(
            [program, action], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise NotFound(f'exec: "{program}": executable file not found in $PATH') from None
    except OSError as error:
        raise Unavailable(f"{program} {action}: {error.strerror}") from None
    try:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        _give(process.stdin, data)
        output, errors = _collect(process.stdout, process.stderr, time.monotonic() + time_s)
        if len(output) >= _MAX_OUTPUT:
            raise Unavailable(f"{program} {action}: it prints more than {_MAX_OUTPUT} bytes")
        code = process.wait(timeout=5)
    except (TimeoutError, subprocess.TimeoutExpired):
        raise Unavailable(f"{program} {action}: no answer after {time_s:.0f} seconds") from None
    finally:
        _end(process)
    if code == 0:
        return output
    # The protocol has errors on stdout, where otherwise the secret is: that must not get into a message.
    words = (b"" if b"{" in output else output) + errors[:2000]
    text = " ".join(words.decode("utf-8", "replace").split())
    if "not found" in text.lower():
        return None
    raise Unavailable(f"{program} {action} failed: {text[:200] or f'exit code {code}'}")


def _give(stdin: IO[bytes], data: bytes) -> None:
    try:
        stdin.write(data)
        stdin.close()
    except BrokenPipeError:
        pass  # it does not want to know


def _collect(stdout: IO[bytes], stderr: IO[bytes], deadline: float) -> tuple[bytes, bytes]:
    found: dict[int, bytes] = {stdout.fileno(): b"", stderr.fileno(): b""}
    with selectors.DefaultSelector() as selector:
        for fd in found:
            selector.register(fd, selectors.EVENT_READ)
        # Until it closes its output: what it leaves behind in the background may hold stderr for ever.
        while stdout.fileno() in selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _events in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                found[key.fd] += chunk
                if not chunk or len(found[key.fd]) >= _MAX_OUTPUT:
                    selector.unregister(key.fd)
    return found[stdout.fileno()], found[stderr.fileno()]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            try:
                stream.close()
            except OSError:
                pass  # what could not be written any more does not matter
