"""`--json` of every command that has it: it writes what the models of `json_documents` say, and nothing else."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.agent.cli.json_documents import DOCUMENTS
from autotts.agent.cli.main import main
from tests.envs.live.stub_server import StubQuestion, StubServer

FILES = Path(__file__).parents[1] / "data" / "version-0.1.tar.gz"
HERE = ["--sandbox", "process", "--workers", "1"]
EPISODES = ["--env", "synthetic/tiny", "--beta", "0.5", "--orders", "1", *HERE]
MODEL = ["--base-url", "URL", "--timeout", "5"]
BRANCHES = ["--branches", "4", "--delta", "10", "--branch-tokens", "50", "--answers", "exact"]
COMMANDS = {
    "evaluate": ["evaluate", "early_stopping", "draft.py", *EPISODES],
    "compare": ["compare", "early_stopping", "draft.py", *EPISODES],
    "replay": ["replay", "run", "--select", "parallel_probe", *EPISODES],
    "discover": ["discover", "--env", "synthetic/tiny", "--run", "new", "--orders", "1", "--generations", "1",
                 "--population", "1", *HERE],
    "resume": ["resume", "run", *HERE],
    "try": ["try", "draft.py", "--run", "run", *HERE],
    "status": ["status", "run"],
    "history": ["history", "run", "--limit", "2"],
    "lineage": ["lineage", "run"],
    "show": ["show", "parallel_probe", "--run", "run"],
    "diff": ["diff", "parallel_probe", "early_stopping", "--run", "run"],
    "trace": ["trace", "parallel_probe", "--env", "synthetic/tiny", "--question", "0", *HERE],
    "env list": ["env", "list"],
    "env show": ["env", "show", "synthetic/*"],
    "env validate": ["env", "validate"],
    "env import": ["env", "import", "branches.jsonl", "--name", "a/b"],
    "collect": ["collect", "q.jsonl", "--name", "live/model", *BRANCHES, *MODEL],
    "fidelity": ["fidelity", "early_stopping", "--env", "live/model", "--orders", "1", *MODEL, *HERE],
    "ask": ["ask", "early_stopping", "0?", *BRANCHES, *MODEL, "--sandbox", "process"],
    "endpoint check": ["endpoint", "check", *MODEL],
    "run verify": ["run", "verify", "run"],
    "archive list": ["archive", "list"],
    "archive verify": ["archive", "verify", "run"],
    "doctor": ["doctor"],
}
"""A command line of each command; attacks on a sandbox, and a cluster, have tests of their own."""
SLOW = {"discover", "replay", "lineage", "collect", "fidelity", "ask", "endpoint check"}
ANSWERED = {"question": "q", "gold_answer": "1", "final_answer": "1"}
RECORDED = {**ANSWERED, "total_tokens": 600, "delta": 500, "probes": ["1"]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A directory with a finished run, an environment, a controller and a recording."""
    with tarfile.open(FILES) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "finished").rename(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "draft.py").write_text(
        "from envs import Controller\n\n\nclass One(Controller):\n    def solve(self, question):\n"
        "        return question.run_to_end(question.branch())\n"
    )
    (tmp_path / "branches.jsonl").write_text(json.dumps(RECORDED) + "\n")
    assert main(["env", "synthesize", "--questions", "2", "--branches", "8"]) == 0
    for name in ("small", "medium", "large"):
        (tmp_path / "data/synthetic" / f"{name}.env.npz").unlink(missing_ok=True)
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    """The address of a model server that knows the questions of `q.jsonl`."""
    with StubServer([StubQuestion.of(f"{n}?", [["1", "1"]] * 4, [15] * 4, 10) for n in range(2)]) as server:
        (home / "q.jsonl").write_text("".join(f'{{"question": "{n}?", "gold_answer": "1"}}\n' for n in range(2)))
        yield server.base_url


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in COMMANDS]
)
def test_json_is_alone_on_standard_output_and_fits_its_model(
    name: str, home: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = {key: [url if word == "URL" else word for word in words] for key, words in COMMANDS.items()}
    if name == "fidelity":
        assert main(commands["collect"]) == 0
        capsys.readouterr()
    code = main([*commands[name], "--json", "-"])
    printed = capsys.readouterr()
    assert code in ((0, 1) if name == "doctor" else (0,)), printed.err
    document = json.loads(printed.out)
    assert DOCUMENTS[name].model_validate(document)
    assert not (home / "-").exists()


def test_json_goes_to_a_file_beside_the_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMANDS["evaluate"], "--json", "rows.json"]) == 0
    assert "early_stopping" in capsys.readouterr().out
    rows = json.loads((home / "rows.json").read_text())
    keys = "controller environment beta accuracy_pct accuracy_ci mean_tokens mean_tokens_ci mean_latency episodes"
    assert [row["controller"] for row in rows] == ["early_stopping", "draft"]
    assert all(list(row) == keys.split() for row in rows)


def test_every_documented_command_is_tried() -> None:
    assert set(COMMANDS) == set(DOCUMENTS) - {"sandbox check", "cluster check"}
