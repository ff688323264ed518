"""Runs the installed command: a whole discovery, every reading command, and wrong input of every kind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = ["--generations", "1", "--population", "2", "--orders", "1", "--sandbox", "process"]


def autotts(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("autotts")
    return subprocess.run([command, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300)


def refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Assert one line on standard error that holds ``words``, and the exit code."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("autotts: "), result.stderr
    assert all(word in lines[0] for word in words), lines[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one finished run on two small synthetic environments."""
    home = tmp_path_factory.mktemp("home")
    assert autotts("env", "synthesize", "--questions", 4, "--branches", 16, cwd=home).returncode == 0
    done = autotts("discover", "--env", "synthetic/*", "--run", "runs/1", "--workers", 2, *SETTINGS, cwd=home)
    assert done.returncode == 0, done.stderr
    return home


def tree(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "index.sqlite")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_every_reading_command_works_on_a_finished_run(home: Path) -> None:
    best = json.loads((home / "runs/1/report.json").read_text())["best"]
    for arguments in (
        ("status",),
        ("lineage",),
        ("lineage", "--all"),
        ("show", best),
        ("diff", "parallel_probe", best),
        ("trace", best, "--question", 1, "--order", 3, "--steps"),
        ("replay", "--select", best, "--env", "synthetic/*", "--beta", "0.5", "--orders", 2, "--sandbox", "process"),
        ("evaluate", best, "parallel_probe", "--env", "synthetic/*", "--beta", "0.5", "--orders", 2),
        ("compare", best, "parallel_probe", "--env", "synthetic/*", "--beta", "0.5", "--orders", 2),
        ("plot", "curves", best, "--orders", 1, "--beta", "0.5", "-o", "curves.pdf"),
        ("plot", "curves", "runs/1/report.json", "-o", "report.png"),
        ("plot", "lineage", "-o", "lineage.svg"),
        ("plot", "trace", best, "--question", 1, "-o", "trace.png"),
        ("archive", "verify"),
        ("archive", "reindex"),
        ("env", "list"),
        ("env", "show", "synthetic/*"),
        ("env", "validate"),
    ):
        result = autotts(*arguments, cwd=home)
        assert result.returncode == 0, (arguments, result.stderr)
        assert result.stdout.strip()


def test_same_seed_gives_same_archive_with_one_or_two_workers(home: Path) -> None:
    done = autotts("discover", "--env", "synthetic/*", "--run", "runs/2", "--workers", 1, *SETTINGS, cwd=home)
    assert done.returncode == 0, done.stderr
    assert tree(home / "runs/1/archive") == tree(home / "runs/2/archive") or tree_without_replays(home)


def tree_without_replays(home: Path) -> bool:
    one, two = (
        {k: v for k, v in tree(home / f"runs/{n}/archive").items() if not k.startswith("replays/")} for n in (1, 2)
    )
    return one == two


def test_evaluate_writes_documented_json_keys(home: Path) -> None:
    arguments = ("evaluate", "early_stopping", "--env", "synthetic/*", "--beta", 0.5, 1, "--orders", 2)
    assert autotts(*arguments, "--json", "out.json", cwd=home).returncode == 0
    rows = json.loads((home / "out.json").read_text())
    keys = "controller environment beta accuracy_pct accuracy_ci mean_tokens mean_tokens_ci mean_latency episodes"
    assert len(rows) == 2 * 5 and all(set(row) == set(keys.split()) for row in rows)


def test_exported_environment_is_the_same_after_import(home: Path) -> None:
    assert autotts("env", "export", "synthetic/tiny", "-o", "one.json", cwd=home).returncode == 0
    assert autotts("env", "import", "one.json", "--name", "again/tiny", "--data", "other", cwd=home).returncode == 0
    assert autotts("env", "export", "again/tiny", "-o", "two.json", "--data", "other", cwd=home).returncode == 0
    assert json.loads((home / "one.json").read_text()) == json.loads((home / "two.json").read_text())
    refused(autotts("env", "import", "one.json", "--name", "again/tiny", "--data", "other", cwd=home), 2, "again/tiny")


GOOD = {"question": "q", "gold_answer": "1", "probe_freq": 500, "each_branch": [[["1"], 600, "1"]]}
BAD = {
    "empty": "",
    "truncated": json.dumps([GOOD])[:40],
    "no list": "{}",
    "no questions": "[]",
    "a number": "[3]",
    "probe frequency 0": json.dumps([GOOD | {"probe_freq": 0}]),
    "two frequencies": json.dumps([GOOD, GOOD | {"probe_freq": 250}]),
    "wrong type": json.dumps([GOOD | {"gold_answer": 1}]),
    "absent gold": json.dumps([GOOD | {"gold_answer": "ERR"}]),
    "no branches": json.dumps([GOOD | {"each_branch": []}]),
    "short branch": json.dumps([GOOD | {"each_branch": [[["1"], 600]]}]),
    "negative length": json.dumps([GOOD | {"each_branch": [[["1"], -1, "1"]]}]),
    "an answer that is a number": json.dumps([GOOD | {"each_branch": [[[1], 600, "1"]]}]),
    "finals that differ": json.dumps([GOOD | {"final_answers_trace": ["2"]}]),
}


@pytest.mark.parametrize("name", BAD)
def test_import_refuses_bad_json_and_writes_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(BAD[name])
    refused(autotts("env", "import", "bad.json", "--name", "a/b", cwd=tmp_path), 2, "bad.json")
    assert not (tmp_path / "data").exists()


