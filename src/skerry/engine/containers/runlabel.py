"""``container runlabel``: the command that an image's label describes.

Names are put into single words (NAME, $NAME, ${NAME}, KEY=NAME, and so for IMAGE), then $OPT1 to $OPT3, $PWD and $HOME;
any other variable is empty, as in Podman: labels are written for that.
"""

from __future__ import annotations

import os
import re

from skerry.errors import Invalid, NotFound
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

_VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def label_of(image: ImageRecord, label: str, asked: str) -> str:
    """The label's text, however its name is cased. `NotFound`."""
    labels: Mapping[str, str] = image["config"].get("Labels") or {}
    for name, text in labels.items():
        if name.lower() == label.lower() and text:
            return text
    raise NotFound(f"cannot find the value of label: {label} in image: {asked}")


def command_of(
    text: str, image: ImageRecord, asked: str, *, name: str = "", args: Sequence[str] = (), options: Mapping[str, str]
) -> tuple[list[str], bool]:
    """(the words of the command, whether the first of them stands for this program). ``name``: of the container; without
    one it is that of the image. ``options``: OPT1, OPT2, OPT3. `Invalid` for what cannot be split into words."""
    words = _split(" ".join((text, *args)))
    if not words:
        raise Invalid(f"the label of {asked} holds no command")
    full_name = image["names"][0] if image["names"] else image["id"]
    values = {"NAME": name or _short(full_name if image["id"].startswith(asked) else asked), "IMAGE": full_name}
    known = {"PWD": os.getcwd(), "HOME": os.path.expanduser("~"), **options}
    found = words[:1]
    for word in words[1:]:
        expanded = _VARIABLE.sub(lambda match: known.get(match[1] or match[2], ""), _with_names(word, values))
        # A quoted word stays one; a variable alone may hold several.
        found += [expanded] if " " in word else _split(expanded)
    ours = os.path.basename(words[0]) in ("podman", "docker", "skerry")
    return found, ours


def _split(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text, comments=True)
    except ValueError as error:
        raise Invalid(f"the label is no command: {str(error).lower()}: {text}") from None


def _short(reference: str) -> str:
    """The last part of an image's name, without tag: what a container can be called."""
    return reference.rpartition("/")[2].partition("@")[0].partition(":")[0]


def _with_names(word: str, values: Mapping[str, str]) -> str:
    for variable, value in values.items():
        if word == variable:
            return value
        word = word.replace("$" + variable, value).replace("${" + variable + "}", value)
        if word.endswith("=" + variable):
            word = word.removesuffix(variable) + value
    return word


def execute(
    engine: Engine, words: Sequence[str], ours: bool, *, options: Mapping[str, str], replace: bool, quiet: bool
) -> int:
    """Run the command to its end, on this store if it is ``ours``: its exit code, 128 + the signal that ended it.
    ``replace``: first remove a container of the name that it gives. ``quiet``: it sees and shows nothing."""
    if replace:
        _remove_namesake(engine, words)
    env = {**os.environ, **{name: value for name, value in options.items() if value}, "PODMAN_RUNLABEL_NESTED": "1"}
    argv = [*engine.command_line(), *words[1:]] if ours else words
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC) if quiet else -1
    try:
        pid = spawn(argv, env=env, stdin=null, stdout=null, stderr=null)
    finally:
        if quiet:
            os.close(null)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _remove_namesake(engine: Engine, words: Sequence[str]) -> None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name = following if word == "--name" else word.removeprefix("--name=")
        if name and (word == "--name" or word != name):
            try:
                engine.containers.remove(name, force=True)
            except NotFound:
                pass  # the usual case: there is none
            return
