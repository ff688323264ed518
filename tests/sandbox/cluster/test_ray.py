"""Candidates on a Ray cluster of three real nodes on this machine, whose parts are killed while they work."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.agent.cli.json_documents import ClusterDocument
from autotts.agent.cli.main import main
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError, SandboxUnavailable
from autotts.sandbox.cluster import sandbox as clusters
from autotts.sandbox.cluster.sandbox import RaySandbox
from autotts.sandbox.outcome import Candidate, SandboxOutcome
from autotts.sandbox.trial import trial
from autotts.testing import check_sandbox
from tests.ray_nodes import RayNodes, ray_nodes

pytestmark = pytest.mark.slow
PROBE = Candidate("parallel_probe", baseline_source("parallel_probe"))


def small(questions: int = 8, orders: int = 8) -> Episodes:
    environment = generate(next(iter(default_models().values())), "check/model", questions, branches=24, seed=1)
    return grid([environment], [0.1, 0.5, 1.0], range(orders))


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    with ray_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sandbox(nodes: RayNodes) -> Iterator[RaySandbox]:
    with RaySandbox(nodes.address, "process", patience=120, notice=lambda _: None) as opened:
        yield opened


def columns(outcome: SandboxOutcome) -> list[bytes]:
    assert outcome.logs is not None, outcome.verdict
    return [column.tobytes() for column in outcome.logs.columns().values()]


def test_the_sandbox_passes_the_check_of_all_sandboxes(nodes: RayNodes) -> None:
    check_sandbox(RaySandbox(nodes.address, "process"))


def test_trials_of_several_threads_give_the_bits_of_one_process(sandbox: RaySandbox) -> None:
    episodes = small()
    candidates = [PROBE, Candidate("early_stopping", baseline_source("early_stopping"))] * 2
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda each: trial(each, episodes, sandbox), candidates))
    for candidate, found in zip(candidates, done, strict=True):
        alone = trial(candidate, episodes, ProcessSandbox())
        assert found.logs is not None and alone.logs is not None and found.audited == alone.audited
        ours, theirs = found.logs.columns(), alone.logs.columns()
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
    assert len(sandbox.nodes) == sandbox.slots == 3 and sandbox.candidates_at_once == 3


def test_an_exception_of_the_progress_ends_the_run(sandbox: RaySandbox) -> None:
    stop = ValueError("enough")

    def progress(_: int) -> None:
        raise stop

    with pytest.raises(SandboxError) as caught:
        sandbox.run(PROBE, small(), progress)
    assert caught.value.__cause__ is stop


def disturbed(sandbox: RaySandbox, disturb: Callable[[], object]) -> None:
    """Run, disturb after the first share, and compare with a run in one process."""
    episodes, seen = small(16, 16), list[int]()

    def progress(n: int) -> None:
        seen.append(n)
        if len(seen) == 1:
            disturb()

    found = sandbox.run(PROBE, episodes, progress)
    assert sum(seen) == len(episodes), "an episode was counted twice, or not at all"
    assert columns(found) == columns(ProcessSandbox().run(PROBE, episodes))


def test_killed_workers_are_replaced(sandbox: RaySandbox, nodes: RayNodes) -> None:
    disturbed(sandbox, nodes.kill_workers)


def test_a_killed_node_is_survived(sandbox: RaySandbox, nodes: RayNodes) -> None:
    disturbed(sandbox, nodes.replace_node)


def test_a_killed_driver_of_ray_is_replaced(sandbox: RaySandbox) -> None:
    disturbed(sandbox, lambda: os.kill(sandbox._link._process.pid, signal.SIGKILL))


def test_a_node_with_other_code_is_refused_in_one_line(nodes: RayNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "code_digest", lambda: "another")
    refused = r"node 127.0.0.\d: autotts .* there has other code .*cluster check"
    with pytest.raises(SandboxError, match=refused) as error:
        RaySandbox(nodes.address, "process")
    assert "\n" not in str(error.value)


def test_the_command_measures_on_a_cluster(
    nodes: RayNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "early_stopping", "--env", "synthetic/tiny", "--beta", "0.5", "--json", "-", "--quiet"]
    assert main(words) == 0
    here: Any = json.loads(capsys.readouterr().out)
    assert main([*words, "--executor", "ray", "--ray-address", nodes.address]) == 0
    assert json.loads(capsys.readouterr().out) == here
    assert main([*words, "--ray-address", nodes.address]) == 2


def test_the_check_says_what_each_node_offers(
    nodes: RayNodes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    assert main(["cluster", "check", "--sandbox", "process", "--json", "-"]) == 0
    found = ClusterDocument.model_validate_json(capsys.readouterr().out)
    assert found.usable and found.slots == 3 and len({node.address for node in found.nodes}) == 3
    assert all(node.same_bits and node.sandbox == "process" and node.memory for node in found.nodes)


def test_a_head_that_restarts_is_found_again(sandbox: RaySandbox, nodes: RayNodes) -> None:
    disturbed(sandbox, nodes.restart_head)


def test_a_head_that_stays_away_ends_the_run_in_one_line(nodes: RayNodes) -> None:
    with RaySandbox(nodes.address, "process", patience=0, notice=lambda _: None) as sandbox:
        with pytest.raises(SandboxUnavailable, match="cannot be used") as error:
            sandbox.run(PROBE, small(16, 16), lambda _: nodes.kill_head())
        assert "\n" not in str(error.value)
        with pytest.raises(SandboxUnavailable):
            sandbox.run(PROBE, small())
    with pytest.raises(SandboxUnavailable, match="cannot be used"):
        RaySandbox(nodes.address, "process")