def test_wrong_usage_prints_one_line_and_exits_with_code_2(home: Path) -> None:
    process = ("--sandbox", "process")  # the result must not depend on the Docker image of this machine
    for words, arguments in (
        (["missing.json"], ("env", "import", "missing.json", "--name", "a/b")),
        (["../evil"], ("env", "import", "missing.json", "--name", "../evil")),
        (["nowhere/*"], ("evaluate", "parallel_probe", "--env", "nowhere/*")),
        (["beta", "1.5"], ("evaluate", "parallel_probe", "--env", "synthetic/*", "--beta", 1.5)),
        (["no_such"], ("evaluate", "no_such", "--env", "synthetic/*")),
        (["nobody"], ("discover", "--explorer", "nobody")),
        (["nope"], ("resume", "nope")),
        (["g999"], ("show", "g999")),
        (["99"], ("trace", "parallel_probe", "--question", 99)),
        (["runs/1"], ("discover", "--run", "runs/1", "--seed", 7, *process)),
        (["episodes"], ("evaluate", "parallel_probe", "--env", "synthetic/*", "--orders", 10**20)),
        (["episodes"], ("discover", "--run", "runs/9", "--env", "synthetic/*", "--orders", 10**20, *process)),
        (["branch order"], ("trace", "parallel_probe", "--question", 0, "--order", 10**30)),
        (["branches"], ("env", "synthesize", "--branches", 10**12)),
        (["--model"], ("env", "synthesize", "--name", "a/b")),
        (["no/such"], ("env", "validate", "no/such")),
        (["simulated/"], ("env", "import", "missing.json", "--name", "simulated/1-harder/a")),
        (["simulated is 65"], ("discover", "--run", "runs/9", "--env", "synthetic/*", "--simulated", 65)),
        (["weight", "nan"], ("discover", "--run", "runs/9", "--env", "synthetic/*", "--simulated-weight", "nan")),
    ):
        refused(autotts(*arguments, cwd=home), 2, *words)
    assert not (home / "runs/9").exists()


def test_validate_accepts_patterns(home: Path) -> None:
    done = autotts("env", "validate", "synthetic/t*", "synthetic/small", cwd=home)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("document", ["[]", "[" * 100_000, '[{"environment": "a"}]', "{}"])
def test_plot_curves_refuses_json_without_figures(tmp_path: Path, document: str) -> None:
    (tmp_path / "figures.json").write_text(document)
    refused(autotts("plot", "curves", "figures.json", "-o", "x.png", cwd=tmp_path), 2, "figures.json")


def test_environment_with_one_branch_can_be_fitted(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps([GOOD]))
    assert autotts("env", "import", "one.json", "--name", "a/b", cwd=tmp_path).returncode == 0
    assert autotts("env", "fit", "a/b", "-o", "fit.json", cwd=tmp_path).returncode == 0


def test_damaged_files_print_one_line_and_exit_with_code_1(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    (tmp_path / "data/synthetic/tiny.env.npz").write_bytes(b"PK nonsense")
    refused(autotts("evaluate", "parallel_probe", "--env", "synthetic/tiny", cwd=tmp_path), 1, "tiny.env.npz")
    (tmp_path / "runs/1/report.json").write_bytes(b"[]")
    refused(autotts("status", "runs/1", cwd=tmp_path), 1, "report.json")
    (tmp_path / "runs/1/checkpoint.sqlite").write_bytes(b"nonsense" * 1000)
    refused(autotts("resume", "runs/1", cwd=tmp_path), 1, "checkpoint.sqlite")
    (tmp_path / "runs/1/archive/parallel_probe/controller.py").write_text("pass")
    result = autotts("archive", "verify", "--run", "runs/1", cwd=tmp_path)
    assert result.returncode == 1 and "parallel_probe/controller.py" in result.stdout


def test_resume_without_checkpoint_keeps_the_archive(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "runs/1", tmp_path / "runs/1")
    before = tree(tmp_path / "runs/1/archive")
    (tmp_path / "runs/1/checkpoint.sqlite").unlink()
    assert autotts("resume", "runs/1", cwd=tmp_path).returncode == 0
    assert tree(tmp_path / "runs/1/archive") == before


def test_evaluate_exits_with_code_1_if_a_controller_fails(home: Path, tmp_path: Path) -> None:
    (home / "broken.py").write_text("from envs import Controller\nclass A(Controller): pass\n")
    broken = ("evaluate", "broken.py", "--env", "synthetic/*", "--orders", 1, "--sandbox", "process")
    refused(autotts(*broken, cwd=home), 1, "exception", "broken")


def test_failed_writes_name_the_path_and_leave_no_partial_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    discover = ("discover", "--run", tmp_path / "file/run", "--env", "synthetic/*", "--sandbox", "process")
    refused(autotts(*discover, cwd=home), 1, "file")
    refused(autotts("env", "synthesize", "--data", tmp_path / "file", cwd=home), 1, "file")
    command = [Path(sys.executable).with_name("autotts"), "env", "synthesize", "--questions", "4", "--branches", "16"]
    for size in (0, 1000):  # a disk that takes no more than this of a file
        full = tmp_path / f"full{size}"
        full.mkdir()
        limited = ["prlimit", f"--fsize={size}", *command, "--data", full]
        refused(subprocess.run(limited, cwd=home, capture_output=True, text=True), 1, str(full))
        assert tree(full) == {}
