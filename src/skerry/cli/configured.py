"""Flags whose default containers.conf can change."""

from __future__ import annotations

from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.cli.flags import Args, Flag

_FLAGS = (
    ("retry", "retry"), ("retry_delay", "retry_delay"), ("multi_image_archive", "multi_image_archive"),
    ("add_compression", "add_compression"),
)  # fmt: skip
_COMPRESSION = (("compression_format", "compression_format"), ("compression_level", "compression_level"))  # of push
_FORMATS = {"oci": "oci", "v2s2": "docker", "docker": "docker"}
_MAKES_IMAGES = ("build", "commit", "push")


def fill(command: str, args: Args, engine: dict[str, Any]) -> None:
    """Put ``[engine]``'s values into the flags of ``command`` that were not given."""
    for key, name in _FLAGS:
        if name in args and not args.given(name):
            args.fall_back(name, engine[key])
    verb = command.rpartition(" ")[2]
    if verb in _MAKES_IMAGES and engine["image_default_format"] and not args.given("format"):
        args.fall_back("format", _FORMATS[engine["image_default_format"]])
    if verb == "push" and "compression_format" in args and not args.given("compression_format"):
        _compression(args, engine)


def shown(flags: Sequence[Flag]) -> dict[str, Any]:
    """The defaults, by key, that containers.conf gives to flags: what help shows. One that cannot be read gives none."""
    keys = [(it.key, name) for it in flags for key, name in (*_FLAGS, *_COMPRESSION) if it.key == key]
    if not keys:
        return {}
    from skerry.config.settings import load_settings

    try:
        engine = load_settings().conf["engine"]
    except SkerryError:
        return {}
    return {key: engine[name] for key, name in keys}


def _compression(args: Args, engine: dict[str, Any]) -> None:
    if args.get("format") in ("docker", "v2s2"):
        return  # knows gzip alone
    args.fall_back("compression_format", engine["compression_format"])
    level = engine["compression_level"]
    if level and not args.given("compression_level"):
        args.set("compression_level", level)
