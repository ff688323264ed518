"""Trackers: metrics and resumption, failing and hanging trackers, MLflow and Weights & Biases."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from autotts.agent import population
from autotts.agent.archive.best import choose
from autotts.agent.archive.run_directory import Run
from autotts.agent.cli.main import main
from autotts.agent.llm.budget import LlmBudget, Spending
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import Event, GenerationArchived, TrackerFailed
from autotts.agent.reports.run_report.page import page
from autotts.agent.reports.trackers.base import Tracker, tracker
from autotts.agent.reports.trackers.follow import KEPT, TrackerThread, TrackingState, params
from autotts.envs.errors import InputError
from autotts.sandbox.backends.process import ProcessSandbox

from ....environments import small_data_root
from ...loop.test_graph import Single, begin


class Notes:
    """A tracker that records its calls."""

    calls: list[tuple[Any, ...]]

    def __init__(self) -> None:
        self.calls = []

    def start(self, run: str, params: Mapping[str, str], id: str | None) -> str:
        self.calls.append(("start", run, dict(params), id))
        return id or "new"

    def log(self, generation: int, metrics: Mapping[str, float]) -> None:
        self.calls.append(("log", generation, dict(metrics)))

    def end(self, finished: bool, artefacts: Sequence[Path]) -> None:
        self.calls.append(("end", finished, [path.name for path in artefacts]))

    @property
    def logged(self) -> list[int]:
        return [entry[1] for entry in self.calls if entry[0] == "log"]


def followed(run: Run, tracker: Tracker, dies_after: int | None = None, patience: float = 60.0) -> LlmBudget:
    """Resume a run with a tracker; with ``dies_after``, stop as if killed after that generation, before its event."""
    budget = LlmBudget()
    budget.record(1, Spending(dollars=0.5, calls=1))
    following = TrackerThread(run, "notes", tracker, budget, patience)

    def report(event: Event) -> None:
        if isinstance(event, GenerationArchived) and event.generation == dies_after:
            raise KeyboardInterrupt
        following.report(event)

    try:
        discover(Discovery(run, Single(), ProcessSandbox(), report, budget=budget, render=page))
    finally:
        if dies_after is None:
            following.close()
        following._work.put(None)
        following._thread.join(patience)
    return budget


def test_tracker_receives_every_generation(tmp_path: Path) -> None:
    run, notes = begin(tmp_path / "run"), Notes()
    followed(run, notes)
    assert [entry[0] for entry in notes.calls] == ["start", "log", "log", "log", "end"] and notes.logged == [0, 1, 2]
    assert notes.calls[0] == ("start", "run", params(run.config), None)
    last, cards = notes.calls[-2][2], run.archive.cards_with_beliefs()
    assert last["versions"] == len(cards) and last["hypervolume"] == population.hypervolume(cards)
    best = choose(population.ranked(cards), population.budgets(cards))
    assert best is not None
    assert last["best_quality"] == population.quality(best, population.budgets(cards)) >= 0
    seeds = [e.event.baselines for e in run.events() if isinstance(e.event, GenerationArchived)]
    logged = [entry[2]["best_baseline_quality"] for entry in notes.calls if entry[0] == "log"]
    assert logged == pytest.approx(seeds)
    assert sum(n for name, n in last.items() if name.startswith("verdict.")) == len(cards)
    assert [entry[2]["dollars"] for entry in notes.calls if entry[0] == "log"] == [0.0, 0.5, 0.5]
    assert notes.calls[-1] == ("end", True, ["report.md", "report.json"])
    assert TrackingState.of(run.home) == TrackingState(tracker="notes", id="new", generation=2)


def test_resumed_run_continues_the_record_and_sends_missed_generations(tmp_path: Path) -> None:
    run, first, second = begin(tmp_path / "run"), Notes(), Notes()
    with pytest.raises(KeyboardInterrupt):
        followed(run, first, dies_after=1)
    assert first.logged == [0] and TrackingState.of(run.home) == TrackingState(tracker="notes", id="new", generation=0)
    followed(Run(run.home), second)
    assert second.calls[0][3] == "new" and second.logged == [1, 2]
    third = Notes()
    followed(Run(run.home), third)  # the run is finished
    assert third.logged == [] and third.calls[-1][1] is True
    assert TrackerThread(run, "another", fourth := Notes(), LlmBudget()).close() is None
    assert fourth.calls[0][3] is None and fourth.logged == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["start", "log", "end"])
@pytest.mark.parametrize("error", [OSError("no route to https://me:secret@host/x\nmore"), SystemExit(3)])
def test_failing_tracker_is_reported_once_and_the_run_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str, error: BaseException
) -> None:
    def fails(*_: object) -> None:
        raise error

    run, notes = begin(tmp_path / "run"), Notes()
    setattr(notes, where, fails)
    followed(run, notes)
    assert (run.home / "report.json").is_file()
    (text,) = caplog.messages
    assert text.startswith("tracker notes") and "\n" not in text and "secret" not in text
    (event,) = [line.event for line in run.events() if isinstance(line.event, TrackerFailed)]
    assert event.failed == type(error).__name__ and "secret" not in json.dumps(event.document())


def test_run_does_not_wait_for_a_hanging_tracker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run, notes, never = begin(tmp_path / "run", generations=1), Notes(), threading.Event()
    notes.log = lambda *_: never.wait()  # type: ignore[method-assign, assignment]
    followed(run, notes, patience=0.01)
    never.set()
    assert "has not answered" in caplog.text and (run.home / "report.json").is_file()


def test_damaged_tracking_state_begins_a_new_record(tmp_path: Path) -> None:
    run, notes = begin(tmp_path / "run", generations=0), Notes()
    (run.home / KEPT).write_bytes(b"[]")
    followed(run, notes)
    assert notes.calls[0][3] is None and notes.logged == [0]


def test_only_settings_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    config = begin(tmp_path / "run").config
    ours = config.model_copy(update={"command": "agent --key sk-secret {task}", "agent_variables": ("MY_KEY",)})
    sent = params(ours)
    assert "sk-secret" not in json.dumps(sent) and sent["agent_variables"] == '["MY_KEY"]'
    assert set(sent) == set(config.model_dump()) and params(config)["explorer"] == "single"
    assert params(config.model_copy(update={"command": "claude"}))["command"] == "claude"


# The trackers that there are: for real where the package is installed, else against what stands in for it


def _mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/store")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    if find_spec("mlflow") is None:
        runs: dict[str, dict[str, Any]] = {}

        class MlflowClient:
            def get_experiment_by_name(self, name: str) -> Any:
                return SimpleNamespace(experiment_id="1") if runs else None

            def create_experiment(self, name: str) -> str:
                return "1"

            def create_run(self, experiment: str, run_name: str) -> Any:
                runs["1"] = {"name": run_name, "params": {}, "metrics": {}, "files": [], "status": "RUNNING"}
                return SimpleNamespace(info=SimpleNamespace(run_id="1"))

            def update_run(self, id: str, status: str) -> None:
                runs[id]["status"] = status

            def log_batch(self, id: str, metrics: Sequence[Any] = (), params: Sequence[Any] = ()) -> None:
                runs[id]["params"] |= {p[0]: p[1] for p in params}
                for key, value, _, step in metrics:
                    runs[id]["metrics"].setdefault(key, {})[step] = value

            def log_artifact(self, id: str, path: str) -> None:
                runs[id]["files"].append(Path(path).name)

            def set_terminated(self, id: str, status: str) -> None:
                runs[id]["status"] = status

        entities, tracking = ModuleType("mlflow.entities"), ModuleType("mlflow.tracking")
        entities.Param, entities.Metric = (lambda *a: a), (lambda *a: a)  # type: ignore[attr-defined]
        tracking.MlflowClient = MlflowClient  # type: ignore[attr-defined]
        for module in (ModuleType("mlflow"), entities, tracking):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return lambda id: runs[id]

    def read(id: str) -> dict[str, Any]:
        from mlflow.tracking import MlflowClient

        client = MlflowClient()
        run = client.get_run(id)
        metrics = {key: {m.step: m.value for m in client.get_metric_history(id, key)} for key in run.data.metrics}
        assert set(run.data.tags) == {"mlflow.runName"}, "user and command line are not sent"
        return {
            "name": run.info.run_name, "params": run.data.params, "metrics": metrics, "status": run.info.status,
            "files": [file.path for file in client.list_artifacts(id)],
        }  # fmt: skip

    return read


@pytest.mark.parametrize("stands_in", [True, False])
def test_mlflow_receives_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands_in: bool) -> None:
    if stands_in:
        monkeypatch.setattr(f"{__name__}.find_spec", lambda name: None)
    else:
        pytest.importorskip("mlflow")
    read = _mlflow(tmp_path, monkeypatch)
    tracking = tracker("mlflow")
    (report := tmp_path / "report.md").write_text("# found")
    id = tracking.start("7", {"seed": "0", "long": "x" * 9000}, None)
    tracking.log(0, {"best_quality": 50.0, "verdict.ok": 6.0})
    tracking.end(False, [])
    assert read(id)["status"] == "KILLED"
    again = tracker("mlflow")
    assert again.start("7", {"seed": "0"}, id) == id and read(id)["status"] == "RUNNING"
    again.log(0, {"best_quality": 50.0})
    again.log(1, {"best_quality": 51.0})
    again.end(True, [report])
    record = read(id)
    assert record["name"] == "7" and record["status"] == "FINISHED" and record["files"] == ["report.md"]
    assert record["metrics"]["best_quality"] == {0: 50.0, 1: 51.0} and record["metrics"]["verdict.ok"] == {0: 6.0}
    assert record["params"]["seed"] == "0" and len(record["params"]["long"]) == 6000


def test_wandb_receives_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    class Record:
        id = "abc"

        def log(self, metrics: dict[str, float], step: int) -> None:
            calls.append(("log", metrics, step))

        def save(self, path: str, base_path: str, policy: str) -> None:
            calls.append(("save", path, base_path, policy))

        def finish(self, exit_code: int) -> None:
            calls.append(("finish", exit_code))

    def init(**given: Any) -> Record:
        calls.append(("init", given))
        return Record()

    module = ModuleType("wandb")
    module.init, module.Settings, module.login = init, dict, lambda prompt: False  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setenv("WANDB_MODE", "online")
    with pytest.raises(PermissionError, match="WANDB_API_KEY"):
        tracker("wandb").start("7", {}, None)
    monkeypatch.setenv("WANDB_MODE", "offline")
    tracking = tracker("wandb")
    assert tracking.start("7", {"seed": "0"}, "abc") == "abc"
    tracking.log(3, {"best_quality": 1.0})
    tracking.end(True, [tmp_path / "report.md"])
    given = calls[0][1]
    assert given["id"] == "abc" and given["resume"] == "allow" and given["config"] == {"seed": "0"}
    assert given["settings"]["console"] == "off" and given["settings"]["disable_git"]
    assert calls[1:] == [
        ("log", {"best_quality": 1.0}, 3), ("save", str(tmp_path / "report.md"), str(tmp_path), "now"), ("finish", 0),
    ]  # fmt: skip


def test_wandb_writes_a_run_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    (report := tmp_path / "report.md").write_text("# found")
    for id in (None, "abc"):
        tracking = tracker("wandb")
        given = tracking.start("7", {"seed": "0"}, id)
        tracking.log(0, {"best_quality": 50.0})
        tracking.end(True, [report])
        assert id in (None, given)
    written = [path.read_bytes() for path in tmp_path.rglob("*.wandb")]
    assert len(written) == 2 and all(b"best_quality" in data and b"k" * 40 not in data for data in written)


# By name


def test_custom_tracker(tmp_path: Path) -> None:
    assert isinstance(tracker(f"{__name__}:Notes"), Notes)
    for name in ("nope", "no.such.module:X", f"{__name__}:Nope", f"{__name__}:KEPT", ":x"):
        with pytest.raises(InputError):
            tracker(name)


def test_missing_tracker_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    home = tmp_path / "run"
    assert main(["discover", "--run", str(home), "--tracker", "mlflow", "--sandbox", "process"]) == 2
    assert "pip install 'mlflow-skinny" in capsys.readouterr().err and not home.exists()


def test_command_uses_the_tracker_and_remembers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Notes] = []

    class Mine(Notes):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(sys.modules[__name__], "Mine", Mine, raising=False)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    home = str(tmp_path / "run")
    few = ["--generations", "1", "--population", "2", "--orders", "1", "--sandbox", "process"]
    few += ["--env", "synthetic/*", "--data", str(small_data_root(tmp_path / "data"))]
    assert main(["discover", "--run", home, "--tracker", f"{__name__}:Mine", *few]) == 0
    assert main(["resume", home]) == 0 and main(["resume", home, "--tracker", "none"]) == 0
    assert [notes.logged for notes in made[1:]] == [
        [0, 1],
        [],
    ]  # the first instance only checks that the tracker exists
    assert made[2].calls[0][3] == "new"
