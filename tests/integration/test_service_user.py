"""Rows 43 and 44 of the faults: root asks and enrolls as the service's user.

A real PostgreSQL that believes the kernel who asks (peer), a user of Debian's that runs nothing
else, and an environment file that root alone may read.
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import mast_agent
import pytest
from support import releases
from support.agent import Agent, wait_for
from support.copying import copy_database
from support.expect import assert_enrolled, assert_failed
from support.network import deaf_listener
from support.pace import Moment
from support.snippets import add_row, enroll
from support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.agent import Result
    from support.postgres import Cluster

pytestmark = [pytest.mark.root, pytest.mark.slow(15)]

USER = "games"
WHO = "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb):' /proc/$$/status | tr '\\t' ' '\n"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def peer(
    template: Cluster, cluster: Cluster, migrated_template: str, scratch: Path
) -> Iterator[Cluster]:
    """Start a server on whose socket the role mast is USER, and nobody else."""
    server = template.copy_to(scratch / "peer")
    server.start()
    server.create_role("mast")
    copy_database(cluster, migrated_template, server, "mast")
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"local all mast peer map=service\n{rules.read_text()}")
    (server.data / "pg_ident.conf").write_text(f"service {USER} mast\n")
    server.reload()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mast(peer: Cluster, reference: Path, scratch: Path) -> Path:
    """Make a bin/mast that USER may execute; its eval says who it is and inserts the row."""
    executable = releases.scripted(scratch / "service", f"{WHO}{enroll(peer, 'mast')}", reference)
    migrations = next(executable.parent.parent.glob("lib/mast-*/priv/repo")) / "migrations"
    source = migrations.resolve()
    migrations.unlink()
    shutil.copytree(source, migrations)
    return executable


@pytest.fixture
def hand(peer: Cluster, mast: Path, scratch: Path) -> Iterator[Agent]:
    """The agent as root runs it by hand, on a host that is not enrolled."""
    directory = scratch / f"hand{next(_numbers)}"
    url = f"ecto://mast@localhost:{peer.port}/mast?socket_dir={peer.directory}"
    agent = Agent(directory, mast_bin=mast, url=url)
    file = directory / "mast.env"
    file.touch(mode=0o600)
    names = ("DATABASE_URL", "SECRET_KEY_BASE", "MAST_VAULT_KEY")
    file.write_text("".join(f"{name}={agent.environment.pop(name)}\n" for name in names))
    agent.environment |= {"MAST_AGENT_ENV_FILE": str(file), "USER": "root", "HOME": "/root"}
    yield agent
    peer.sql("DELETE FROM servers", "mast")
    shutil.rmtree(directory)


def owners(*directories: Path) -> dict[Path, str]:
    """Return who owns the directories and all that is in them."""
    found = [path for each in directories for path in (each, *each.rglob("*"))]
    return {path: pwd.getpwuid(path.lstat().st_uid).pw_name for path in found}


def give_state(agent: Agent) -> None:
    """Make the state directory as systemd would."""
    agent.state.mkdir(mode=0o700)
    shutil.chown(agent.state, USER)


def test_root_itself_is_refused(hand: Agent) -> None:
    """Root that stays root is not the role's peer, and is told what to do."""
    result = hand.run("check", "--user", "root", "--timeout", "3")
    assert result.code == 78, result
    assert "[peer-refused, exit 78]" in result.stderr, result
    assert "(as root: --user mast)" in result.stderr, result


@pytest.mark.parametrize("known", ["owner", "option", "variable"])
def test_check_asks_as_the_service(hand: Agent, known: str) -> None:
    """`check` is ready for root as it is for the service, and says as whom it asked."""
    options = {"owner": (), "option": ("--user", USER), "variable": ()}[known]
    if known == "owner":
        give_state(hand)
    environment = {"MAST_AGENT_USER": USER} if known == "variable" else {}
    result = hand.finish(hand.start("check", *options, **environment))
    assert result.code == 0, result
    assert result.stdout.startswith(f"user: {USER}, "), result
    assert "warning: this user may not read" in result.stdout, result
    assert not hand.runtime.exists(), result


def test_status_asks_as_the_service(hand: Agent, peer: Cluster) -> None:
    """`status` is confirmed by the database, and stale when that has lost the row."""
    assert hand.enroll(30, "--user", USER).code == 0
    status = hand.status()
    assert (status["code"], status["database"]["reachable"]) == (0, True), status
    peer.sql("DELETE FROM servers", "mast")
    status = hand.status()
    assert (status["verdict"], status["code"]) == ("stale", 5), status
    add_row(peer, "mast")
    assert hand.status()["code"] == 0


def test_waiting_root_asks_each_time(hand: Agent) -> None:
    """`status --wait` asks as the service until the host is enrolled, and root reads on."""
    give_state(hand)
    waiting = hand.start("status", "--wait", "--json", "--timeout", "90")
    assert hand.enroll().code == 0
    result = hand.finish(waiting, 120)
    assert result.code == 0, result
    assert '"reachable": true' in result.stdout, result
    assert '"state": "unreadable"' not in result.stdout, result


def test_enrolling_by_hand_leaves_nothing_of_roots(hand: Agent, peer: Cluster) -> None:
    """The directories are made for the user, and all that is in them is the user's."""
    result = hand.enroll(30, "--user", USER)
    assert_enrolled(hand, result, peer.sql("SELECT id FROM servers", "mast"))
    assert set(owners(hand.state, hand.runtime).values()) == {USER}
    assert hand.state.stat().st_mode & 0o777 == 0o700
    assert hand.runtime.stat().st_mode & 0o777 == 0o755
    again = hand.enroll()
    assert again.code == 0, again
    assert "already enrolled" in again.stderr, again


