"""Where messages go: notices beside the results, problems on standard error, and nothing from the library."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.agent.cli.messages import LOGGER
from autotts.agent.reports.console.terminal import shows_colours

COMMAND = ["evaluate", "early_stopping", "--env", "synthetic/tiny", "--beta", "0.5", "--orders", "1", "--workers", "1"]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before, level = list(LOGGER.handlers), LOGGER.level
    yield
    LOGGER.handlers[:] = before
    LOGGER.setLevel(level)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    assert main([*COMMAND, *words]) == 0
    text = capsys.readouterr()
    return text.out, text.err


def test_environments_are_told_and_quiet_leaves_them_out(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys)
    assert "environments: synthetic/tiny (built in: data holds none)" in out and "sandbox process" in out and err == ""
    out, err = printed(capsys, "--quiet")
    assert "environments" not in out and "sandbox" not in out and "early_stopping" in out and err == ""


def test_verbose_prints_the_steps_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "--verbose")
    assert "autotts.sandbox.evaluation: early_stopping: " in err and "environments" in out


def test_notices_leave_standard_output_where_it_holds_data_alone(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, "--json", "-")
    assert out.startswith("[") and "environments: synthetic/tiny" in err
    Path("autotts.toml").write_text('data = "elsewhere"\n')
    assert main(["env", "fit", "synthetic/tiny"]) == 2
    text = capsys.readouterr()
    assert text.out == "" and text.err.startswith("settings from autotts.toml: data\nautotts: no environment")


def test_file_of_settings_is_named_with_the_settings_that_apply(capsys: pytest.CaptureFixture[str]) -> None:
    Path("autotts.toml").write_text("orders = 2\nworkers = 1\n[discover]\nseed = 3\n")
    assert main(COMMAND) == 0
    assert "settings from autotts.toml" not in capsys.readouterr().out  # the command line says both
    assert main(COMMAND[:-4]) == 0
    assert "settings from autotts.toml: orders, workers\n" in capsys.readouterr().out


def test_every_environment_of_the_data_root_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "synthesize", "--questions", "2", "--branches", "4"]) == 0
    capsys.readouterr()
    words = ["evaluate", "early_stopping", "--beta", "0.5", "--orders", "1", "--workers", "1"]
    assert main(words) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("environments: "))
    assert line.endswith(" (all under data; choose with --env)") and line.count("synthetic/") >= 4


def test_trace_refuses_a_pattern_of_several_environments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "early_stopping", "--question", "0", "--env", "synthetic/*", "--sandbox", "process"]) == 2
    assert "matches 4 environments, but one is needed: synthetic/tiny" in capsys.readouterr().err
    assert main(["trace", "early_stopping", "--question", "0", "--env", "*/tiny", "--sandbox", "process"]) == 0
    assert "environments: synthetic/tiny" in capsys.readouterr().out


def test_library_is_silent_by_default() -> None:
    script = "import autotts; from autotts.sandbox.base import log_message; log_message('a warning')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
    loud = "import logging; logging.basicConfig(level=logging.INFO); " + script
    done = subprocess.run([sys.executable, "-c", loud], capture_output=True, text=True, check=True)
    assert done.stderr == "WARNING:autotts:a warning\n"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert shows_colours()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shows_colours()


@pytest.mark.parametrize("words", [["show", "balanced"], ["lineage", "--archive", "shipped:evolve"], [*COMMAND]])
def test_nothing_is_coloured_with_no_color(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(words) == 0
    assert "\x1b[3" not in capsys.readouterr().out  # no colour; bold and italic are not colours


def test_logger_has_one_handler_after_many_commands() -> None:
    for _ in range(3):
        main(["docs"])
    assert [type(handler).__name__ for handler in LOGGER.handlers if not isinstance(handler, logging.NullHandler)] == [
        "_Terminal"
    ]


def test_runtime_of_docker_is_refused_for_other_sandboxes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--sandbox", "process", "--runtime", "runsc"]) == 2
    assert "a runtime is a setting of Docker, and not of the sandbox process" in capsys.readouterr().err
