"""The shell scripts that the Nix files generate, checked by shellcheck and run."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from nix.evaluator import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from nix.evaluator import Nix

_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-[A-Za-z0-9+._-]+")


def scripts(made: Any) -> dict[str, str]:
    """Return the texts of a configuration's scripts, by name."""
    named = {path.rpartition("/")[2]: text for path, text in made["files"].items()}
    return named | {f"{unit}-pre-start": each["text"] for unit, each in made["preStart"].items()}


def runnable(text: str, folder: Path) -> Path:
    """Write a script that finds its programs in `folder` and on this machine."""
    text = re.sub("^#!.*", "#!/bin/bash", text)
    text = re.sub("^export PATH=.*$", "", text, flags=re.MULTILINE)
    path = folder / "script"
    path.write_text(re.sub(_STORE.pattern + "/bin/", "", text))
    path.chmod(0o755)
    return path


def recorder(folder: Path, name: str) -> None:
    """Put a program into `folder` that prints its arguments and its cookie."""
    program = folder / name
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "cookie=${RELEASE_COOKIE-}"\n')
    program.chmod(0o755)


def call(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with a PATH that begins with its own folder."""
    return subprocess.run(
        [script, *arguments],
        env={"PATH": f"{script.parent}:/usr/bin:/bin", **environment},
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["self-managed", "external", "settings", "other-environment-file"])
def test_shellcheck_is_content(configurations: Any, name: str, tmp_path: Path) -> None:
    """Every generated script passes shellcheck, as nixpkgs' writeShellApplication demands."""
    found = scripts(configurations[name])
    agent = {"mast-agent"} if name != "external" else set()
    assert set(found) == {"mast", "mast-launch", "mast-pre-start", *agent}
    for script, text in found.items():
        path = tmp_path / script
        path.write_text(re.sub("^#!.*", "#!/bin/bash", text))
        checked = subprocess.run(
            ["shellcheck", str(path)], check=False, capture_output=True, text=True
        )
        assert checked.stdout == "", checked.stdout


def test_launcher_makes_a_cookie(configurations: Any, tmp_path: Path) -> None:
    """Without a cookie the launcher makes one, a new one each time; a given one is kept."""
    recorder(tmp_path, "mast")
    script = runnable(scripts(configurations["minimal"])["mast-launch"], tmp_path)
    first, second = (call(script, "eval", "a b").stdout.splitlines() for _ in range(2))
    assert first[:2] == ["eval", "a b"]
    assert re.fullmatch("cookie=[0-9a-f]{64}", first[2])
    assert first[2] != second[2]
    assert call(script, "remote", RELEASE_COOKIE="given").stdout.splitlines()[-1] == "cookie=given"


def test_pre_start_migrates_with_the_cookie_that_it_keeps(
    configurations: Any, tmp_path: Path
) -> None:
    """The migrations run with the new cookie, which lies in a file for Mast's user alone."""
    recorder(tmp_path, "mast")
    script = runnable(scripts(configurations["minimal"])["mast-pre-start"], tmp_path)
    ran = call(script, RUNTIME_DIRECTORY=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    eval_, expression, cookie = ran.stdout.splitlines()
    assert (eval_, expression) == ("eval", "Mast.Release.migrate()")
    kept = tmp_path / "cookie.env"
    assert kept.read_text() == f"RELEASE_COOKIE={cookie.removeprefix('cookie=')}\n"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_pre_start_leaves_a_cookie_of_the_operators(configurations: Any, tmp_path: Path) -> None:
    """A RELEASE_COOKIE of the environment file is not replaced, as on Debian."""
    recorder(tmp_path, "mast")
    script = runnable(scripts(configurations["minimal"])["mast-pre-start"], tmp_path)
    ran = call(script, RUNTIME_DIRECTORY=str(tmp_path), RELEASE_COOKIE="given")
    assert ran.stdout.splitlines()[-1] == "cookie=given"
    assert not (tmp_path / "cookie.env").exists()


def test_pre_start_fails_with_the_migrations(configurations: Any, tmp_path: Path) -> None:
    """A migration that fails keeps Mast from starting."""
    (tmp_path / "mast").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "mast").chmod(0o755)
    script = runnable(scripts(configurations["minimal"])["mast-pre-start"], tmp_path)
    assert call(script, RUNTIME_DIRECTORY=str(tmp_path)).returncode == 3


def command(made: Any, tmp_path: Path, uid: int, *arguments: str) -> Any:
    """Run root's `mast` with a systemd-run that prints its arguments."""
    recorder(tmp_path, "systemd-run")
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {uid}\n")
    (tmp_path / "id").chmod(0o755)
    return call(runnable(scripts(made)["mast"], tmp_path), *arguments)


def test_roots_command(configurations: Any, tmp_path: Path) -> None:
    """`mast` runs the release in a unit with the user, environment and files of the service."""
    arguments = command(configurations["settings"], tmp_path, 0, "eval", "IO.puts(1)").stdout
    lines = arguments.splitlines()
    assert lines[:5] == ["--quiet", "--collect", "--wait", "--service-type=exec", "--pipe"]
    for expected in (
        "--property=User=mast",
        "--property=DynamicUser=yes",
        "--property=EnvironmentFile=/run/secrets/mast.env",
        "--property=EnvironmentFile=-/run/mast/cookie.env",
        "--setenv=RELEASE_NODE=mast@localhost",
        "--setenv=RELEASE_DISTRIBUTION=none",
        "--setenv=DATABASE_URL=ecto://mast@localhost:5432/mast?socket_dir=/run/postgresql",
        # Not a unit file: per cent signs stay as they are.
        '--setenv=GREETING=with "quotes", a \\backslash and 100% per cent',
    ):
        assert expected in lines
    assert lines[-5:-1] == ["--", "mast-launch", "eval", "IO.puts(1)"]


def test_roots_command_has_the_services_environment(configurations: Any, tmp_path: Path) -> None:
    """Whatever mast.service has in its environment, the command has too, but for the server."""
    for name in ("self-managed", "external", "ipv6", "other-socket"):
        made = configurations[name]
        lines = command(made, tmp_path, 0, "version").stdout.splitlines()
        given = {line.removeprefix("--setenv=") for line in lines if line.startswith("--setenv=")}
        unit = {
            line.removeprefix('Environment="').removesuffix('"')
            for line in made["units"]["mast"].splitlines()
            if line.startswith("Environment=")
        }
        nixos = {each for each in unit if each.startswith(("PATH=", "LOCALE_ARCHIVE=", "TZDIR="))}
        assert given == unit - nixos - {"PHX_SERVER=true"}, name


def test_roots_command_is_roots(configurations: Any, tmp_path: Path) -> None:
    """Anybody else is told how, and nothing is run."""
    ran = command(configurations["minimal"], tmp_path, 1000, "remote")
    assert (ran.returncode, ran.stdout) == (77, "")
    assert "sudo mast remote" in ran.stderr


def by_hand(made: Any, tmp_path: Path, **environment: str) -> dict[str, str]:
    """Run the `mast-agent` of the PATH and return the environment that the agent gets."""
    program = tmp_path / "mast-agent"
    program.write_text('#!/bin/sh\nprintf "argument=%s\\0" "$@"\nenv -0\n')
    program.chmod(0o755)
    ran = call(runnable(scripts(made)["mast-agent"], tmp_path), "status", "a b", **environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split("\0")[:2] == ["argument=status", "argument=a b"]
    given = dict(each.split("=", 1) for each in ran.stdout.split("\0")[2:-1])
    shells = {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}
    return {name: value for name, value in given.items() if name not in shells}


def unit_environment(made: Any) -> dict[str, str]:
    """Return the environment that the agent's unit sets, as systemd reads it."""
    lines = re.findall(r'^Environment=(".*")$', made["units"]["mast-agent"], re.MULTILINE)
    # Without the store's paths: `runnable` takes them away.
    short = [re.sub(_STORE.pattern + "/bin/", "", json.loads(line)) for line in lines]
    pairs = [each.replace("%%", "%").split("=", 1) for each in short]
    nixos = {"PATH", "LOCALE_ARCHIVE", "TZDIR"}
    return {name: value for name, value in pairs if name not in nixos}


def test_by_hand_the_agent_has_its_units_settings(configurations: Any, tmp_path: Path) -> None:
    """`mast-agent` on the PATH has all that its unit sets, and the secrets' file itself."""
    managed = [name for name, made in configurations.items() if "mast-agent" in made["units"]]
    assert len(managed) >= 10
    for name in managed:
        made = configurations[name]
        folder = tmp_path / name
        folder.mkdir()
        (file,) = re.findall(r"\nLoadCredential=mast.env:(.*)\n", made["units"]["mast-agent"])
        assert by_hand(made, folder) == {
            "MAST_AGENT_ACCESS": "yes",  # the package's unit has it, and the module may say no
            **unit_environment(made),
            "MAST_AGENT_ENV_FILE": file.replace("%%", "%"),
        }


def test_by_hand_the_shells_settings_come_first(configurations: Any, tmp_path: Path) -> None:
    """What is set by hand is not overruled, be it empty."""
    given = by_hand(
        configurations["self-managed"],
        tmp_path,
        MAST_BIN="/opt/mast/bin/mast",
        MAST_AGENT_ACCESS="",
    )
    assert (given["MAST_BIN"], given["MAST_AGENT_ACCESS"]) == ("/opt/mast/bin/mast", "")


def test_by_hand_the_operators_settings_of_the_unit(nix: Nix, tmp_path: Path) -> None:
    """What the operator adds to the unit is there too, but for what systemd alone can fill in."""
    made = nix(
        """harness.evaluate {
          services.mast = { enable = true; selfManage = true; environmentFile = "/x"; };
          systemd.services.mast-agent.environment = {
            MAST_AGENT_TIMEOUT = "60";
            MAST_SELF_HOST = null;
            MAST_AGENT_ACCESS_DIRECTORY = "%S/keys";
          };
        }"""
    )
    given = by_hand(made, tmp_path)
    assert given["MAST_AGENT_TIMEOUT"] == "60"
    assert not {"MAST_SELF_HOST", "MAST_AGENT_ACCESS_DIRECTORY"} & set(given)


def test_by_hand_it_is_this_command_that_is_found(nix: Nix) -> None:
    """Of the two that are called mast-agent, the one with the settings is taken."""
    made = nix(
        """
        map (package: { files = package.files or { }; priority = package.meta.priority or 5; })
          (harness.system {
            services.mast = { enable = true; selfManage = true; environmentFile = "/x"; };
          }).config.environment.systemPackages
        """
    )
    ours = [each["priority"] for each in made if "MAST_AGENT_ENV_FILE" in str(each["files"])]
    assert ours == [min(each["priority"] for each in made)] == [-10]


def test_app_runs_the_release_through_the_launcher(nix: Nix, tmp_path: Path) -> None:
    """`nix run .#mast -- eval …` works although the release has no cookie."""
    program = nix("harness.flake.apps.x86_64-linux.mast.program")
    text = nix(
        f"""
        (harness.pkgs.callPackage {ROOT}/nix/launcher.nix {{
          inherit (harness.flake.packages.x86_64-linux) mast;
        }}).files.{'"' + program + '"'}
        """
    )
    recorder(tmp_path, "mast")
    lines = call(runnable(text, tmp_path), "version").stdout.splitlines()
    assert lines[0] == "version"
    assert re.fullmatch("cookie=[0-9a-f]{64}", lines[1])
