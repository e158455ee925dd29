"""What `check` shows, as text: in a pipe, where each line is a promise, and on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.report.surroundings import Reader
from mast_agent.show import checklist, console, layout
from mast_agent.show.layout import Style
from mast_agent.status.preflight import Finding, Kind, failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

REFUSED = failed(
    Failure(
        causes.REFUSED,
        "nothing listens at 127.0.0.1:5432",
        remedy="Start it: systemctl start postgresql",
    )
)
MISSING = failed(Failure(causes.RELEASE_MISSING, "no bin/mast\x1b", remedy="Name it in MAST_BIN"))
RELEASE = Finding(label="release", text="/opt/mast/bin/mast, version 0.5.0")
WARNED = Finding(
    label="release",
    text="no Mast.Bootstrap",
    kind=Kind.WARNING,
    failure=Failure(causes.BOOTSTRAP_MISSING, "no Mast.Bootstrap", remedy="Add it"),
)
SETTINGS = Finding(label="settings", text="one overrules the other", kind=Kind.WARNING)
DATABASE = Finding(label="database", text="127.0.0.1:5432")
MIGRATIONS = Finding(label="migrations", text="22 of 22 applied")
ROW = Finding(label="enroll", text="this host has no row yet")
SKIPPED = [
    Finding(label=name, text="not looked at", kind=Kind.SKIPPED)
    for name in ("migrations", "enroll")
]


def shown(found: Sequence[Finding], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What a check prints that finds these."""
    listed = checklist.Checklist({})
    for each in found:
        listed.see(each, Reader())
    listed.close()
    out, err = capsys.readouterr()
    return out, err


def test_ready_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each finding; a warning has what to do behind it."""
    found = [SETTINGS, RELEASE, WARNED, DATABASE, MIGRATIONS, ROW]
    assert shown(found, capsys) == (
        (
            "settings: warning: one overrules the other\n"
            "release: /opt/mast/bin/mast, version 0.5.0\n"
            "release: warning: no Mast.Bootstrap. Add it\n"
            "database: 127.0.0.1:5432\n"
            "migrations: 22 of 22 applied\n"
            "enroll: this host has no row yet\n"
        ),
        "",
    )


def test_not_ready_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure is one line on stderr, and of what was not looked at there is none."""
    out, err = shown([MISSING, DATABASE, *SKIPPED], capsys)
    assert out == "database: 127.0.0.1:5432\n"
    assert err == (
        "mast-agent: release: no bin/mast\\x1b. Name it in MAST_BIN [release-missing, exit 78]\n"
    )
    _, err = shown([MISSING, REFUSED, *SKIPPED], capsys)
    assert [line.rpartition(" [")[2] for line in err.splitlines()] == [
        "release-missing, exit 78]",
        "refused, exit 69]",
    ]


def _drawn(
    found: Sequence[Finding], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(console, "is_able", lambda *_: True)
    monkeypatch.setattr(layout, "style", lambda *_: Style(width=60))
    out, err = shown(found, capsys)
    assert err == ""
    return out


def test_ready_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer first, then the list; what is only a warning is there with what to do."""
    assert (
        _drawn([RELEASE, DATABASE, MIGRATIONS, ROW], capsys, monkeypatch)
        == """\
✓ ready to enroll

  ✓ release     /opt/mast/bin/mast, version 0.5.0
  ✓ database    127.0.0.1:5432
  ✓ migrations  22 of 22 applied
  ✓ enroll      this host has no row yet
"""
    )
    text = _drawn([RELEASE, WARNED, DATABASE, MIGRATIONS, ROW], capsys, monkeypatch)
    assert text.startswith("! ready to enroll\n")
    assert "  ! release     no Mast.Bootstrap\n" in text
    assert text.endswith("\n    remedy      Add it\n")


def test_not_ready_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is wrong, each remedy once, the commands set apart, and the slugs at the end."""
    found = [SETTINGS, MISSING, MISSING, REFUSED, *SKIPPED]
    assert (
        _drawn(found, capsys, monkeypatch)
        == """\
✗ not ready to enroll: see release and database

  ! settings    one overrules the other
  ✗ release     no bin/mast\\x1b
  ✗ release     no bin/mast\\x1b
  ✗ database    nothing listens at 127.0.0.1:5432
  · migrations  not looked at
  · enroll      not looked at

    remedy      Name it in MAST_BIN
    also        Start it
      $ systemctl start postgresql

  [release-missing, exit 78] [release-missing, exit 78]
  [refused, exit 69]
"""
    )


def test_nothing_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bug before the first finding there is no list, and no answer either."""
    assert _drawn([], capsys, monkeypatch) == ""
