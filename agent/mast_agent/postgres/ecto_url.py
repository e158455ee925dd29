"""Translates DATABASE_URL from Ecto's reading into libpq's parameters.

Ecto and libpq agree on the common URLs and on little else, so the URL is taken apart the way
Elixir's URI.parse and Ecto.Repo.Supervisor.parse_url do it, and what Ecto or Postgrex would
refuse, or would read otherwise than its author meant, is refused here with a reason. No message
shows any part of the URL but its scheme. Which query keys Mast can take is `ecto_options`'.

Read in ecto 3.14.1 (Ecto.Repo.Supervisor.parse_url), ecto_sql 3.14.0, postgrex 0.22.2
(Postgrex.Utils.default_opts) and Elixir 1.14 to 1.18 (URI.parse).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres import ecto_options
from mast_agent.postgres.parameters import ConnectionParameters, system_authorities
from mast_agent.text.redact import Redactor, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

DEFAULT_PORT = 5432
_MAX_PORT = 65535
# RFC 3986, appendix B, with the scheme's letters, as Elixir's URI.parse has it.
_URL = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+\-.]*):)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_AUTHORITY = re.compile(
    r"(?:(?P<userinfo>.*)@)?(?P<host>\[[a-zA-Z0-9:.]*\]|[^:]*)(?P<rest>.*)", re.DOTALL
)
# URI.parse gives a URL without a port the one of its scheme, where it knows that.
_FOREIGN_SCHEMES = frozenset({"ftp", "http", "https", "ldap", "sftp", "tftp", "ws", "wss"})
# Of libpq's sslmode; Ecto ignores the key.
_NO_TLS_DEMANDED = ("disable", "allow", "prefer")


def parse(mast: Mapping[str, str]) -> ConnectionParameters:
    """Return what DATABASE_URL and ECTO_IPV6 among Mast's variables mean.

    Raises Failure (78): DATABASE_URL missing or refused, or a variable that it falls back to is.
    """
    url = mast.get("DATABASE_URL", "")
    if not url:
        raise Failure(causes.URL_MISSING, "DATABASE_URL is not set")
    return _Reader(url, mast).parameters()


class _Reader:
    """Takes one URL apart and remembers its scheme for the messages."""

    def __init__(self, url: str, mast: Mapping[str, str]) -> None:
        self._mast = mast
        match = _URL.fullmatch(url)
        # The scheme is shown in messages: only one that is a plain word ever is.
        scheme = match["scheme"] if match else None
        self._scheme = scheme.lower() if scheme and match and match["authority"] else None
        if any(char <= " " or char == "\x7f" for char in url):
            self._refuse("contains a blank, a line break or a control character")
        if not match or not match["authority"]:
            self._refuse("names no host: it has to start with ecto://USER:PASSWORD@HOST")
        self._path, self._query = match["path"], match["query"]
        if ":" in match["authority"] and re.search(r"^[^@]*//[^@/?#]*[/?#](?!.*username=).*@", url):
            # Ecto would take the password's beginning for a port, and its end for the database.
            self._refuse("has a '/', '?' or '#' in its password that is not percent-encoded")
        self._check_authority(match["authority"].rpartition("@")[2])
        authority = _AUTHORITY.fullmatch(match["authority"])
        if not authority or not authority["host"] or authority["host"] == "[]":
            self._refuse(
                "names no host; for a socket write ecto://USER@localhost/DATABASE?socket_dir=/DIR"
            )
        self._userinfo = authority["userinfo"]
        self._host = self._decode(authority["host"].strip("[]"), "host")
        self._bracketed = authority["host"].startswith("[")
        self._port_text = authority["rest"]

    def _refuse(self, reason: str) -> NoReturn:
        name = f"DATABASE_URL ({self._scheme}://…)" if self._scheme else "DATABASE_URL"
        raise Failure(causes.URL_REFUSED, f"{name} {reason}") from None

    def _check_authority(self, hosts: str) -> None:
        """Name what Elixir's URI.parse makes something else of than its author meant."""
        if self._scheme in _FOREIGN_SCHEMES:
            self._refuse("has a scheme with a port of its own: it has to start with ecto://")
        if "," in hosts:
            self._refuse(
                "names several hosts, where Mast connects to one (or a special character in user "
                "or password is not percent-encoded)"
            )
        if hosts.startswith("[") and "%" in hosts:
            self._refuse(
                "has an IPv6 address with a zone, which Mast cannot take: "
                "write an address that needs none"
            )

    def _decode(self, text: str, part: str, *, plus: bool = False) -> str:
        """Percent-decode `text`; a '%' that encodes nothing stays, as in Elixir's URI.decode."""
        if plus:
            text = text.replace("+", " ")
        try:
            decoded = unquote_to_bytes(text).decode()
        except UnicodeError:  # also one from surrogates: bad bytes in the environment
            self._refuse(f"has a {part} that is not UTF-8")
        if "\0" in decoded:
            self._refuse(f"has a NUL character in its {part}")
        return decoded

    def parameters(self) -> ConnectionParameters:
        query = self._parse_query()
        # The port first: what is not encoded in a password mostly ends up there.
        socket_directory, port = self._socket(query)
        user, password = self._credentials(query)
        ipv6 = self._mast.get("ECTO_IPV6") in ("true", "1")
        tls = query.get("ssl") == "true"
        if socket_directory is not None:
            if ipv6:
                self._refuse("names a socket while ECTO_IPV6 is set: take ECTO_IPV6 away")
            if tls:
                self._refuse("has ssl=true for a socket: PostgreSQL has no TLS there")
        else:
            self._check_host(ipv6=ipv6)
        database = self._database()
        # The password too as it is in the end: in a query it may have been encoded twice.
        secrets = secrets_of(
            {**self._mast, "PASSWORD": password or ""}, (user, database, self._host)
        )
        return ConnectionParameters(
            host=None if socket_directory is not None else self._host,
            socket_directory=socket_directory,
            port=port,
            database=database,
            user=user,
            password=password,
            tls=tls,
            root_certificate=self._root_certificate() if tls else None,
            ipv6=ipv6,
            redactor=Redactor(secrets),
        )

    def _parse_query(self) -> dict[str, str]:
        """Return the query's keys. Of a key that is there twice, Ecto takes the last."""
        query: dict[str, str] = {}
        for pair in (self._query or "").split("&"):
            if not pair:
                continue
            raw_key, _, raw_value = pair.partition("=")
            key = self._decode(raw_key, "query", plus=True)
            value = self._decode(raw_value, "query", plus=True)
            self._check_pair(key, value)
            # What stays a string is decoded a second time.
            query[key] = self._decode(value, "query")
        if query.get("ssl") != "true" and query.get("sslmode", "disable") not in _NO_TLS_DEMANDED:
            self._refuse("demands TLS by sslmode, which Mast ignores: write ssl=true")
        return query

    def _check_pair(self, key: str, value: str) -> None:
        """Refuse what Ecto or Postgrex would crash on, each time that it is there."""
        if instead := ecto_options.INSTEAD.get(key):
            self._refuse(f"has {key}, which Mast cannot take from a URL: {instead}")
        if key in ecto_options.INTEGERS and (fault := ecto_options.fault(key, value)):
            self._refuse(f"has a {key} that is not {fault}")
        if key == "ssl" and value not in ("true", "false"):
            self._refuse("has an ssl that is neither true nor false")
        if len(key) > ecto_options.MAX_KEY_CHARACTERS:
            self._refuse(
                f"has a query key of more than {ecto_options.MAX_KEY_CHARACTERS} characters"
            )

    def _credentials(self, query: Mapping[str, str]) -> tuple[str, str | None]:
        raw_user, colon, raw_password = (self._userinfo or "").partition(":")
        if ":" in raw_password:
            # Some versions of Ecto cut the password off at its first colon, others do not.
            self._refuse("has a ':' in its password: write it as %3A")
        user: str | None = self._decode(raw_user, "user") if self._userinfo else None
        password: str | None = self._decode(raw_password, "password") if colon else None
        if user is None:
            # Postgrex: the option, else PGUSER, else USER of the process.
            user = query.get("username", self._mast.get("PGUSER", self._mast.get("USER")))
        if password is None:
            password = query.get("password", self._mast.get("PGPASSWORD"))
        if not user:
            self._refuse("names no user")
        self._require_utf8(user, "PGUSER or USER")
        self._require_utf8(password, "PGPASSWORD")
        return user, password or None

    def _require_utf8(self, text: str | None, what: str) -> None:
        # What comes from the environment may have any bytes: os.environ has them as surrogates.
        if text and re.search("[\ud800-\udfff]", text):
            raise Failure(causes.VARIABLE_MALFORMED, f"{what} is not UTF-8")

    def _socket(self, query: Mapping[str, str]) -> tuple[str | None, int]:
        """Return the socket's directory, or None for TCP, and the port."""
        port = self._port(query)
        if (path := query.get("socket")) is not None:
            # libpq takes a directory and a port that make the file's name together.
            match = re.fullmatch(r"(/.*)/\.s\.PGSQL\.([1-9][0-9]{0,4})", path)
            if not match or int(match[2]) > _MAX_PORT:
                self._refuse("has a socket that is not /DIR/.s.PGSQL.PORT")
            return match[1], int(match[2])
        directory = query.get("socket_dir")
        if directory is not None and not directory.startswith("/"):
            self._refuse("has a socket_dir that is not an absolute path")
        return directory, port

    def _port(self, query: Mapping[str, str]) -> int:
        # Not PGPORT: ecto_sql puts 5432 where the URL has none, before Postgrex looks for it.
        text = self._port_text.removeprefix(":") or query.get("port", str(DEFAULT_PORT))
        if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= _MAX_PORT:
            self._refuse(
                f"has a port that is not a number from 1 to {_MAX_PORT}; "
                "special characters in user and password have to be percent-encoded"
            )
        return int(text)

    def _check_host(self, *, ipv6: bool) -> None:
        if "/" in self._host:
            self._refuse("has a path as its host: write @localhost/DATABASE?socket_dir=/DIR")
        if ":" in self._host and not ipv6:
            self._refuse("has an IPv6 address, for which Mast needs ECTO_IPV6=true")
        if ipv6 and re.fullmatch(r"[0-9.]+", self._host):
            self._refuse("has an IPv4 address while ECTO_IPV6 is set: take ECTO_IPV6 away")
        if self._bracketed and ":" not in self._host:
            self._refuse("has brackets around a host that is no IPv6 address")

    def _database(self) -> str:
        if not re.fullmatch(r"/[^/]+", self._path):
            self._refuse(
                "has no single database name after the host; '/', '?' and '#' "
                "in user or password have to be percent-encoded"
            )
        return self._decode(self._path[1:], "database name")

    def _root_certificate(self) -> str:
        """Return the file of trusted authorities: PGSSLROOTCERT, else the system's."""
        named = self._mast.get("PGSSLROOTCERT")
        self._require_utf8(named, "PGSSLROOTCERT")
        return named or system_authorities()
