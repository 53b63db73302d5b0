"""TLS for a registry: the system's authorities, and certs.d (containers-certs.d(5))."""

from __future__ import annotations

import os
import ssl

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

_CERTS_D = ("/etc/containers/certs.d", "/etc/docker/certs.d")


class Trust:
    """Which certificates are accepted and shown. ``insecure``: any is accepted (--tls-verify=false)."""

    def __init__(
        self, settings: Settings, registry: str, host: str, *, cert_dir: str = "", insecure: bool = False
    ) -> None:
        """``registry`` is the name that certs.d knows, ``host`` (with its port) what is connected to."""
        self.host = host
        self.insecure = insecure
        self._folder = cert_dir or _folder(settings, registry)
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def context(self, host: str) -> ssl.SSLContext:
        """For a connection to ``host``. Only the registry itself ever sees the client's certificate."""
        own = host == self.host
        if own not in self._contexts:
            self._contexts[own] = self._make(client=own)
        return self._contexts[own]

    def _make(self, *, client: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        for name in self._names():
            path = os.path.join(self._folder, name)
            try:
                if name.endswith(".crt"):
                    context.load_verify_locations(cafile=path)
                elif name.endswith(".cert") and client:
                    context.load_cert_chain(path, self._key_of(path))
            except (OSError, ssl.SSLError) as error:
                raise Invalid(f"{path}: no usable certificate: {error.strerror or error}") from None
        return context

    def _names(self) -> list[str]:
        if not self._folder:
            return []
        try:
            return sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []  # as for Podman: certificates that are not there are not known
        except OSError as error:
            raise Invalid(f"cannot read {self._folder}: {error.strerror}") from None

    def _key_of(self, path: str) -> str:
        key = path.removesuffix(".cert") + ".key"
        if not os.path.exists(key):
            raise Invalid(f"missing key {key} for client certificate {path}")
        return key


def _folder(settings: Settings, host: str) -> str:
    user = os.path.join(settings.home, ".config/containers/certs.d")
    for base in (user, *_CERTS_D):
        if host and os.path.isdir(path := os.path.join(base, host)):
            return path
    return ""
