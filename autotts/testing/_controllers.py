"""The check of a controller: legal, deterministic, honest, with a monotone schedule and tokens that rise with beta."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotts.envs.episodes import BETAS, grid
from autotts.envs.statistics import Point
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import policy
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import Sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.trial import trial

from .._sources import AnyController, candidate_of
from ._errors import demand

_ORDERS = range(4)
_INTERVALS = 5
"""The limit on tokens of a check, in intervals: few controllers answer before."""
_SLACK = 0.02
"""The part by which tokens may fall from one beta to a later one: schedules have whole numbers."""

_SCHEDULE = '''

def check_schedule():
    """Raise where the schedule of the controller above is not a monotone map from beta to finite numbers."""
    import math

    from envs import Controller

    class WrongSchedule(Exception):
        pass

    own = [v for v in globals().values() if isinstance(v, type) and issubclass(v, Controller) and v is not Controller]
    (controller,) = [v for v in own if not any(other is not v and issubclass(other, v) for other in own)]
    betas = [i / 40 for i in range(41)]
    rows = [controller.schedule(beta) for beta in betas]
    if any(not isinstance(row, dict) for row in rows):
        raise WrongSchedule("schedule must return a dictionary")
    if rows != [controller.schedule(beta) for beta in betas]:
        raise WrongSchedule("schedule returns other values when it is called again")
    for beta, row in zip(betas, rows):
        if row.keys() != rows[0].keys():
            raise WrongSchedule(f"schedule has other parameters at beta {beta:g} than at beta 0")
    for name in rows[0]:
        values = [row[name] for row in rows]
        for beta, value in zip(betas, values):
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise WrongSchedule(f"parameter {name!r} is {value!r} at beta {beta:g}, but must be a finite number")
        rises = [i for i in range(40) if values[i + 1] > values[i]]
        falls = [i for i in range(40) if values[i + 1] < values[i]]
        if rises and falls:
            raise WrongSchedule(
                f"parameter {name!r} is not monotone in beta: it rises after beta {betas[rises[0]]:g}, "
                f"and falls after beta {betas[falls[0]]:g}"
            )

    def solve(self, question):
        return None

    controller.solve = solve


check_schedule()
'''


@dataclass(frozen=True, slots=True)
class ControllerReport:
    """What a conforming controller did."""

    name: str
    episodes: int
    """Episodes that were run, each of them audited."""
    curve: tuple[Point, ...]
    """Its scaling curve on the environment of the check, by beta."""


def check_controller(
    controller: AnyController, environment: Environment | None = None, *, sandbox: Sandbox | None = None
) -> ControllerReport:
    """Check a controller.

    It is legal under the policy. It runs on every episode. The same episodes again lead to the same actions. It acts
    only on what it has paid for (the look-ahead audit). It ends where the tokens of `max_tokens` end first. Every
    parameter of its schedule is a finite number, and monotone in beta. Its mean tokens rise with beta.

    Args:
        controller: see `autotts.evaluate`.
        environment: what it runs on; a small synthetic one if None.
        sandbox: where it runs; a plain process, for a controller that you trust, if None.

    Raises:
        ConformanceError: it does not do one of these.
        InputError: there is no such controller.
        SandboxError: the sandbox failed.
    """
    candidate = candidate_of(controller)
    world = environment or generate(default_models()["synthetic/small"], "check/small", questions=8, branches=32)
    place = sandbox or ProcessSandbox()
    legal = policy.check(candidate.source)
    demand(legal.ok, f"{candidate.name} is not legal: {legal.message}")
    episodes = grid([world], BETAS, _ORDERS)
    found, again = (evaluate(candidate, episodes, place) for _ in range(2))
    demand(found.verdict.ok, f"{candidate.name} does not run: {found.verdict.kind}: {found.verdict.message}")
    _same_actions(found, again)
    audited = trial(candidate, episodes, place).verdict
    demand(audited.ok, f"{candidate.name} is {audited.kind}: {audited.message}")
    limit = _INTERVALS * (world.delta + world.probe_cost)
    cut = evaluate(candidate, grid([world], BETAS, [0], max_tokens=limit), place).verdict
    demand(cut.ok, f"{candidate.name} does not end when {limit:,} tokens are spent: {cut.kind}: {cut.message}")
    schedule = evaluate(Candidate(candidate.name, candidate.source + _SCHEDULE), grid([world], [0.0], [0]), place)
    demand(schedule.verdict.ok, f"{candidate.name} has a wrong schedule: {schedule.verdict.message}")
    _tokens_rise(found)
    return ControllerReport(candidate.name, len(episodes), tuple(found.curve))


def _same_actions(found: LoggedEvaluation, again: LoggedEvaluation) -> None:
    name = found.candidate.name
    demand(again.verdict.ok, f"{name} is not deterministic: it ran, and then failed with {again.verdict.message}")
    assert found.logs is not None and again.logs is not None
    one, two = found.logs.columns(), again.logs.columns()
    same = all(np.array_equal(one[column], two[column]) for column in one)
    demand(same, f"{name} is not deterministic: the same episodes again led to other actions or answers")


def _tokens_rise(found: LoggedEvaluation) -> None:
    name, curve = found.candidate.name, found.curve
    highest = curve[0]
    for point in curve[1:]:
        demand(
            point.mean_tokens >= highest.mean_tokens * (1 - _SLACK),
            f"{name} spends fewer tokens with more beta: {highest.mean_tokens:,.0f} at beta {highest.beta:g}, "
            f"{point.mean_tokens:,.0f} at beta {point.beta:g}",
        )
        highest = max(highest, point, key=lambda p: p.mean_tokens)
    demand(
        curve[-1].mean_tokens > curve[0].mean_tokens,
        f"{name} spends {curve[0].mean_tokens:,.0f} tokens at every beta: its schedule must change what it does",
    )
