"""The tools: specifications, calls with any arguments, submissions, and secrecy of results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.records.version import METRICS, Expectation
from autotts.agent.tools.episode_search import KINDS
from autotts.agent.tools.submission import LARGEST
from autotts.agent.tools.toolbox import TOOLS, Toolbox
from autotts.sandbox.base import SandboxError

from .workbenches import CONSISTENCY, FAILED, ONE, PROBE, SECRET, THREE, VARIANT, WANDERER, bench, draft, episodes

WHY = "fewer branches"


def box(**more: object) -> Toolbox:
    return Toolbox(bench(**more))


# Specifications


def test_specifications_are_plain_and_deterministic() -> None:
    specifications = box().specifications()
    assert [s["name"] for s in specifications] == [tool.name for tool in TOOLS]
    assert json.dumps(specifications) == json.dumps(box().specifications())
    for s in specifications:
        assert set(s) == {"name", "description", "input_schema"} and 20 < len(s["description"]) < 700
        text = json.dumps(s["input_schema"])
        assert s["input_schema"]["type"] == "object" and s["input_schema"]["additionalProperties"] is False
        assert not re.search(r'\$ref|\$defs|"title"|anyOf|"null"', text)
        assert all("type" in p and "description" in p for p in s["input_schema"].get("properties", {}).values())
    assert len(json.dumps(specifications)) < 9_000


def test_tools_for_traces_are_missing_without_traces() -> None:
    names = [s["name"] for s in box(traces=False).specifications()]
    assert names == ["list_versions", "read_source", "scaling_curve", "compare", "try_candidate", "submit"]
    assert "no tool 'findings'" in box(traces=False).call("findings", {"version": PROBE}).text


# Calls


def test_call_accepts_an_object_or_its_json() -> None:
    here = box()
    given = {"version": PROBE, "kind": "wrong", "beta": None, "limit": "3"}
    result = here.call("find_episodes", given)
    assert not result.error and result == here.call("find_episodes", json.dumps(given))
    assert here.call("list_versions", "") == here.call("list_versions", {})
    assert here.call("scaling_curve", {"versions": f"{PROBE}, {CONSISTENCY}"}) == here.call(
        "scaling_curve", {"versions": [PROBE, CONSISTENCY]}
    )


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("compare_all", {}, "no tool 'compare_all': there are list_versions"),
        ("compare", {"first": PROBE}, "compare: second: this argument is required"),
        ("compare", {"first": PROBE, "second": "x", "third": 1}, "third: no such argument: there are first, second"),
        ("compare", {"first": PROBE, "second": "x\x1b[2J\n"}, "compare: no version"),
        ("findings", {"version": "try-1"}, "findings: no draft try-1: drafts are kept until"),
        ("findings", "[1]", "findings: the arguments are not one JSON object"),
        ("findings", "{", "findings: the arguments are not JSON"),
        ("findings", "[" * 100_000, "findings: the arguments are not JSON"),
        ("findings", {"version": 5}, "findings: version: Input should be a valid string"),
        ("find_episodes", {"version": PROBE, "kind": "odd"}, "kind: Input should be 'wrong', 'right'"),
        ("find_episodes", {"version": PROBE, "kind": "wrong", "beta": float("nan")}, "beta: "),
        ("find_episodes", '{"version": "a", "kind": "wrong", "limit": 1e400}', "limit: "),
        ("scaling_curve", {"versions": []}, "versions: List should have at least 1 item"),
        ("scaling_curve", {"versions": [PROBE] * 5}, "versions: List should have at most 4 items"),
        ("list_versions", {"order": "size"}, "order: "),
        ("list_versions", {"offset": -1}, "offset: "),
        ("read_trace", {"version": PROBE, "episode": "e1:q99:b0:o1000"}, "no episode e1:q99"),
        ("try_candidate", {}, "source: this argument is required"),
    ],
)
def test_wrong_call_gives_a_one_line_error(name: str, arguments: Any, message: str) -> None:
    result = box().call(name, arguments)
    assert result.error and message in result.text and result.text.isprintable() and len(result.text) <= 400


def test_read_source_pages_long_sources() -> None:
    here = box()
    here.bench.try_candidate("# " + "é" * 20_000 + "\n" + ONE)
    first = here.call("read_source", {"version": "try-1"}).text
    assert len(first) <= 12_100 and "(more: offset=12000, of " in first
    second = here.call("read_source", {"version": "try-1", "offset": 12_000}).text
    assert second.endswith("question.branch())\n") and not here.call("read_source", {"version": PROBE}).error


def test_sandbox_failure_is_raised() -> None:
    class Broken:
        def run(self, *_: object) -> object:
            raise SandboxError("the engine is gone")

    here = box()
    here.bench.sandbox = Broken()  # type: ignore[assignment]
    with pytest.raises(SandboxError):
        here.call("try_candidate", {"source": ONE})


# Submissions


def test_accepted_submission_is_kept_and_ends_the_task() -> None:
    here = box()
    assert here.submitted is None
    expects = [{"metric": "tokens", "direction": "less"}] * 2
    rationale = f" {WHY} \ud800\x1b "
    result = here.call("submit", {"source": ONE, "rationale": rationale, "parents": [PROBE, PROBE], "expects": expects})
    assert not result.error and result.text.startswith("accepted")
    assert here.submitted is not None
    assert (here.submitted.source, here.submitted.rationale, here.submitted.parents) == (ONE, f"{WHY} ??", (PROBE,))
    assert here.submitted.expects == (Expectation("tokens", "less"),)
    assert here.submitted.proposal().source == ONE
    assert "over" in here.call("submit", {"source": THREE, "rationale": WHY}).text
    assert here.submitted.source == ONE


def test_tried_draft_may_be_submitted() -> None:
    here = box()
    here.call("try_candidate", {"source": ONE})
    assert not here.call("submit", {"source": ONE, "rationale": WHY}).error


TWO = ONE + "\n\nclass Other(Controller):\n    def solve(self, question):\n        return None\n"
BASED = ONE.replace("class Draft(Controller)", "class Base(Controller)") + "\n\nclass Draft(Base):\n    name = 'x'\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": ""}, "contract: expected one subclass of Controller, found 0"),
        ({"source": TWO}, "contract: expected one subclass of Controller, found 2"),
        ({"source": ONE.replace("solve", "answer")}, "contract: Draft has no method solve"),
        ({"source": "x = ("}, "syntax: line 1"),
        ({"source": "\ud800"}, "syntax: the source cannot be parsed"),
        ({"source": draft("print(1)")}, "rejected: policy: line 6"),
        ({"source": f"# {'x' * LARGEST}\n{ONE}"}, "more than 65,536 bytes"),
        ({"source": f"# {'é' * (LARGEST // 2)}\n{ONE}"}, "more than 65,536 bytes"),
        ({"source": VARIANT}, f"the same program as {PROBE}"),
        ({"rationale": " \n"}, "the rationale is empty"),
        ({"rationale": "x" * 5000}, "the rationale has 5,000 characters"),
        ({"parents": ["nobody\n"]}, "parents: no version 'nobody'"),
        ({"parents": ["try-1"]}, "parents: try-1 is a draft"),
        ({"expects": [{"metric": "luck", "direction": "more"}]}, "expects.0.metric: Input should be 'quality'"),
        ({"expects": [{"metric": "tokens", "direction": "up"}]}, "expects.0.direction: Input should be 'less'"),
    ],
)
def test_refused_submission_says_what_to_change(arguments: dict[str, Any], message: str) -> None:
    here = box()
    here.call("try_candidate", {"source": THREE})
    result = here.call("submit", {"source": ONE, "rationale": WHY} | arguments)
    assert result.error and message in result.text and here.submitted is None
    assert not here.call("submit", {"source": BASED, "rationale": WHY}).error, "a corrected submission is accepted"


# Secrecy

OPAQUE = re.compile(r"\b[0-9a-f]{12}\b")
_versions = st.sampled_from([PROBE, CONSISTENCY, WANDERER, FAILED, "try-1", "try-2", SECRET[:4], ""])
_offsets = st.sampled_from([0, 1, 7, 10**6])
_handles = st.builds(
    "e{}:q{}:b{}:o{}".format,
    st.integers(0, 3), st.integers(0, 5), st.sampled_from(["0", "0.25", "0.5", "1"]), st.sampled_from([1000, 1001]),
)  # fmt: skip
_sources = st.sampled_from([
    draft("seen = question.run_many_to_end(question.branch_many(4))\nraise ValueError(seen)"),
    draft("return [b for b in question.branch_many(4)] and question.run_to_end(0)"),
    draft(f"raise ValueError('{SECRET}/ONE \\x1b[31m' + '{SECRET}/one-more')"),
    draft("seen = question.run_many_to_end(question.branch_many(4))\nreturn seen[0][:1] if seen[0] else None"),
    "\ud800", "", "(" * 10_000, THREE,
])  # fmt: skip
_calls = st.one_of(
    st.tuples(st.just("list_versions"), st.fixed_dictionaries({"order": st.sampled_from(["quality", "tokens"]),
                                                               "offset": _offsets, "limit": st.integers(1, 9)})),
    st.tuples(st.just("read_source"), st.fixed_dictionaries({"version": _versions, "offset": _offsets})),
    st.tuples(st.just("scaling_curve"), st.fixed_dictionaries({"versions": st.lists(_versions, min_size=1, max_size=4),
                                                               "offset": _offsets})),
    st.tuples(st.just("compare"), st.fixed_dictionaries({"first": _versions, "second": _versions})),
    st.tuples(st.just("findings"), st.fixed_dictionaries({"version": _versions})),
    st.tuples(st.just("find_episodes"), st.fixed_dictionaries(
        {"version": _versions, "kind": st.sampled_from(KINDS), "other": st.none() | _versions, "offset": _offsets,
         "beta": st.sampled_from([None, 0.0, 0.5, 0.3]), "limit": st.integers(1, 50)})),
    st.tuples(st.just("read_trace"), st.fixed_dictionaries({"version": _versions, "episode": _handles,
                                                            "offset": _offsets})),
    st.tuples(st.just("try_candidate"), st.fixed_dictionaries({"source": _sources, "against": st.none() | _versions})),
    st.tuples(st.just("submit"), st.fixed_dictionaries(
        {"source": _sources, "rationale": st.text(max_size=5), "parents": st.lists(_versions, max_size=2)})),
    st.tuples(st.text(max_size=8), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5))),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(calls=st.lists(_calls, max_size=10))
def test_no_tool_result_contains_a_secret(calls: list[tuple[str, dict[str, Any]]]) -> None:
    here = Toolbox(bench())
    for name, arguments in [("try_candidate", {"source": THREE}), *calls]:
        result = here.call(name, arguments)
        if name != "read_source" or not arguments.get("version", "").startswith(
            "try-"
        ):  # a draft's source may contain anything
            assert SECRET not in result.text.lower()
            assert OPAQUE.search(result.text) is None
        assert all(c.isprintable() or c in "\n\t" for c in result.text)
        assert len(result.text) <= {"read_source": 12_100, "scaling_curve": 4_100}.get(name, 3_100)


def test_no_trace_contains_a_secret() -> None:
    here = box()
    batch = episodes()
    for version in (PROBE, CONSISTENCY, WANDERER):
        for e in range(len(batch)):
            handle = here.bench.history.names.handle(batch, e)
            result = here.call("read_trace", {"version": version, "episode": handle})
            assert not result.error and SECRET not in result.text and len(result.text) <= 2_000
    assert here.call("read_source", {"version": WANDERER}).text.startswith("# seen on e1\n")


def test_same_calls_give_the_same_texts() -> None:
    def texts() -> list[str]:
        here = box()
        calls: list[tuple[str, dict[str, Any]]] = [("try_candidate", {"source": THREE})]
        calls += [(tool, {"version": "try-1", "kind": "wrong"}) for tool in ("find_episodes", "findings")]
        calls += [("compare", {"first": PROBE, "second": "try-1"}), ("list_versions", {})]
        return [here.call(name, arguments).text for name, arguments in calls]

    assert texts() == texts()


def test_every_metric_can_be_expected() -> None:
    call: Callable[[str], bool] = lambda metric: box().call(  # noqa: E731
        "submit", {"source": ONE, "rationale": WHY, "expects": [{"metric": metric, "direction": "same"}]}
    ).error  # fmt: skip
    assert not any(map(call, METRICS))


def test_results_carry_the_status_of_a_try_and_the_handles_of_episodes() -> None:
    here = Toolbox(bench())
    crash = THREE.replace("return majority", "1 / 0\n        return majority")
    tried = [here.call("try_candidate", {"source": source}) for source in (THREE, THREE, crash, VARIANT)]
    assert [result.status for result in tried] == ["ran", "not_run", "not_run", "not_run"]
    assert not any(result.error for result in tried)
    listed = here.call("find_episodes", {"version": PROBE, "kind": "most_tokens", "limit": 3})
    assert len(listed.episodes) == 3 and all(handle in listed.text for handle in listed.episodes)
    for handle in listed.episodes:
        assert not here.call("read_trace", {"version": PROBE, "episode": handle}).error
    assert here.call("findings", {"version": PROBE}).status is None
