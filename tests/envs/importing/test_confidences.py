"""The signals of DeepConf and MARS equal their definitions, and their recordings are imported whole."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from autotts.agent.cli.main import main
from autotts.envs.errors import InputError
from autotts.envs.importing.confidences import NAMES, confidence_signals, group_signals
from autotts.envs.importing.detection import detect
from autotts.envs.signals import STANDARD

from .files import branches, imported, read

Trace = dict[str, Any]


def by_definition(confs: list[float], start: int, end: int, window: int) -> dict[str, float]:
    """Return the signals after ``end`` tokens, where the interval began at ``start``: slow, and word for word."""
    so_far = confs[:end]
    full = [so_far] if end < window else sliding_window_view(np.array(so_far), window)
    groups = [float(np.mean(one)) for one in full]
    return {
        "token_confidence": np.mean(confs[start:end]),
        "branch_token_confidence": np.mean(so_far),
        "group": np.mean(so_far[-window:]),
        "lowest_group": min(groups),
        "bottom_group": np.mean(sorted(groups)[: max(1, int(0.1 * len(groups)))]),
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 12), st.integers(1, 20))
def test_signals_equal_their_definitions(confs: list[float], window: int, delta: int) -> None:
    depths = range(delta, len(confs), delta)
    columns, final = confidence_signals(np.array(confs), depths, window)
    assert set(NAMES) <= set(STANDARD)
    for number, depth in enumerate(depths):
        expected = by_definition(confs, depth - delta, depth, window)
        assert {name: columns[name][number] for name in NAMES} == pytest.approx(expected)
    assert final == pytest.approx(by_definition(confs, (depths[-1] if depths else 0), len(confs), window))
    groups = [np.mean(confs[at : at + window]) for at in range(len(confs) - window + 1)]
    if groups:
        named = group_signals(np.array(groups))
        assert named == pytest.approx({name: final[name] for name in ("group", "lowest_group", "bottom_group")})


def test_unknown_confidences_give_no_signals() -> None:
    for confs in (np.zeros(0), np.array([1.0, np.nan, 2.0])):
        columns, final = confidence_signals(confs, [1] if len(confs) else [])
        assert not any(final.values()) and all(value is None for column in columns.values() for value in column)
    assert group_signals(np.zeros(0)) == {}


# MARS


def mars_traces(kind: Any = np.float16) -> list[Trace]:
    """Return traces of two questions: at the ends, on the grid, without an answer, and beyond the prober's context."""
    chance = np.random.default_rng(1)
    made = []
    for qid, trace, length, answer, missing in (
        (0, 0, 5000, "4", 0), (0, 1, 4096, "5", 0), (1, 0, 100, "7", 0), (1, 1, 9000, "7", 2), (1, 2, 3000, None, 0),
    ):  # fmt: skip
        confs = chance.uniform(5, 20, length).round(3).astype(kind)
        positions = [*range(2048, length + 1, 2048), *([length] if length % 2048 else [])]
        probes = [{"position": p, "answer": "5" if p < length else answer, "is_correct": False, "raw_text": "x",
                   "avg_conf": float(confs[max(0, p - 2048) : p].mean())} for p in positions]  # fmt: skip
        kept = [probe for probe in probes if not missing or probe["position"] < 2048 * (missing + 1)]
        made.append({"qid": qid, "trace_idx": trace, "ground_truth": "47"[qid], "extracted_answer": answer,
                     "confs": confs, "probes": kept})  # fmt: skip
    return made


