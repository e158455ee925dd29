"""What the module generates: what NixOS has of its own, and what each option changes of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from nix.test_one_source import section, variables

_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-")


DATABASE_URL = (
    'Environment="DATABASE_URL=ecto://mast@localhost:5432/mast?socket_dir=/run/postgresql"'
)
_EXTERNAL = (
    {
        DATABASE_URL,
        "After=network.target postgresql.target",
        "Requires=postgresql.target",
    },
    {"After=network.target network-online.target", "Wants=network-online.target"},
)
_SETTINGS = {
    'Environment="GREETING=with \\"quotes\\", a \\\\backslash and 100%% per cent"',
    'Environment="MAST_PUBLIC_URL=https://mast.example.org"',
    'Environment="MAST_TRUST_PROXY_HEADERS=true"',
    'Environment="POOL_SIZE=20"',
    'Environment="RELEASE_DISTRIBUTION=none"',
}
_MANAGED = {"X-Restart-Triggers=self-managed"}
_IPV6 = {'Environment="ECTO_IPV6=true"'}
_SOCKET_5433 = DATABASE_URL.replace("5432", "5433")
SSH_PORT = {'Environment="MAST_SELF_PORT=22"'}

# configuration: (lines of `minimal` that are missing, lines that are new)
MAST_DIFFERS: dict[str, tuple[set[str], set[str]]] = {
    "minimal": (set(), set()),
    "host-and-port": (
        {'Environment="PHX_HOST=localhost"', 'Environment="PORT=4000"'},
        {'Environment="PHX_HOST=mast.example.org"', 'Environment="PORT=8080"'},
    ),
    "firewall": (
        {'Environment="PHX_HOST=localhost"'},
        {'Environment="PHX_HOST=mast.example.org"'},
    ),
    "external": _EXTERNAL,
    "self-managed": (set(), _MANAGED),
    "self-managed-external": (_EXTERNAL[0], _EXTERNAL[1] | _MANAGED),
    "settings": ({'Environment="RELEASE_DISTRIBUTION=sname"'}, _SETTINGS | _MANAGED),
    "other-socket": ({DATABASE_URL}, {_SOCKET_5433}),
    "other-environment-file": (
        {"EnvironmentFile=/run/secrets/mast.env"},
        {"EnvironmentFile=/etc/a folder/100%%.env"} | _MANAGED,
    ),
    "ipv6": (_EXTERNAL[0], _EXTERNAL[1] | _IPV6),
    # What concerns access leaves Mast's own unit alone: it is not restarted for that.
    "without-access": (set(), _MANAGED),
    "sudo": (set(), _MANAGED),
    "operators-sshd": (set(), _MANAGED),
    "another-modules-sshd": (set(), _MANAGED),
    "other-ssh-port": (set(), _MANAGED),
    "other-ssh-address": (set(), _MANAGED),
    "no-ipv6": (set(), _MANAGED),
}

# configuration: (lines of `self-managed` that are missing, lines that are new)
AGENT_DIFFERS: dict[str, tuple[set[str], set[str]]] = {
    "self-managed": (set(), set()),
    "self-managed-external": (
        {
            DATABASE_URL,
            "PrivateNetwork=yes",
            "IPAddressDeny=any",
            "RestrictAddressFamilies=",
            "RestrictAddressFamilies=AF_UNIX",
        },
        set(),
    ),
    "settings": (set(), _SETTINGS),
    "other-environment-file": (
        {"LoadCredential=mast.env:/run/secrets/mast.env"},
        {"LoadCredential=mast.env:/etc/a folder/100%%.env"},
    ),
    # Without access it is nobody's business here where sshd listens.
    "without-access": (SSH_PORT, {'Environment="MAST_AGENT_ACCESS=no"'}),
    "sudo": (set(), set()),
    "operators-sshd": (set(), set()),
    "another-modules-sshd": (set(), set()),
    "other-ssh-port": (SSH_PORT, {'Environment="MAST_SELF_PORT=2222"'}),
    "other-ssh-address": (SSH_PORT, {'Environment="MAST_SELF_PORT=2200"'}),
    "no-ipv6": (set(), set()),
}

# configuration: (lines of the unit of access of `self-managed` that are missing, that are new)
ACCESS_DIFFERS = {
    "other-ssh-port": (SSH_PORT, {'Environment="MAST_SELF_PORT=2222"'}),
    "other-ssh-address": (SSH_PORT, {'Environment="MAST_SELF_PORT=2200"'}),
}


def directives(text: str) -> list[str]:
    """Return the lines of a unit, sorted, with the names of packages for their store paths."""
    return sorted(filter(None, _STORE.sub("", text).splitlines()))


def changed(baseline: str, gone: set[str], new: set[str]) -> list[str]:
    """Return the lines of a unit that differs from the baseline in what is named."""
    lines = directives(baseline)
    assert gone <= set(lines), "the expectation itself is wrong"
    return sorted([line for line in lines if line not in gone] + list(new))


def parts(text: str) -> tuple[dict[str, list[str]], ...]:
    """Return the sections Unit, Service and Install of a unit, without the hashes of the store."""
    return tuple(section(_STORE.sub("", text), name) for name in ("Unit", "Service", "Install"))


def test_mast_runs_the_release_as_a_user_of_its_own(configurations: Any) -> None:
    """With the operator's secrets and a cookie; what it shares with Debian's is compared to that.

    tests/nix/test_one_source.py does so, for the sandbox above all.
    """
    unit, service, install = parts(configurations["minimal"]["units"]["mast"])
    assert unit["Requires"] == ["postgresql.target"]
    assert service["ExecStart"] == ["mast/bin/mast start"]
    assert service["EnvironmentFile"] == ["/run/secrets/mast.env", "-/run/mast/cookie.env"]
    assert service["DynamicUser"] == ["true"]
    assert service["WorkingDirectory"] == ["/run/mast"]
    assert install["WantedBy"] == ["multi-user.target"]


def test_what_nixos_adds_to_the_agent(configurations: Any) -> None:
    """Secrets as a credential, a user of its own, no network for a socket, no restart by a switch.

    Its sandbox is the package's: none of that is said again.
    """
    unit, service, install = parts(configurations["self-managed"]["units"]["mast-agent"])
    own = variables(service)
    assert own["MAST_BIN"] == "mast/bin/mast"
    assert own["MAST_AGENT_ENV_FILE"] == "%d/mast.env"
    assert own["MAST_SELF_PORT"] == "22"
    assert own["DATABASE_URL"].startswith("ecto://mast@localhost:5432/mast?socket_dir=")
    del service["Environment"]
    assert service == {
        "X-RestartIfChanged": ["false"],
        "DynamicUser": ["true"],
        "LoadCredential": ["mast.env:/run/secrets/mast.env"],
        "PrivateNetwork": ["yes"],
        "IPAddressDeny": ["any"],
        "RestrictAddressFamilies": ["", "AF_UNIX"],
    }
    assert (unit, install["WantedBy"]) == ({}, ["mast.service"])


def test_what_nixos_adds_to_access(configurations: Any) -> None:
    """It has OpenSSH on its PATH, no secrets, and follows the agent."""
    _, service, install = parts(configurations["self-managed"]["units"]["mast-agent-access"])
    own = variables(service)
    assert (own["MAST_AGENT_ENV_FILE"], own["MAST_SELF_USER"]) == ("", "mast-managed")
    assert "openssh/bin" in own["PATH"].split(":")
    assert set(service) == {"Environment"}
    assert install["WantedBy"] == ["mast-agent.service"]


def test_turning_access_on_has_the_agent_run_again(configurations: Any) -> None:
    """Once for each such switch, before Mast, and without waiting for it."""
    unit, service, install = parts(configurations["self-managed"]["units"]["mast-agent-access-on"])
    assert unit["Before"] == ["mast.service"]
    assert service["ExecStart"] == ["systemd/bin/systemctl --no-block restart mast-agent.service"]
    assert (service["Type"], service["RemainAfterExit"]) == (["oneshot"], ["true"])
    assert service["X-RestartIfChanged"] == ["false"]
    assert install["WantedBy"] == ["multi-user.target"]


@pytest.mark.parametrize("name", MAST_DIFFERS)
def test_mast_service(configurations: Any, name: str) -> None:
    """An option changes of mast.service what it should, and no more."""
    plain = configurations["minimal"]["units"]["mast"]
    assert directives(configurations[name]["units"]["mast"]) == changed(plain, *MAST_DIFFERS[name])


@pytest.mark.parametrize("name", AGENT_DIFFERS)
def test_mast_agent_service(configurations: Any, name: str) -> None:
    """An option changes of the agent's unit what it should, and no more."""
    plain = configurations["self-managed"]["units"]["mast-agent"]
    made = directives(configurations[name]["units"]["mast-agent"])
    assert made == changed(plain, *AGENT_DIFFERS[name])


