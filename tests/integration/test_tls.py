"""Row 8 of the faults: TLS that one side demands and the other does not give, or nobody trusts."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.expect import assert_failed
from support.swarm import Outcome, Swarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

# Name: code, cause, a part of the message, a part of the remedy.
CASES = {
    "server demands it": (78, "hba-refused", "without TLS", "ssl=true"),
    "server has none": (78, "tls-unsupported", "has no TLS", "ssl = on"),
    "unknown authority": (78, "tls-untrusted", "vouches", "PGSSLROOTCERT"),
    "no such authority file": (78, "tls-untrusted", "is missing", "PGSSLROOTCERT"),
    "another name": (78, "tls-untrusted", "for another name", "PGSSLROOTCERT"),
}


@pytest.fixture(scope="module")
def tls_cluster(template: Cluster, scratch: Path) -> Iterator[Cluster]:
    """Start a server that admits only TLS, with a certificate of its own for localhost."""
    server = template.copy_to(scratch / "tls")
    certificate, key = server.data / "server.crt", server.data / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    for file in (certificate, key):
        shutil.chown(file, server.data.owner(), server.data.group())
    key.chmod(0o600)
    shutil.copy(certificate, server.directory / "authority.crt")
    (server.data / "pg_hba.conf").write_text(
        "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
    )
    server.configure(ssl="on", log_connections="on")
    server.start()
    server.create_role("mast")
    yield server
    server.stop()


def _home(directory: Path) -> Path:
    """Return a home directory with what libpq would look for, and could not use."""
    home = directory / "home"
    (home / ".postgresql").mkdir(parents=True)
    for name in ("postgresql.crt", "postgresql.key", "root.crt", "root.crl"):
        (home / ".postgresql" / name).write_text("nonsense")
    return home


@pytest.fixture(scope="module")
def outcomes(
    tls_cluster: Cluster,
    cluster: Cluster,
    new_agent: Callable[[str], Agent],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Agent, Outcome]]:
    """All cases at once, and the one in which everything is right."""
    directory = tmp_path_factory.mktemp("tls")
    authority = {"PGSSLROOTCERT": str(tls_cluster.directory / "authority.crt")}
    by_address = tls_cluster.url("postgres")
    by_name = by_address.replace("127.0.0.1", "localhost")
    cases: dict[str, tuple[str, dict[str, str]]] = {
        "server demands it": (by_address, {}),
        "server has none": (cluster.url("postgres") + "?ssl=true", {}),
        "unknown authority": (by_name + "?ssl=true", {}),
        "no such authority file": (by_name + "?ssl=true", {"PGSSLROOTCERT": "/nonexistent"}),
        "another name": (by_address + "?ssl=true", authority),
        "right": (by_name + "?ssl=true", authority),
        "files at home": (by_name + "?ssl=true", {**authority, "HOME": str(_home(directory))}),
    }
    agents = {name: new_agent(url) for name, (url, _) in cases.items()}
    swarm = Swarm(directory)
    for name, (_, environment) in cases.items():
        swarm.add(agents[name], "enroll", "--timeout", "3", **environment)
    with swarm:
        ends = swarm.finish()
    return {name: (agents[name], end) for name, end in zip(cases, ends, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_mismatch_stops_and_names_the_setting(
    outcomes: dict[str, tuple[Agent, Outcome]], name: str
) -> None:
    """No TLS fault is waited for, and each says which setting of which side to change."""
    agent, outcome = outcomes[name]
    code, cause, message, remedy = CASES[name]
    published = assert_failed(
        agent, outcome, code=code, cause=cause, phase="database", remedy=remedy
    )
    assert message in published["error"]["message"], published
    assert published["attempts"] == 1, (published, str(outcome))


@pytest.mark.parametrize("name", ["right", "files at home"])
def test_right_authority_lets_it_in(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """With the authority named in PGSSLROOTCERT and the certificate's name, it gets through.

    So it does where libpq would find certificates in the home directory.
    """
    agent, outcome = outcomes[name]
    # The database is empty: that it is known to be says that the agent was in.
    assert_failed(agent, outcome, code=75, cause="migrations-pending", phase="migrations")


def test_never_downgrades(outcomes: dict[str, tuple[Agent, Outcome]], tls_cluster: Cluster) -> None:
    """Whatever was refused, the server let nobody in over TCP without TLS."""
    assert outcomes
    admitted = [
        line
        for line in tls_cluster.log().splitlines()
        if "connection authorized" in line and "application_name=mast-agent" in line
    ]
    assert admitted, tls_cluster.log()
    assert all("SSL enabled" in line for line in admitted), admitted
