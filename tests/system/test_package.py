"""The Debian package as a file: what lintian says, and what is made from the help."""

from __future__ import annotations

import gzip
import os
import posixpath
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import mast_agent
import pytest
from system.conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.slow(30)]

_BASH = "usr/share/bash-completion/completions/mast-agent"
_ZSH = "usr/share/zsh/vendor-completions/_mast-agent"
_FISH = "usr/share/fish/vendor_completions.d/mast-agent.fish"
_COMMANDS = ("enroll", "status", "check", "reset", "access")
_OPTIONS = (
    *("--timeout", "--force", "--json", "--wait", "--env-file", "--state-directory"),
    *("--access", "--access-directory", "--revoke", "--unless-revoked"),
)


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's files, unpacked."""
    directory = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
    return directory


def test_lintian_has_no_complaint(package: Path) -> None:
    """Debian's own checker of packages has nothing to say but what is overridden with a reason."""
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", package],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_documents_are_there(tree: Path) -> None:
    """The causes' reference, the troubleshooting page, and what they link to, come with it."""
    doc = tree / "usr/share/doc/mast-agent"
    texts = {}
    for path in doc.rglob("*"):
        if path.is_dir():
            continue
        content = path.read_bytes()
        name = str(path.relative_to(doc)).removesuffix(".gz")
        texts[name] = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    assert {"reference.md", "status.schema.json", "troubleshooting.md"} <= set(texts)
    for name, text in texts.items():
        for link in re.findall(r"\]\(([^)#:]+)", text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
            assert target in texts, (name, link)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone in which the first targets that are ever made are those of the packages."""
    clone = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", REPOSITORY, clone], check=True)
    # What is not committed yet is what is tested.
    for path in ("Makefile", "scripts", "packaging", "debian", "systemd", "agent"):
        subprocess.run(["rm", "-rf", clone / path], check=True)
        subprocess.run(["cp", "-rT", REPOSITORY / path, clone / path], check=True)
    done = subprocess.run(
        ["make", "-s", "deb", "deb-source"],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return clone


def test_it_is_built_from_a_fresh_clone(clone: Path) -> None:
    """The first make target that is ever run makes the package; nothing else has to be there."""
    (built,) = (clone / "dist").glob("mast-agent_*_all.deb")
    assert not (clone / ".venv").exists()
    left = subprocess.run(
        ["git", "status", "--porcelain", "--ignored", "debian"],
        cwd=clone, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not [line for line in left.stdout.splitlines() if line[:2] == "!!"], "built elsewhere"
    listed = subprocess.run(["dpkg-deb", "-c", built], capture_output=True, text=True, check=True)
    assert "./usr/share/man/man1/mast-agent.1.gz" in listed.stdout


def test_the_source_package_builds_the_same_package(clone: Path, tmp_path: Path) -> None:
    """What Debian's tools make of the source, without git and elsewhere, is the same to the bit."""
    (source,) = (clone / "dist").glob("mast-agent_*.dsc")
    (built,) = (clone / "dist").glob("mast-agent_*_all.deb")
    unpacked = tmp_path / "unpacked"
    subprocess.run(["dpkg-source", "-x", source, unpacked], check=True, capture_output=True)
    done = subprocess.run(
        ["dpkg-buildpackage", "--no-sign", "--build=binary"],
        cwd=unpacked, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / built.name).read_bytes() == built.read_bytes()
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_version_is_one(package: Path) -> None:
    """The agent's version and the one of Debian's changelog are the same."""
    fields = ["dpkg-deb", "-f", str(package), "Version"]
    version = subprocess.run(fields, capture_output=True, text=True, check=True).stdout.strip()
    assert version == mast_agent.__version__


def test_scripts_are_as_shellcheck_wants_them(package: Path, tmp_path: Path) -> None:
    """What root runs is checked with debhelper's lines in it, too."""
    subprocess.run(["dpkg-deb", "-e", package, tmp_path / "control"], check=True)
    scripts = sorted((tmp_path / "control").glob("p*"))
    assert [path.name for path in scripts] == ["postinst", "postrm", "prerm"]
    done = subprocess.run(
        ["shellcheck", "--severity=warning", *scripts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_lint_checks_every_shell_file() -> None:
    """Whatever is a shell script in this repository is one that `make lint` gives to shellcheck."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    shell = re.compile(rb"#!/(usr/)?bin/(env )?(ba|da)?sh\b")
    paths = [REPOSITORY / name for name in listed.split("\0") if name]
    scripts = [path for path in paths if path.is_file() and shell.match(path.read_bytes())]
    dry = ["make", "-n", "lint"]
    makes = subprocess.run(dry, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    command = re.search(r"git ls-files -z -- ((?:[^|]|\n)*)\|", makes)
    assert command
    checked = subprocess.run(
        ["sh", "-c", f"git ls-files --cached --others -- {command[1]}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert {str(path.relative_to(REPOSITORY)) for path in scripts} <= set(checked)


def test_installing_takes_every_module_along(tmp_path: Path) -> None:
    """Packages within the package, however deep, are installed like the modules beside them."""
    tree = tmp_path / "source"
    for path in ("scripts", "packaging", "systemd", "agent", "docs", "nix"):
        shutil.copytree(
            REPOSITORY / path, tree / path, ignore=shutil.ignore_patterns("__pycache__")
        )
    deep = tree / "agent/mast_agent/room/corner"
    deep.mkdir(parents=True)
    (deep / "__init__.py").touch()
    (deep.parent / "__init__.py").touch()
    where = tmp_path / "installed"
    subprocess.run(
        ["make", "-s", "-f", "packaging/package.mk", "install", f"DESTDIR={where}", "PREFIX=/opt"],
        cwd=tree, check=True, env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
    )  # fmt: skip
    installed = where / "opt/share/mast-agent/mast_agent"
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    sources = tree / "agent/mast_agent"
    assert names == {str(path.relative_to(sources)) for path in sources.rglob("*.py")}
    assert {path.stat().st_mode & 0o777 for path in installed.rglob("*.py")} == {0o644}


def test_it_opens_no_port(package: Path) -> None:
    """An sshd that listens on all addresses is not installed by default: it is for Mast alone."""
    fields = subprocess.run(
        ["dpkg-deb", "-f", package, "Depends", "Recommends", "Suggests"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = dict(line.split(": ", 1) for line in fields.splitlines())
    assert "openssh" not in found["Depends"] + found["Recommends"]
    assert found["Suggests"] == "openssh-server"


def test_the_man_page_renders_without_a_warning(tree: Path) -> None:
    """Man accepts the page, and every command, option and setting is in it."""
    page = tree / "usr/share/man/man1/mast-agent.1.gz"
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        capture_output=True,
        text=True,
        check=True,
        env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert done.stderr == ""
    for word in (*(f"mast-agent {each}" for each in _COMMANDS), *_OPTIONS, "MAST_AGENT_TIMEOUT"):
        assert word in done.stdout, word
    for section in ("NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"):
        assert f"\n{section}\n" in done.stdout


@pytest.mark.parametrize(("path", "dashes"), [(_BASH, "--"), (_ZSH, "--"), (_FISH, "-l ")])
def test_completions_know_every_command_and_option(tree: Path, path: str, dashes: str) -> None:
    """The words of the help are the words of the completion, for each shell."""
    text = (tree / path).read_text(encoding="utf-8")
    for command in _COMMANDS:
        assert command in text
    for option in _OPTIONS:
        assert option.replace("--", dashes, 1) in text


def test_bash_completes_words_and_files(tree: Path) -> None:
    """Bash offers commands first, then the options of the command, and files for paths."""
    script = f"""
        . {tree / _BASH}
        offer() {{
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _mast_agent
            echo "${{COMPREPLY[@]}}"
        }}
        offer mast-agent e
        offer mast-agent status --w
        offer mast-agent status --f
        offer mast-agent enroll --env-file /etc/machine-i
    """
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["enroll", "--wait --watch", "", "/etc/machine-id"]