@pytest.mark.parametrize("name", AGENT_DIFFERS)
def test_units_of_access(configurations: Any, name: str) -> None:
    """Wherever access is there are these two units, the first for where sshd listens."""
    plain = configurations["self-managed"]["units"]
    units = configurations[name]["units"]
    made = {unit: directives(text) for unit, text in units.items() if "-access" in unit}
    differs = ACCESS_DIFFERS.get(name, (set(), set()))
    wanted = {
        "mast-agent-access": changed(plain["mast-agent-access"], *differs),
        "mast-agent-access-on": directives(plain["mast-agent-access-on"]),
    }
    assert made == ({} if name == "without-access" else wanted)


def test_every_configuration_is_asserted(configurations: Any) -> None:
    """No configuration is evaluated without its units being looked at."""
    enabled = set(configurations) - {"disabled"}
    assert enabled == set(MAST_DIFFERS)
    assert {name for name in enabled if "mast-agent" in configurations[name]["units"]} == set(
        AGENT_DIFFERS
    )


def test_nothing_when_disabled(configurations: Any) -> None:
    """Without `enable` the other options have no effect at all."""
    made = configurations["disabled"]
    assert made["units"] == {}
    assert made["postgresql"]["enable"] is False
    assert made["ports"] == made["packages"] == made["onPath"] == made["failed"] == []


