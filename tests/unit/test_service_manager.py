"""The service manager, as far as it is known without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mast_agent import service_manager

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        pytest.param([], set(), id="none"),
        pytest.param(["usr/lib/systemd/systemd"], set(), id="no-library"),
        pytest.param(
            ["usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-252.so"], {252}, id="debian"
        ),
        pytest.param(["usr/lib/systemd/libsystemd-shared-257.5-1.so"], {257}, id="with-a-release"),
        pytest.param(["usr/lib/systemd/libsystemd-shared-258~rc2.so"], {258}, id="candidate"),
        pytest.param(["usr/lib64/systemd/libsystemd-shared-254.so"], {254}, id="lib64"),
        pytest.param(
            ["run/current-system/systemd/lib/systemd/libsystemd-shared-257.so"], {257}, id="nixos"
        ),
        pytest.param(
            [f"usr/lib/systemd/libsystemd-shared-{each}.so" for each in (252, 254)],
            {252, 254},
            id="upgrading",
        ),
        pytest.param(["usr/lib/systemd/libsystemd-shared-.so"], set(), id="no-number"),
    ],
)
def test_versions(tmp_path: Path, files: list[str], versions: set[int]) -> None:
    """The version is in the name of the library that systemd is linked with."""
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert service_manager.versions(tmp_path) == versions