def parquet(path: Path, traces: list[Trace]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as writer

    half = pyarrow.list_(pyarrow.float16() if traces[0]["confs"].dtype == np.float16 else pyarrow.float32())
    columns = {name: [trace[name] for trace in traces] for name in traces[0]}
    arrays = {name: pyarrow.array(values, half if name == "confs" else None) for name, values in columns.items()}
    writer.write_table(pyarrow.table(arrays), path)
    return path


def mars_pickle(path: Path, traces: list[Trace], *, by_position: bool = False) -> Path:
    made = {}
    for trace in traces:
        fields = {key: value for key, value in trace.items() if key not in ("qid", "trace_idx")}
        if by_position:
            fields["probes"] = {probe["position"]: {k: v for k, v in probe.items() if k != "position"} for probe in
                                trace["probes"]}  # fmt: skip
            fields["confs"] = list(trace["confs"])
        made[trace["qid"], trace["trace_idx"]] = fields
    path.write_bytes(pickle.dumps(made))
    return path


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_mars_parquet_and_its_pickle_give_the_same_environment(tmp_path: Path, kind: Any) -> None:
    traces = mars_traces(kind)
    files = [parquet(tmp_path / "a.parquet", traces), mars_pickle(tmp_path / "a.pkl", traces),
             mars_pickle(tmp_path / "b.pickle", traces, by_position=True)]  # fmt: skip
    made = []
    for file in files:
        assert detect(file) == "mars"
        env, report = read(file)
        assert env is not None and env.question_ids == () and env.delta == 2048
        assert report.skipped.keys() == {"a trace without a final answer, which MARS counts as unfinished"}
        assert any("2 probes are missing, as beyond the prober's context" in note for note in report.notes)
        assert branches(env) == [("4", [("4", 5000), ("5", 4096)]), ("7", [("7", 100), ("7", 9000)])]
        words = [None, *env.vocabulary[1:]]
        cells = [words[answer] for answer in env.probe_answers]
        assert cells == ["5", "5", "5", "5", "5", None, None]  # 2 and 1 of the first question, 0 and 4 of the second
        made.append(env)
        confs = traces[3]["confs"].astype(float).tolist()
        expected = by_definition(confs, 2048, 4096, 2048)
        assert {name: env.signals[name][4] for name in NAMES} == pytest.approx(expected, rel=1e-6)
        expected = by_definition(confs, 8192, 9000, 2048)
        assert {name: env.final_signals[name][3] for name in NAMES} == pytest.approx(expected, rel=1e-6)
        assert env.signals["group"][4] == pytest.approx(traces[3]["probes"][1]["avg_conf"], rel=1e-2)
    assert len({env.hash for env in made}) == 1


def test_mars_traces_join_their_questions_by_the_number_of_the_row(tmp_path: Path) -> None:
    file = mars_pickle(tmp_path / "a.pkl", mars_traces()[:4])
    table = tmp_path / "questions.jsonl"
    table.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in (("2+2?", "4"), ("3+4?", 7))))
    env = imported(file, gold=table)
    assert env.questions == ("2+2?", "3+4?")
    table.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in (("3+4?", 7), ("2+2?", "4"))))
    none, report = read(file, gold=table)
    assert none is None and "--gold has another answer in the row of this number" in next(iter(report.skipped))
    table.write_text(json.dumps({"question": "2+2?", "answer": "4"}) + "\n")
    env, report = read(file, gold=table)  # type: ignore[assignment]
    assert len(env) == 1 and "--gold has no row of this number" in report.skipped


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confs": np.zeros(0)}, "no confs"),
        ({"confs": None}, "no confs"),
        ({"probes": [{"position": 100, "answer": "1"}]}, "neither at a multiple of 2,048 tokens nor at the end"),
        ({"probes": [None]}, "neither at a multiple"),
        ({"ground_truth": None}, "no gold_answer"),
    ],
)
def test_mars_traces_that_do_not_fit_are_skipped(tmp_path: Path, change: Trace, words: str) -> None:
    traces = mars_traces()[:4]
    env, report = read(mars_pickle(tmp_path / "a.pkl", [*traces[:3], traces[3] | change]))
    assert env is not None and len(env.final_answers) == 3
    (reason,) = report.skipped
    assert words in reason


