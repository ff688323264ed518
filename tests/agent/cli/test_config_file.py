"""Settings from a file: which value wins, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from autotts.agent.cli import config_file
from autotts.agent.cli.main import main, parser
from autotts.envs.errors import InputError

PAGE = Path(__file__).parents[3] / "docs" / "command.md"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(*words: str) -> tuple[argparse.Namespace, list[str]]:
    top = parser()
    command, file = config_file.apply(top, words)
    args = top.parse_args(words)
    used = file.finish(command, args) if file else []
    args.sources = config_file.sources(command, args, file)
    return args, used


def test_command_line_wins_over_file_and_file_over_defaults(directory: Path) -> None:
    (directory / "autotts.toml").write_text(
        'orders = 7\nworkers = 3\n[evaluate]\norders = 5\nbeta = [0.5, 1]\nenv = "a/*"\n[env.synthesize]\nseed = 4\n'
    )
    args, used = parsed("evaluate", "x", "--env", "b")
    assert (args.orders, args.beta, args.env, args.workers, args.first_order) == (5, [0.5, 1.0], ["b"], 3, 0)
    assert used == ["beta", "orders", "workers"]
    assert args.sources["env"] == (["b"], "command line") and args.sources["orders"] == (5, "autotts.toml")
    assert args.sources["first-order"] == (0, "default")
    assert parsed("discover")[0].orders == 7
    assert parsed("env", "synthesize")[0].seed == 4
    assert parsed("evaluate", "x", "--config", "/dev/null")[0].orders == parser().parse_args(["evaluate", "x"]).orders


def test_required_option_and_flags_may_stand_in_the_file(directory: Path) -> None:
    (directory / "my.toml").write_text('[replay]\nenv = ["a", "b"]\nparquet = true\n[discover]\nno-traces = true\n')
    args, used = parsed("replay", "--config", "my.toml")
    assert args.env == ["a", "b"] and args.parquet and used == ["env", "parquet"]
    assert parsed("discover", "--config=my.toml")[0].traces is False


def test_option_of_the_command_line_drops_one_of_the_file_that_excludes_it(directory: Path) -> None:
    (directory / "autotts.toml").write_text('archive = "elsewhere"\n')
    args, used = parsed("lineage", "runs/1")
    assert args.run == "runs/1" and args.archive is None and used == []
    assert parsed("lineage")[0].archive == "elsewhere"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[discover]\nordrs = 4", ["discover.ordrs", "`autotts discover`", "did you mean orders?"]),
        ("ordrs = 4", ["ordrs", "any command"]),
        ("[discver]\norders = 4", ["discver", "did you mean discover?"]),
        ("[evaluate]\norders = 'four'", ["orders", "a whole number", "'four'"]),
        ("[evaluate]\norders = 4.5", ["orders", "a whole number"]),
        ("[evaluate]\norders = true", ["orders", "a whole number"]),
        ("[evaluate]\norders = 0", ["orders", "less than 1"]),
        ("[evaluate]\norders = [1, 2]", ["orders", "one value"]),
        ("[evaluate]\nenv = 4", ["env", "a text in quotes"]),
        ("[evaluate]\nbeta = []", ["beta", "empty"]),
        ("[evaluate]\nquiet = 1", ["quiet", "true or false"]),
        ("max-tokens = 1\nmax_tokens = 2", ["max_tokens", "twice"]),
        ("orders = ", ["not a TOML file"]),
        (f"orders = {'9' * 5000}", ["not a TOML file"]),
        (f"orders = {'[' * 5000}{']' * 5000}", ["too deeply nested"]),
        ("# " * 500_001, ["1,000,000 bytes"]),
        ('"\\u001b]52;c;eA==\\u0007" = 1', ["\\x1b]52"]),
    ],
)
def test_wrong_file_is_refused_in_one_line_that_names_file_and_key(
    text: str, words: list[str], directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "autotts.toml").write_text(text)
    assert main(["evaluate", "parallel_probe"]) == 2
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1 and all(word in line for word in ["autotts.toml", *words]), line


def test_missing_file_is_refused() -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        parsed("evaluate", "a", "--config", "nowhere.toml")


def test_example_of_the_documentation_is_accepted(directory: Path) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (directory / "autotts.toml").write_text(text)
    args, used = parsed("discover")
    assert args.env == ["aime24/*", "aime25/*"] and args.orders == 6 and not args.screening
    assert used == ["env", "data", "orders", "no-screening", "workers"]
    assert parsed("env", "synthesize")[0].questions == 60
