"""Branches of several intervals, and probes that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotts.envs.errors import InputError

from .files import LINE, imported, jsonl, read


def probed(delta: int, count: int, **more: Any) -> dict[str, Any]:
    """Return a line with ``count`` probes, whose answers are their depths."""
    answers = [str(delta * (k + 1)) for k in range(count)]
    return LINE | {"probe_freq": delta, "probe_answers": answers, "total_tokens": delta * count + 1, **more}


def depths(env: Any) -> list[list[str]]:
    words, offsets = env.vocabulary, env.probe_offsets
    return [[words[a] for a in env.probe_answers[offsets[b] : offsets[b + 1]]] for b in range(len(env.final_answers))]


def test_probes_at_the_depths_that_all_have_in_common_are_kept(tmp_path: Path) -> None:
    lines = [probed(500, 7, signals={"s": list(range(7))}), probed(1000, 3), probed(250, 3), LINE]
    env, report = read(jsonl(tmp_path / "x.jsonl", *lines))
    assert env is not None and env.delta == 1000 and not report.skipped
    assert depths(env) == [["1000", "2000", "3000"], ["1000", "2000", "3000"], [], []]
    assert env.signals["s"][:3].tolist() == [1, 3, 5] and env.total_tokens.tolist() == [3501, 3001, 751, 900]
    (note,) = (note for note in report.notes if "resampled" in note)
    assert "an interval of 1,000 tokens" in note and "250 tokens (1 branch) and every 500 tokens (1" in note
    assert "(7 of 13 probes)" in note


def test_a_multiple_of_the_interval_can_be_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", probed(500, 8), probed(1000, 4))
    assert depths(imported(path, delta=2000)) == [["2000", "4000"]] * 2
    env, report = read(path, delta=500)
    assert env is not None and depths(env) == [[str(500 * (k + 1)) for k in range(8)]]
    assert report.count == 1 and "--delta names one" in report.first() and "line 2" in report.first()
    with pytest.raises(InputError, match="too few depths in common"):
        read(path, delta=50_000)


def test_intervals_without_a_common_one_are_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", *[probed(500, 6)] * 2, *[probed(512, 6)] * 3)
    refused = r"500 tokens \(2 branches\) and every 512 tokens \(3 branches\).*--delta 512 --allow-skips"
    with pytest.raises(InputError, match=refused):
        read(path)
    env, report = read(path, delta=512)
    assert env is not None and env.delta == 512 and report.branches == 3 and report.count == 2
    huge = [probed(2**31 - 1 - k, 1, total_tokens=2**31 - 1) for k in range(2)]
    with pytest.raises(InputError, match="too few depths in common"):
        read(jsonl(path, *huge))


def test_a_rare_interval_does_not_coarsen_the_others(tmp_path: Path) -> None:
    lines = [probed(500, 6)] * 199 + [probed(7, 6, question="other")]
    env, report = read(jsonl(tmp_path / "x.jsonl", *lines))
    assert env is not None and env.delta == 500 and len(env) == 1 and report.count == 1
    assert report.refusal(strict=False, allow_skips=False) is None and "line 200" in report.first()


POSSIBLE = [(5, 100, False), (2, 100, True), (3, 101, True), (1, 0, False)]


@pytest.mark.parametrize(("count", "total", "possible"), POSSIBLE)
def test_probes_beyond_the_end_are_refused(tmp_path: Path, count: int, total: int, possible: bool) -> None:
    env, report = read(jsonl(tmp_path / "x.jsonl", probed(50, count, total_tokens=total)))
    assert (env is not None) == possible and (possible or "probes beyond the end of the branch" in report.first())
    line = probed(50, count, total_tokens=total, probe_freq=None)
    assert (read(jsonl(tmp_path / "x.jsonl", line), delta=50)[0] is not None) == possible


def test_probes_need_an_interval_whatever_the_order_of_lines(tmp_path: Path) -> None:
    lines = [probed(500, 1), probed(500, 1, probe_freq=None)]
    for order in (lines, lines[::-1]):
        _, report = read(jsonl(tmp_path / "x.jsonl", *order))
        assert report.branches == 1 and "--delta gives it" in report.first()
    assert imported(tmp_path / "x.jsonl", delta=500).delta == 500
