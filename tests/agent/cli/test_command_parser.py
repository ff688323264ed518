"""What the parser does with every command line: repeated options, abbreviations, words out of place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autotts.agent.cli.main import main, parser


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Assert that the command line is refused with exit code 2 and one line, and return the line."""
    try:
        code = main(words)
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    text = capsys.readouterr()
    assert code == 2 and text.out == "" and len(text.err.splitlines()) == 1, text
    return text.err.strip()


def test_repeated_option_of_several_values_adds_up() -> None:
    words = ["evaluate", "a", "--env", "A", "B", "--beta", "0.1", "--env", "C", "--beta", "0.2", "0.3"]
    args = parser().parse_args(words)
    assert args.env == ["A", "B", "C"] and args.beta == [0.1, 0.2, 0.3] and args.controllers == ["a"]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("evaluate a --orders 1 --orders 2", "--orders"),
        ("discover --seed 1 --seed 1", "--seed"),
        ("env import a.jsonl --name a/b --name c/d", "--name"),
        ("status runs/1 --run runs/2", "--run"),
    ],
)
def test_option_of_one_value_is_refused_a_second_time(
    words: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"{option} is given twice" in refusal(capsys, *words.split())


@pytest.mark.parametrize(
    "words", ["evaluate a --seed 3", "evaluate a --ord 3", "env synthesize --quest 3", "--vers status"]
)
def test_options_cannot_be_abbreviated(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no option" in refusal(capsys, *words.split())


@pytest.mark.parametrize("words", ["evaluate --env X balanced", "evaluate --beta 0.5", "env show --data d"])
def test_missing_argument_is_named(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, *words.split())
    assert "CONTROLLER is missing" in line or "NAME is missing" in line
    assert "--env takes every word up to the next option" in line or "--env" not in words


def test_option_of_several_values_does_not_take_a_controller(capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, *["plot", "curves", "-o", "a.png", "--env", "X", "best.py"])
    assert "'best.py' is a controller, not an environment; write CONTROLLER before --env" in line
    assert "write CONTROLLER before --beta" in refusal(capsys, *["evaluate", "a", "--beta", "0.5", "balanced"])
    assert parser().parse_args(["evaluate", "--env", "X", "--", "first_four.py"]).controllers == ["first_four.py"]


def test_old_name_of_an_option_tells_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--hours is now --max-hours" in refusal(capsys, "discover", "--hours", "3")


@pytest.mark.parametrize("command", ["status", "lineage", "history", "resume", "ui", "archive verify",
                                     "archive reindex", "plot lineage -o a.png"])  # fmt: skip
def test_commands_that_look_at_a_run_take_it_with_and_without_its_option(command: str) -> None:
    words = command.split()
    first = words[:2] if words[0] in ("archive", "plot") else words[:1]
    for way in ([*first, "runs/1", *words[len(first) :]], [*words, "--run", "runs/1"]):
        assert parser().parse_args(way).run == "runs/1"
    assert parser().parse_args(words).run is None


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0 and capsys.readouterr().out.startswith("autotts ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion_script_knows_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "synthesize" in script and "max-branches" in script


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, expected in (("autotts env sh", "show"), ("autotts evaluate --first", "--first-order")):
        lines = f"{script}\nCOMP_WORDS=({words}); COMP_CWORD=2; _shtab_autotts; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [expected]


def test_usage_is_one_short_line() -> None:
    help = parser().subcommands()["replay"].format_help()
    assert help.splitlines()[0] == "usage: autotts replay --env ENV [OPTION ...] [CONTROLLER ...]"


def test_json_to_a_directory_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is a directory" in refusal(capsys, "evaluate", "early_stopping", "--json", str(tmp_path))


@pytest.mark.parametrize(
    "words",
    ["discover --max-dollars -1", "discover --seed -1", "resume --max-calls -1",
     "resume --max-dollars nan", "discover --max-hours inf",
     "fork runs/1 --generation 1 --generations -1", "evaluate a --quiet --verbose", "evalute a", "env lst"],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, *words.split())
    assert "did you mean" in line if words in ("evalute a", "env lst") else words.split()[-2] in line
