"""What the module generates, directive by directive."""

from __future__ import annotations

import re
from typing import Any

import pytest

_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-")


def _nixos(*own: str) -> str:
    """Return what NixOS itself adds to every service; the PATH begins with the service's own."""
    packages = (*own, "coreutils", "findutils", "gnugrep", "gnused", "systemd")
    path = ":".join(f"{each}/{folder}" for folder in ("bin", "sbin") for each in packages)
    return f"""\
Environment="LOCALE_ARCHIVE=/run/current-system/sw/lib/locale/locale-archive"
Environment="PATH={path}"
Environment="TZDIR=/etc/zoneinfo"
"""


_NIXOS = _nixos()

MAST = f"""\
[Unit]
After=network.target postgresql.target
Description=Mast, a dashboard for a small fleet of servers
Documentation=https://github.com/pachev/mast
Requires=postgresql.target
[Service]
{_NIXOS}\
Environment="DATABASE_URL=ecto://mast@localhost:5432/mast?socket_dir=/run/postgresql"
Environment="ERL_AFLAGS=-kernel inet_dist_use_interface {{127,0,0,1}}"
Environment="ERL_CRASH_DUMP_SECONDS=0"
Environment="ERL_EPMD_ADDRESS=127.0.0.1"
Environment="PHX_HOST=localhost"
Environment="PHX_SERVER=true"
Environment="PORT=4000"
Environment="RELEASE_DISTRIBUTION=sname"
Environment="RELEASE_NODE=mast@localhost"
Environment="RELEASE_TMP=/run/mast"
Type=exec
ExecStartPre=/nix/store/unit-script-mast-pre-start/bin/mast-pre-start
ExecStart=mast/bin/mast start
EnvironmentFile=/run/secrets/mast.env
EnvironmentFile=-/run/mast/cookie.env
TimeoutStartSec=15min
Restart=on-failure
RestartSec=45s
KillMode=mixed
TimeoutStopSec=30s
User=mast
DynamicUser=true
UMask=0077
RuntimeDirectory=mast
RuntimeDirectoryMode=0700
WorkingDirectory=/run/mast
LimitNOFILE=65536
LimitCORE=0
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
[Install]
WantedBy=multi-user.target
"""

AGENT = f"""\
[Unit]
[Service]
{_NIXOS}\
Environment="DATABASE_URL=ecto://mast@localhost:5432/mast?socket_dir=/run/postgresql"
Environment="ERL_CRASH_DUMP_SECONDS=0"
Environment="MAST_AGENT_ENV_FILE=%d/mast.env"
Environment="MAST_BIN=mast/bin/mast"
Environment="MAST_SELF_PORT=22"
Environment="PHX_HOST=localhost"
Environment="PORT=4000"
X-RestartIfChanged=false
DynamicUser=true
LoadCredential=mast.env:/run/secrets/mast.env
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=
RestrictAddressFamilies=AF_UNIX
[Install]
WantedBy=mast.service
"""

ACCESS = f"""\
[Unit]
[Service]
{_nixos("openssh")}\
Environment="MAST_AGENT_ENV_FILE="
Environment="MAST_SELF_PORT=22"
Environment="MAST_SELF_USER=mast-managed"
[Install]
WantedBy=mast-agent.service
"""

ACCESS_ON = f"""\
[Unit]
Before=mast.service
Description=Have mast-agent learn the key with which Mast logs in
[Service]
{_NIXOS}\
X-RestartIfChanged=false
Type=oneshot
RemainAfterExit=true
ExecStart=systemd/bin/systemctl --no-block restart mast-agent.service
[Install]
WantedBy=multi-user.target
"""

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


@pytest.mark.parametrize("name", MAST_DIFFERS)
def test_mast_service(configurations: Any, name: str) -> None:
    """mast.service has exactly these directives; an option changes what it should, no more."""
    assert directives(configurations[name]["units"]["mast"]) == changed(MAST, *MAST_DIFFERS[name])


@pytest.mark.parametrize("name", AGENT_DIFFERS)
def test_mast_agent_service(configurations: Any, name: str) -> None:
    """What NixOS adds to the agent's own unit is exactly this, and no more than differs."""
    made = directives(configurations[name]["units"]["mast-agent"])
    assert made == changed(AGENT, *AGENT_DIFFERS[name])


@pytest.mark.parametrize("name", AGENT_DIFFERS)
def test_units_of_access(configurations: Any, name: str) -> None:
    """Wherever access is there are these two units, the first for where sshd listens."""
    units = configurations[name]["units"]
    made = {unit: directives(text) for unit, text in units.items() if "-access" in unit}
    wanted = {
        "mast-agent-access": changed(ACCESS, *ACCESS_DIFFERS.get(name, (set(), set()))),
        "mast-agent-access-on": directives(ACCESS_ON),
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
