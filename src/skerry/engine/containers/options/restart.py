"""``--restart``."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import RestartPolicy


def restart_policy(text: str, *, removes_itself: bool, where: str = "") -> RestartPolicy:
    """``no``, ``never``, ``on-failure[:N]``, ``always`` or ``unless-stopped``. `Invalid` in Podman's words, after ``where``."""
    name, colon, count = text.partition(":")
    if name == "never":
        name = "no"
    if name not in ("", "no", "on-failure", "always", "unless-stopped"):
        raise Invalid(
            f'{where}"{text}" is not a valid restart policy: invalid argument',
            hint="no, on-failure[:N], always or unless-stopped",
        )
    if colon and name != "on-failure":
        raise Invalid("restart policy retries can only be specified with on-failure restart policy")
    if colon and not (count.isascii() and count.isdigit()):
        raise Invalid(f'parsing restart policy retry count: strconv.Atoi: parsing "{count}": invalid syntax')
    if name in ("always", "unless-stopped") and removes_itself:
        raise Invalid('the --rm option conflicts with --restart, when the restartPolicy is not "" and "no"')
    return {"name": name or "no", "max_retries": int(count or 0)}
