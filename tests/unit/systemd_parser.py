"""systemd's own reader of environment files, from its private library, where that is installed.

It is what EnvironmentFile= goes through (load_env_file() of src/basic/env-file.c, called without
a process), so that the agent's reader can be held against it rather than against a description.
"""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent.host import service_manager

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBRARIES = ("/usr/lib/*/systemd/libsystemd-shared-*.so", "/usr/lib*/systemd/libsystemd-shared-*")


def _load() -> Callable[..., int] | None:
    """Return load_env_file(FILE *f, const char *fname, char ***ret); None where it is not."""
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern[1:])]
    for path in found:
        with contextlib.suppress(OSError, AttributeError):
            function = ctypes.CDLL(str(path)).load_env_file
            function.argtypes = [
                ctypes.c_void_p,
                ctypes.c_char_p,
                ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p)),
            ]
            function.restype = ctypes.c_int
            return function
    return None


_load_env_file = _load()
#: Of that systemd; 0 where there is none.
VERSION = max(service_manager.versions(), default=0) if _load_env_file is not None else 0


def parse(content: bytes) -> dict[str, str]:
    """Return what systemd makes of `content`. Raises ValueError when it refuses it."""
    assert _load_env_file is not None
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        assignments = ctypes.POINTER(ctypes.c_char_p)()
        error = _load_env_file(None, file.name.encode(), ctypes.byref(assignments))
    if error:
        raise ValueError(error)
    variables: dict[str, str] = {}
    index = 0
    # A vector of "NAME=VALUE" that ends with a null pointer; it is not freed, being a test's.
    while assignments and (assignment := assignments[index]) is not None:
        name, _, value = assignment.decode().partition("=")
        variables[name] = value
        index += 1
    return variables
