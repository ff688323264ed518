"""Drafts are audited too, and what a draft says reaches an explorer as one short line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.agent.explorers.coding_agent.server import WorkspaceSession
from autotts.agent.tools.toolbox import Toolbox
from autotts.sandbox import policy
from autotts.sandbox.outcome import Verdict

from .workbenches import bench, draft

PEEKS = "return question.run_to_end(min(question.branch_many(6), key=lambda i: len(question._columns[i])))"
DUMPS = (
    "answers = [question.step(i)[0] for i in question.branch_many(6) for _ in range(1)]\n"
    "raise ValueError('\\n'.join(map(repr, answers * 1000)) + chr(27) + '[31m')"
)


@pytest.fixture
def no_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "check", lambda source, prints=False: Verdict("ok"))


@pytest.mark.usefixtures("no_policy")
def test_a_draft_that_looks_ahead_gets_the_verdict_and_no_figures() -> None:
    here = bench()
    report = here.try_draft(draft(PEEKS))
    assert report.status == "failed"
    assert report.text.startswith("try-1: failed: rejected: looked ahead") and "quality" not in report.text
    assert "\n" not in report.text and len(report.text) < 260
    with pytest.raises(Exception, match="did not run"):
        here.scaling_curve(["try-1"])


@pytest.mark.usefixtures("no_policy")
def test_autotts_try_shows_a_convicted_draft_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import autotts

    autotts.discover(
        "synthetic/tiny", run=tmp_path / "run", generations=1, population=1, orders=1, betas=[0.0, 1.0],
        max_branches=8, sandbox="process",
    ).close()  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "peeks.py").write_text(draft(PEEKS))
    assert main(["try", "peeks.py", "--run", "run", "--sandbox", "process", "--json", "out.json"]) == 1
    printed = capsys.readouterr().out
    assert "rejected: looked ahead" in printed and "accuracy" not in printed
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["verdict"] == "rejected: looked ahead" and not document["rows"] and document["quality"] is None


def test_a_candidate_that_dumps_answers_into_an_exception_says_one_line_to_an_explorer() -> None:
    here = bench()
    session = WorkspaceSession(Toolbox(here), tries=3)
    for text in (here.try_candidate(draft(DUMPS)), Toolbox(here).call("try_candidate", {"source": draft(DUMPS)}).text,
                 session.attempt(draft(DUMPS)).text.partition("\n(")[0]):  # fmt: skip
        assert "\n" not in text and text.isprintable()
        said = text.partition("exception: ")[2]
        assert said and len(said) <= 200
    assert len(here.sanitize("x" * 5000)) == 200 and here.sanitize("a\nb\x1b") == "a b?"


def test_prints_never_reach_an_explorer() -> None:
    here = bench()
    printing = draft("answer = question.run_to_end(question.branch())\nprint('recorded:', answer)\nreturn answer")
    for text in (here.try_candidate(printing), WorkspaceSession(Toolbox(here), tries=3).attempt(printing).text):
        assert "`print` is not allowed" in text and "recorded" not in text
