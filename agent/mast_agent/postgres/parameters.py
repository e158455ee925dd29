"""Where the database is and who asks: what DATABASE_URL means, in Postgrex's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mast_agent.text.redact import Redactor

_TLS_BUNDLES = (
    # Where Erlang's public_key:cacerts_get/0 looks on Linux.
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
)


@dataclass(frozen=True, kw_only=True)
class ConnectionParameters:
    """Where the database is and who asks, in the terms of Postgrex.

    Either `socket_directory` is set, and `port` names the socket file in it, or `host` is.
    `tls` means what Postgrex means by ssl: true, verified against the system's authorities or
    those in `root_certificate`. `password` is kept out of the repr. Through `redactor` goes what
    libpq, a server or a pooler says.
    """

    host: str | None
    socket_directory: str | None
    port: int
    database: str
    user: str
    password: str | None
    tls: bool
    root_certificate: str | None
    ipv6: bool
    redactor: Redactor = field(default_factory=lambda: Redactor(()), compare=False)

    def __repr__(self) -> str:
        """Without the password."""
        return f"ConnectionParameters({self.place}, database={self.database!r}, user={self.user!r})"

    @property
    def place(self) -> str:
        """Where it is, for a message: "HOST:PORT" or the socket's path."""
        if self.socket_directory is not None:
            return f"{self.socket_directory.rstrip('/')}/.s.PGSQL.{self.port}"
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def system_authorities() -> str:
    """Return the file of this system's authorities, which Erlang would take too."""
    found = (path for path in _TLS_BUNDLES if Path(path).exists())
    return next(found, _TLS_BUNDLES[0])
