"""Passwords and tokens of URLs, kept out of messages and records."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.\-]*://)([^/@\s]+)@")


def redacted(text: str) -> str:
    """``text`` with what stands before ``@`` in its URLs replaced, as Go's ``URL.Redacted`` does: a user's name stays,
    a password does not. A name alone may be a token, where the URL is http's."""

    def hidden(match: re.Match[str]) -> str:
        scheme, user = match.group(1), match.group(2)
        name, colon, _password = user.partition(":")
        if not colon:
            return f"{scheme}xxxxx@" if scheme.startswith("http") else match.group(0)
        return f"{scheme}{name}:xxxxx@"

    return _USERINFO.sub(hidden, text)
