"""The service manager, as far as it is known without asking it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from mast_agent.host import service_manager

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


@pytest.mark.parametrize(
    ("seconds", "said"), [(300, "330000000"), (0.5, "30500000"), (1e300, "1000000000000000")]
)
def test_extending_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, said: str
) -> None:
    """Systemd is told how long the run may take, and some seconds more, in microseconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        service_manager.extend_start(seconds)
        assert manager.recv(4096).decode() == f"EXTEND_TIMEOUT_USEC={said}"


def test_nobody_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service manager, or with one that has gone, nothing happens."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service_manager.extend_start(1)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    service_manager.extend_start(1)