def test_a_program_that_only_root_may_read(hand: Agent, scratch: Path) -> None:
    """On a terminal too everything is imported before root becomes the user."""
    package = scratch / "of-root"
    package.mkdir(mode=0o700)
    shutil.copytree(Path(mast_agent.__file__).parent, package / "mast_agent")
    term = Terminal()
    process = subprocess.Popen(
        ["/usr/bin/python3", "-m", "mast_agent", "enroll", "--user", USER, "--timeout", "60"],
        env={**hand.environment, "PYTHONPATH": str(package), "TERM": "xterm"},
        cwd="/", stdin=term.end, stdout=term.end, stderr=term.end,
    )  # fmt: skip
    code = process.wait(90)
    shown = term.text()
    assert code == 0, shown
    assert "✓ verify      confirmed by the database" in re.sub("\x1b\\[[0-9;]*m", "", shown), shown


def test_nothing_of_root_reaches_the_eval(hand: Agent) -> None:
    """It is for good: ids, groups and capabilities are the user's, the saved ones too."""
    account = pwd.getpwnam(USER)
    result = hand.enroll(30, "--user", USER)
    assert result.code == 0, result
    said = {
        words[0]: words[1:]
        for line in result.stderr.splitlines()
        if (words := line.partition("stdout: ")[2].replace(":", "").split())
    }
    assert said["Uid"] == [str(account.pw_uid)] * 4, result
    assert said["Gid"] == [str(account.pw_gid)] * 4, result
    groups = os.getgrouplist(USER, account.pw_gid)
    assert set(said["Groups"]) == set(map(str, groups)), result
    for kind in ("CapPrm", "CapEff", "CapAmb"):
        assert int(said[kind][0], 16) == 0, result


def test_a_failure_before_anything_leaves_nothing_of_roots(hand: Agent) -> None:
    """What cannot even be read is published by the user, too."""
    file = Path(hand.environment["MAST_AGENT_ENV_FILE"])
    file.write_text("no assignment\n")
    result = hand.enroll(30, "--user", USER)
    assert_failed(hand, result, code=78, cause="env-file-malformed", phase="release")
    assert set(owners(hand.state, hand.runtime).values()) == {USER}


def run_each(hand: Agent, *options: str) -> dict[str, Result]:
    """Run each command that asks the database."""
    return {command: hand.run(command, *options) for command in ("check", "status", "enroll")}


def test_a_user_that_does_not_exist(hand: Agent) -> None:
    """Each command says so, and `enroll` leaves nothing in the way of a unit."""
    results = run_each(hand, "--user", "no-such-user")
    for command in ("check", "enroll"):
        assert results[command].code == 78, results[command]
        assert "[service-user-missing, exit 78]" in results[command].stderr, results[command]
    assert "not asked: the user 'no-such-user'" in results["status"].stdout, results["status"]
    assert not hand.state.exists()
    assert not hand.runtime.exists()


def test_a_root_that_may_not_become_anybody(hand: Agent) -> None:
    """Without the capabilities for it, root says that, and asks nothing as root."""
    give_state(hand)
    prefix = ("setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all")
    check = hand.finish(hand.start_as(prefix, "check"))
    assert check.code == 77, check
    assert "[service-user-denied, exit 77]" in check.stderr, check
    status = hand.finish(hand.start_as(prefix, "status", "--json"))
    assert '"cause": "service-user-denied"' in status.stdout, status
    assert '"reachable": false' in status.stdout, status


def test_directories_that_are_roots_are_not_taken(hand: Agent) -> None:
    """What root keeps in a directory is not given away, and the remedy is what works."""
    hand.state.mkdir()
    (hand.state / "enrollment.json").write_text("{}")
    result = hand.enroll(30, "--user", USER)
    assert result.code == 77, result
    assert "[directory-denied, exit 77]" in result.stderr, result
    assert owners(hand.state) == dict.fromkeys(owners(hand.state), "root")
    remedy = f"chown -R {USER}: {hand.state}"
    assert remedy in result.stderr, result
    assert os.system(remedy) == 0  # noqa: S605 - as it is printed
    assert hand.enroll(30, "--user", USER).code == 0


def test_status_is_bounded_where_the_server_is_deaf(hand: Agent) -> None:
    """The child that asks is ended with the deadline, and says what it waited for."""
    with deaf_listener() as port:
        url = f"ecto://mast:mast-canary@127.0.0.1:{port}/mast"
        Path(hand.environment["MAST_AGENT_ENV_FILE"]).write_text(f"DATABASE_URL={url}\n")
        give_state(hand)
        result = hand.run("status", "--json", "--timeout", "2")
    assert '"cause": "timed-out"' in result.stdout, result
    assert result.seconds - result.held_up < 15, result


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_ended_wait_leaves_no_child(hand: Agent, end: signal.Signals) -> None:
    """Whatever ends a `status --wait` leaves nobody behind who still asks."""
    with deaf_listener() as port:
        url = f"ecto://mast:mast-canary@127.0.0.1:{port}/mast"
        Path(hand.environment["MAST_AGENT_ENV_FILE"]).write_text(f"DATABASE_URL={url}\n")
        give_state(hand)
        process = hand.start("status", "--wait", "--timeout", "60")
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            child = int(wait_for(children.read_text))
            process.send_signal(end)
            assert process.wait(90) in {-end, 128 + end}
            # Left alone it would ask for as long as a status may take, which is 5 s.
            ended = Moment()
            wait_for(lambda: not Path(f"/proc/{child}").exists())
            assert ended.passed() - ended.held_up() < 2
        finally:
            process.kill()
            hand.finish(process)
