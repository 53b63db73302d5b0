"""Flags whose default containers.conf changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from skerry.cli.configured import fill, shown
from skerry.cli.flags import Args
from skerry.cli.help import flag_pairs
from skerry.cli.images import pull, push, save
from skerry.cli.manifests import push as manifest_push
from skerry.config.defaults import defaults


def filled(command: str, args: Args, **engine: object) -> Args:
    fill(command, args, {**defaults()["engine"], **engine})
    return args


def test_retries_come_from_the_configuration_unless_given() -> None:
    args = filled("image pull", Args(pull.FLAGS), retry=7, retry_delay="1s")
    assert (args["retry"], args["retry_delay"], args.given("retry")) == (7, "1s", False)
    args = Args(pull.FLAGS)
    args.set("retry", 1)
    assert filled("pull", args, retry=7)["retry"] == 1


def test_push_compresses_as_configured() -> None:
    args = filled("push", Args(push.FLAGS), compression_format="zstd", compression_level=12)
    assert (args["compression_format"], args["compression_level"]) == ("zstd", 12)
    assert filled("push", Args(push.FLAGS), compression_level=9)["compression_level"] == 9
    docker = filled("push", Args(push.FLAGS), compression_format="zstd", image_default_format="v2s2")
    assert (docker["format"], docker["compression_format"]) == ("docker", "")


def test_a_pushed_list_gets_images_of_more_compressions_as_configured() -> None:
    args = filled("manifest push", Args(manifest_push.FLAGS), add_compression=["zstd"])
    assert args["add_compression"] == ["zstd"]
    args = Args(manifest_push.FLAGS)
    args.set("add_compression", ["gzip"])
    assert filled("manifest push", args, add_compression=["zstd"])["add_compression"] == ["gzip"]


def test_archives_of_several_images_can_be_the_default() -> None:
    assert filled("save", Args(save.FLAGS), multi_image_archive=True)["multi_image_archive"] is True


def test_help_shows_the_configured_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    conf.write_text('[engine]\nretry = 10\nretry_delay = "5s"\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(conf))
    assert shown(pull.FLAGS) == {"retry": 10, "retry_delay": "5s"}
    assert shown(save.FLAGS) == {"multi_image_archive": False}
    pairs = dict(flag_pairs(pull.FLAGS, shown(pull.FLAGS)))
    assert pairs["    --retry NUMBER"].endswith("(default 10)")
    assert pairs["    --retry-delay TIME"].endswith('(default "5s")')
