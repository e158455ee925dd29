"""All calls to libpq: it gets every parameter from here, and takes nothing from its surroundings.

libpq takes what it is not given from PG* variables, from a service file, and from files in the
home directory. Mast's Postgrex reads none of those: PGUSER and PGPASSWORD, which it does read, and
PGSSLROOTCERT, which is the agent's own, come from `ecto_url`. A connection that is started here is
therefore Mast's, whatever the operator's shell is set up for. Some variables cannot be overruled
by a parameter (PGSERVICE, PGTZ, PGDATESTYLE and PGGEQO), so all are removed.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import pq
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from mast_agent.postgres.parameters import ConnectionParameters

# A file that cannot be: libpq goes on without one that is not there (ENOTDIR), and an empty name
# would mean the one in the home directory.
_NO_FILE = "/dev/null/none"
_PQERRORS_DEFAULT = 1
_PQERRORS_VERBOSE = 2


def start(parameters: ConnectionParameters, address: str | None) -> pq.abc.PGconn:
    """Begin to connect to `parameters`, at `address` where it is not a socket (PQconnectStart).

    Errors are reported verbosely until `quieten` is called. Removes every PG* variable from this
    process, for good: what is wanted of them is in the settings.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    pgconn = pq.PGconn.connect_start(_conninfo(parameters, address).encode())
    _set_verbosity(pgconn, _PQERRORS_VERBOSE)
    return pgconn


def quieten(pgconn: pq.abc.PGconn) -> None:
    """Have errors reported as psycopg expects them, once the connection stands."""
    _set_verbosity(pgconn, _PQERRORS_DEFAULT)


def _conninfo(parameters: ConnectionParameters, address: str | None) -> str:
    """Return libpq's conninfo, with nothing left for libpq to find out by itself."""
    return make_conninfo(
        host=parameters.socket_directory or parameters.host,
        hostaddr=address,
        port=parameters.port,
        dbname=parameters.database,
        user=parameters.user,
        password=parameters.password,
        # Postgrex encrypts and verifies, or does neither: there is no "prefer", no downgrade.
        sslmode="verify-full" if parameters.tls else "disable",
        sslrootcert=parameters.root_certificate,
        sslcert=_NO_FILE,
        sslkey=_NO_FILE,
        sslcrl=_NO_FILE,
        gssencmode="disable",
        passfile=_NO_FILE,
        client_encoding="UTF8",
        application_name="mast-agent",
        options="",
    )


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return the libpq that psycopg has loaded, whichever that is; None when it is not clear.

    psycopg comes with a binding of its own, in C, or with a libpq in its wheel; what is mapped
    into this process is the one that its connections belong to.
    """
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    paths = set(re.findall(r"(/\S*/libpq[-.\w]*\.so[.\d]*)$", maps, re.MULTILINE))
    if len(paths) != 1:
        return None
    library = ctypes.CDLL(paths.pop())
    library.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.PQsetErrorVerbosity.restype = ctypes.c_int
    return library


def _set_verbosity(pgconn: pq.abc.PGconn, verbosity: int) -> None:
    """Tell libpq what to put into error messages; psycopg has no call for it."""
    library = _library()
    # Documented since psycopg 3.1, but not in its protocol class.
    pointer: int | None = getattr(pgconn, "pgconn_ptr", None)
    if library is not None and pointer is not None:
        library.PQsetErrorVerbosity(pointer, verbosity)