def test_agent_comes_with_self_manage_alone(configurations: Any) -> None:
    """The agent's unit and command are there with selfManage, and not without."""
    for name, made in configurations.items():
        managed = name in AGENT_DIFFERS
        assert made["packages"] == (["mast-agent"] if managed else []), name
        if name != "disabled":
            # The command that knows the unit's settings, and the package for its man page.
            agent = ["mast-agent"] * 2 if managed else []
            assert sorted(made["onPath"]) == ["mast", *agent], name


def test_self_manage_restarts_mast(configurations: Any) -> None:
    """Turning selfManage on, or off, changes mast.service, whose start is the agent's cue."""
    triggered = {
        name
        for name, made in configurations.items()
        if "X-Restart-Triggers=" in made["units"].get("mast", "")
    }
    assert triggered == set(AGENT_DIFFERS)


def test_nothing_of_the_boot_waits_for_the_agent(configurations: Any) -> None:
    """The agent is wanted by mast.service alone, and nothing requires it."""
    for name in AGENT_DIFFERS:
        units = configurations[name]["units"]
        assert configurations[name]["wantedBy"]["mast-agent"] == ["mast.service"]
        assert "mast-agent" not in units["mast"]
        # The switch's unit is a part of the boot, and hands over without waiting.
        assert "--no-block" in units.get("mast-agent-access-on", "--no-block")


def test_local_database(configurations: Any) -> None:
    """A local database comes with a role that owns it, without a password."""
    for name, made in configurations.items():
        local = name not in {"disabled", "external", "self-managed-external", "ipv6"}
        expected = (
            {
                "enable": True,
                "ensureDatabases": ["mast"],
                "ensureUsers": [{"name": "mast", "ensureDBOwnership": True}],
            }
            if local
            else {"enable": False, "ensureDatabases": [], "ensureUsers": []}
        )
        assert made["postgresql"] == expected, name


def test_firewall(configurations: Any) -> None:
    """The port is open with openFirewall alone."""
    opened = {name: made["ports"] for name, made in configurations.items() if made["ports"]}
    assert opened == {
        "firewall": [4000],
        # sshd's, which is open because somebody else turned it on.
        "operators-sshd": [22],
        "another-modules-sshd": [22],
        "other-ssh-port": [2222, 22],
        "other-ssh-address": [22],
    }


def test_valid_configurations_are_accepted_in_silence(configurations: Any) -> None:
    """None of the configurations fails an assertion or gives a warning."""
    for name, made in configurations.items():
        assert (made["failed"], made["warnings"]) == ([], []), name
