"""What enrolling adds to the eval that it cannot do without, and what it costs to be enrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import commands, measure, page
from bench.measure import Command
from bench.page import Bar, Chapter
from bench.stage import PYTHON, conninfo

if TYPE_CHECKING:
    from bench.stage import Stage

EVAL, ENROLL = "`bin/mast eval 'Mast.Bootstrap.self_enroll!'`", "`mast-agent enroll --force`"
MOST_SECONDS, MOST_RATIO = 0.45, 1.6
_HERE = (commands.TYPER, commands.HELP, commands.DATABASE, commands.ALREADY)


def chapter(stage: Stage) -> Chapter:
    """Enroll by the agent and by hand, in turn."""
    agent = stage.new_agent("mast")
    given = {**agent.environment, "RELEASE_DISTRIBUTION": "none"}
    mast = str(stage.reference / "bin" / "mast")
    enroll = Command(argv=(stage.agent, "enroll", "--force"), environment=given)
    measure.run(enroll)
    before = agent.eval_count()
    every = commands.commands(stage.agent, PYTHON, conninfo(stage.cluster, "mast"), given)
    quick = measure.in_turn({name: every[name] for name in _HERE}, stage.rounds)
    beams = agent.eval_count() - before
    evals = {
        EVAL: Command(argv=(mast, "eval", "Mast.Bootstrap.self_enroll!"), environment=given),
        ENROLL: enroll,
    }
    slow = measure.in_turn(evals, stage.rounds)
    ratio = measure.ratio(slow[ENROLL], slow[EVAL])
    added = measure.difference(slow[ENROLL], slow[EVAL])
    already = measure.ratio(quick[commands.ALREADY], quick[commands.DATABASE])
    ratios = {ENROLL: f"{ratio:.2f}", commands.ALREADY: f"{already:.2f}"}
    return Chapter(
        title="Enrolling",
        text="With the libraries of the distribution that this ran on. The ratios are to the row "
        f"above. Being enrolled already started {beams} BEAMs in {stage.rounds + 1} runs.",
        table=page.costs({**quick, **slow}, ratios),
        bars=[
            Bar(
                what="enroll less the bare eval",
                bar=f"≤ {MOST_SECONDS} s and ≤ {MOST_RATIO} x",
                measured=f"{added:.2f} s, {ratio:.2f} x",
                held=added <= MOST_SECONDS and ratio <= MOST_RATIO,
            ),
            Bar(what="BEAMs where enrolled already", bar="0", measured=str(beams), held=beams == 0),
        ],
    )
