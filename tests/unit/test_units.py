"""What is read of systemd's answer about a unit."""

from __future__ import annotations

import pytest
from mast_agent.host import units


class _Variant:
    def __init__(self, value: object) -> None:
        self._value = value

    def unpack(self) -> object:
        return self._value


class _Answer(dict[str, object]):
    """GetAll's dictionary, as GLib gives it."""

    def lookup_value(self, key: str, _: None) -> _Variant | None:
        return _Variant(self[key]) if key in self else None


_PLAIN = {
    "LoadState": "loaded", "ActiveState": "activating", "SubState": "auto-restart",
    "Result": "exit-code", "ExecMainStatus": 69, "ExecMainStartTimestamp": 1, "Job": (0, "/"),
    "StateChangeTimestamp": 1_000_000_000, "RestartUSec": 5_000_000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("special", "at"),
    [
        # Before systemd 254 the pause is always the same.
        ({}, 1005.0),
        ({"RestartUSecNext": 60_000_000}, 1060.0),
        ({"RestartUSecNext": (1 << 64) - 1}, 0.0),
        ({"SubState": "start"}, 0.0),
    ],
)
def test_restart_at(special: dict[str, object], at: float) -> None:
    """While it pauses between two runs, it is known when systemd starts it again."""
    answer = _Answer(_PLAIN | special)
    assert units._unit("mast-agent.service", answer).restart_at == at  # noqa: SLF001 - no bus here