def test_other_pickles_are_no_recordings(tmp_path: Path) -> None:
    for data in ([1], {1: 2}, {(1, 2): 3}, {(1, 2, 3): {}}):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(data))
        with pytest.raises(InputError, match="no recording of MARS: expected a dictionary with keys"):
            read(tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="no traces of DeepConf: expected a dictionary with one of all_traces"):
        read(tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00abc")
    with pytest.raises(InputError, match="not a readable pickle"):
        read(tmp_path / "a.pkl")


# DeepConf


def deepconf_trace(answer: str | None, length: int, **more: Any) -> Trace:
    confs = np.random.default_rng(length).uniform(5, 20, length).round(3).tolist()
    made = {"stop_reason": "stop", "text": f"so \\boxed{{{answer}}}", "token_ids": list(range(length)), "confs": confs}
    return made | {"num_tokens": length, "extracted_answer": answer, "is_correct": answer == "4"} | more


def deepconf_file(path: Path, **lists: list[Trace]) -> Path:
    data = {"question_id": 3, "question": "2+2?", "ground_truth": "4", "conf_bar": 11.5, "voted_answer": "4",
            "is_voted_correct": True, "token_stats": {"total": 1}, "timing_stats": {"s": 1.5}, "config": {"k": None},
            **lists}  # fmt: skip
    path.write_bytes(pickle.dumps(data))
    return path


def test_deepconf_traces_of_several_runs_become_branches_of_a_question(tmp_path: Path) -> None:
    traces = [deepconf_trace("4", 5000), deepconf_trace("5", 100), deepconf_trace(None, 2048)]
    one = deepconf_file(tmp_path / "one.pkl", all_traces=traces)
    online = [deepconf_trace("4", 3000, stop_reason="length")]
    two = deepconf_file(tmp_path / "two.pkl", warmup_traces=online, final_traces=[deepconf_trace("4", 2500)])
    assert detect(one) == "deepconf"
    env = imported(one, two, delta=1000)
    assert branches(env) == [("4", [("4", 5000), ("5", 100), (None, 2048), ("4", 3000), ("4", 2500)])]
    assert env.probes.tolist() == [4, 0, 2, 2, 2] and not env.probe_answers.any() and env.questions == ("2+2?",)
    assert env.question_ids == ("3",)
    confs = traces[0]["confs"]
    expected = by_definition(confs, 2000, 3000, 2048)
    assert {name: env.signals[name][2] for name in NAMES} == pytest.approx(expected, rel=1e-6)
    expected = by_definition(confs, 4000, 5000, 2048)
    assert {name: env.final_signals[name][0] for name in NAMES} == pytest.approx(expected, rel=1e-6)
    wide = imported(one)
    assert wide.probes.tolist() == [0, 0, 0] and wide.final_signals["lowest_group"][0] > 0


def test_online_traces_may_have_windows_alone(tmp_path: Path) -> None:
    windows = [11.0, 10.0, 12.0]
    traces = [
        deepconf_trace("4", 100, confs=None, group_confs=windows, min_conf=10.0),
        deepconf_trace("4", 101, confs=None, min_conf=9.5),
        deepconf_trace("4", 102, confs=None),
    ]
    env = imported(deepconf_file(tmp_path / "a.pkl", all_traces=traces))
    assert env.final_signals["lowest_group"].tolist()[:2] == [10.0, 9.5]
    assert env.final_signals["group"][0] == 12 and np.isnan(env.final_signals["lowest_group"][2])


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (deepconf_trace("4", 9, stop_reason="gconf_threshold"), "stopped before its end"),
        (deepconf_trace("4", 9, num_tokens=None), "no num_tokens"),
        (deepconf_trace("4", 9, num_tokens=20), "confs has another length than num_tokens"),
        (None, "not a dictionary"),
    ],
)
def test_deepconf_traces_that_do_not_fit_are_skipped(tmp_path: Path, trace: Any, words: str) -> None:
    env, report = read(deepconf_file(tmp_path / "a.pkl", all_traces=[deepconf_trace("4", 9), trace]))
    assert env is not None and len(env.final_answers) == 1
    (reason,) = report.skipped
    assert words in reason


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = deepconf_file(tmp_path / "a.pkl", all_traces=[deepconf_trace("4", 5000), deepconf_trace("5", 600)])
    command = ["env", "import", str(file), "--name", "a/b", "--data", str(tmp_path), "--delta", "512"]
    assert main(command) == 0 and main(["env", "show", "a/b", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "format deepconf" in text and "signals        bottom_group, branch_token_confidence, group" in text
    file.write_bytes(b"cos\nmkdir\n(Vx\ntR.")
    assert main([*command, "--replace"]) == 2
    assert "os.mkdir is not plain data; nothing of it was executed" in capsys.readouterr().err
