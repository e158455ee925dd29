"""Copies a database from one throwaway server to another, as a restored backup would be."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.postgres import Cluster


def copy_database(source: Cluster, name: str, target: Cluster, copy: str) -> None:
    """Make the database `copy` on `target`, owned by mast, with all that `name` holds."""
    target.sql(f"CREATE DATABASE {copy} OWNER mast")
    environment = {**os.environ, "PGPASSWORD": "mast-canary"}
    dump = subprocess.run(
        ["pg_dump", "-h", source.directory, "-p", str(source.port), "-U", "mast", name],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["psql", "-Xq", "-h", target.directory, "-p", str(target.port), "-U", "mast", copy],
        env=environment, input=dump.stdout, check=True, capture_output=True,
    )  # fmt: skip
