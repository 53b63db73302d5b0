"""Capabilities, masked and read-only paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.errors import Invalid
from skerry.linux.capability import NAMES, bounding_set
from skerry.runtime.security import (
    DEFAULT_CAPS,
    MASKED_PATHS,
    capabilities,
    masked_and_readonly,
    merge_capabilities,
    normalize,
)

names = st.sampled_from(NAMES)
spelled = st.builds(lambda name, short, lower: (name[4:] if short else name).lower() if lower else (name[4:] if short else name), names, st.booleans(), st.booleans())  # fmt: skip


@given(st.lists(spelled))
def test_a_capability_may_be_written_in_any_way(given_names: list[str]) -> None:
    assert set(normalize(given_names)) <= set(NAMES)
    assert normalize(normalize(given_names)) == normalize(given_names)


@given(add=st.lists(names), drop=st.lists(names))
def test_nothing_dropped_stays_and_nothing_beyond_the_host_is_given(add: list[str], drop: list[str]) -> None:
    if set(add) & set(drop):
        with pytest.raises(Invalid, match="cannot be dropped and added"):
            merge_capabilities(DEFAULT_CAPS, add, drop)
        return
    result = merge_capabilities(DEFAULT_CAPS, add, drop)
    assert not set(result) & set(drop)
    assert set(result) <= set(bounding_set())
    assert result == sorted(set(result))


@pytest.mark.parametrize(
    ("add", "drop", "text"),
    [
        (["foo"], [], '"CAP_FOO": unknown capability'),
        (["all"], ["ALL"], "adding all caps and removing all caps not allowed"),
        (["kill"], ["CAP_KILL"], 'capability "CAP_KILL" cannot be dropped and added'),
    ],
)
def test_mistakes_in_podmans_words(add: list[str], drop: list[str], text: str) -> None:
    with pytest.raises(Invalid) as caught:
        merge_capabilities(DEFAULT_CAPS, add, drop)
    assert caught.value.message == text


def test_all_dropped_leaves_what_was_added() -> None:
    assert merge_capabilities(DEFAULT_CAPS, ["chown"], ["all"]) == ["CAP_CHOWN"]


def test_all_added_but_one() -> None:
    assert set(merge_capabilities(DEFAULT_CAPS, ["all"], ["kill"])) == set(bounding_set()) - {"CAP_KILL"}


def test_another_user_than_root_starts_with_only_what_was_added() -> None:
    sets = capabilities(privileged=False, add=["CHOWN"], drop=[], defaults=DEFAULT_CAPS, uid=1000)
    assert sets["effective"] == sets["permitted"] == sets["ambient"] == ["CAP_CHOWN"]
    assert "CAP_KILL" in sets["bounding"]


def test_another_user_in_a_privileged_container_has_nothing_effective() -> None:
    sets = capabilities(privileged=True, add=[], drop=[], defaults=DEFAULT_CAPS, uid=1000)
    assert sets["effective"] == []
    assert "ambient" not in sets


def test_unmask_takes_lists_and_patterns_within_one_component() -> None:
    masked, readonly = masked_and_readonly(privileged=False, mask=[], unmask=["/proc/acpi:/sys/*"])
    assert "/proc/acpi" not in masked
    assert "/sys/firmware" not in masked
    assert "/sys/fs/selinux" in masked  # * does not pass a slash
    assert "/proc/sys" in readonly


def test_unmask_all_and_privileged_mask_nothing_but_what_was_asked() -> None:
    assert masked_and_readonly(privileged=False, mask=["/a:/b"], unmask=["all"]) == (["/a", "/b"], [])
    assert masked_and_readonly(privileged=True, mask=[], unmask=[]) == ([], [])


def test_a_mask_must_be_absolute() -> None:
    with pytest.raises(Invalid, match="not an absolute path"):
        masked_and_readonly(privileged=False, mask=["proc"], unmask=[])


def test_the_default_masks_everything() -> None:
    assert set(MASKED_PATHS) <= set(masked_and_readonly(privileged=False, mask=[], unmask=[])[0])
