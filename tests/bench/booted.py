"""The commands in booted machines, Debian 13 and 12, as the package has them installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import commands, measure, page
from bench.measure import Cost
from bench.page import Bar, Chapter
from support.releases import ROOT
from system import roots
from system.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.stage import Stage

BENCH = Path(__file__).parent
_CLOUD_INIT = """
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get -q -y install --no-install-recommends cloud-init
"""


def able() -> bool:
    """Tell whether machines can be booted here."""
    programs = ("systemd-nspawn", "debootstrap", "script", "dpkg-deb")
    return all(shutil.which(program) for program in programs)


def chapters(stage: Stage) -> Iterator[Chapter]:
    """Yield one chapter for each Debian."""
    with tempfile.TemporaryDirectory(prefix="mast-agent-bench-") as name:
        package = _package(Path(name))
        for recipe in (roots.DEBIAN_13, roots.DEBIAN_12):
            directory = Path(name) / recipe.name
            yield describe(recipe.name, _boot(stage, recipe, package, directory))


def _package(directory: Path) -> Path:
    argv = ["make", "-s", "-f", "packaging/package.mk", "deb", f"DIST={directory}"]
    argv.append(f"PYTHON={ROOT / '.venv/bin/python'}")
    subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (built,) = directory.glob("mast-agent_*_all.deb")
    return built


def _boot(stage: Stage, recipe: roots.Recipe, package: Path, directory: Path) -> dict[str, Any]:
    """Install the package, and cloud-init where that can be had; boot and measure."""
    with ExitStack() as stack:
        machine = stack.enter_context(
            Machine([roots.obtain(recipe)], directory, binds={"/opt/mast": stage.reference})
        )
        subprocess.run(
            ["chroot", machine.root, "sh", "-c", _CLOUD_INIT], check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for name in ("mast-agent.deb", "newer.deb"):
            machine.copy(package, f"opt/packages/{name}")
        machine.boot("lifecycle.py", "install")
        prepare(machine, stage.rounds)
        return machine.boot("bench/guest.py", "bench")


def prepare(machine: Machine, rounds: int) -> None:
    """Put into the machine what measures there."""
    for name in ("guest.py", "commands.py", "measure.py"):
        machine.copy(BENCH / name, f"opt/test/bench/{name}")
    machine.write("etc/bench-rounds", str(rounds))


def describe(name: str, facts: dict[str, Any]) -> Chapter:
    """Return the chapter about a machine of that name."""
    taken = {label: [Cost(*cost) for cost in found] for label, found in facts["taken"].items()}
    ratios: dict[str, str] = {}
    bars = []
    for label, base, most in commands.BARS:
        if base not in taken:
            continue
        ratio = measure.ratio(taken[label], taken[base])
        ratios[label] = f"{ratios[label]}, {ratio:.2f}" if label in ratios else f"{ratio:.2f}"
        if most is not None:
            bars.append(
                Bar(
                    what=f"{name}: {label} against {base}",
                    bar=f"≤ {most} x",
                    measured=f"{ratio:.2f} x",
                    held=ratio <= most,
                )
            )
    cloud = facts["cloud_init"].strip().partition("\n")[0]
    text = (
        f"A booted container with Python {facts['python']} and systemd {facts['systemd']}. Each "
        "ratio is to the imports that the command needs, and then to `cloud-init status`"
    )
    text += f" (which said “{cloud}”)." if cloud else ", which was not to be had here."
    title = f"The commands on {name.replace('-', ' ').title()}"
    return Chapter(title=title, text=text, table=page.costs(taken, ratios), bars=bars)
