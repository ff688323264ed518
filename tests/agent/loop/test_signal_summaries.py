"""The summaries of signals that briefs hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autotts.agent.loop.signal_summaries import summarize_signals
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength


def environments() -> list[Environment]:
    return default_environments(questions=3, branches=8)[:2]


def with_signals(env: Environment, *names: str) -> Environment:
    return with_parts(env, SimulatedParts({name: Strength(0.8, 0.8) for name in names}))


def test_only_signals_of_all_environments_are_named() -> None:
    first, second = environments()
    assert summarize_signals([first, second]) == ()
    found = summarize_signals([with_signals(first, "confidence", "other"), with_signals(second, "confidence")])
    assert [(each.name, each.final) for each in found] == [("confidence", True)]


def test_usual_values_are_those_of_finished_branches_or_else_of_all_intervals() -> None:
    env = with_signals(environments()[0], "confidence")
    values = env.final_signals["confidence"]
    (summary,) = summarize_signals([env])
    assert abs(summary.centre - float(np.median(values))) < 0.06 * max(1.0, abs(float(np.median(values))))
    assert 0.5 < summary.scale / float(values.std()) < 2
    (running,) = summarize_signals([replace(env, final_signals={})])
    assert not running.final


def test_a_signal_that_never_varies_is_left_out() -> None:
    env = environments()[0]
    same = replace(env, signals={"same": np.ones(len(env.probe_answers), np.float32)})
    absent = replace(env, signals={"absent": np.full(len(env.probe_answers), np.nan, np.float32)})
    assert summarize_signals([same]) == summarize_signals([absent]) == ()
