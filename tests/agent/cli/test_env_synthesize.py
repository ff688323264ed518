"""`autotts env synthesize` with simulated parts: refused options, and what `env show` says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from autotts.envs.roots import without_forks


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--signal", "x"], "expected NAME=P"),
        (["--signal", "x=0.4"], "from 0.5 (noise)"),
        (["--signal", "x=1"], "from 0.5 (noise)"),
        (["--signal", "x=.7:"], "not a strength"),
        (["--signal", "x=0.7", "x=0.8"], "named twice"),
        (["--signal", "a b=0.7"], "no name of a signal"),
        (["--verify-cost", "3"], "without a verifier"),
        (["--forks", "3"], "--fork-at says where"),
        (["--fork-at", "1,x"], "expected numbers of intervals"),
        (["--fork-at", "0"], "from 1 on"),
        (["--fork-at", "2,2"], "different numbers"),
        (["--fork-at", "9000"], "no branch still runs"),
        (["--fork-at", "1", "--decided", "0.9:0.1"], "must ascend"),
        (["--fork-at", "1,2,3,4,5,6", "--forks", "9", "--fork-levels", "6"], "more than 65,536 branches"),
        (["--add-to", "synthetic/tiny"], "name some with --signal"),
        (["--add-to", "synthetic/tiny", "--signal", "x=0.7"], "needs the name"),
        (["--add-to", "synthetic/tiny", "--signal", "x=0.7", "--name", "synthetic/tiny"], "a name of its own"),
        (["--add-to", "synthetic/*", "--signal", "x=0.7", "--name", "a/b"], "4 environments, but it takes one"),
        (["--add-to", "synthetic/tiny", "--signal", "x=0.7", "--name", "a/b", "--branches", "2"], "are for models"),
    ],
)
def test_bad_options_are_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    command = ["env", "synthesize", "--data", str(tmp_path)]
    assert main([*command, "--questions", "2", "--branches", "3"]) == 0
    assert main([*command, *([] if "--add-to" in options else ["--questions", "2", "--branches", "3"]), *options]) == 2
    assert words in capsys.readouterr().err


def test_the_command_adds_parts_to_an_environment_and_shows_their_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["env", "synthesize", "--data", str(tmp_path)]
    assert main([*command, "--questions", "4", "--branches", "16"]) == 0
    added = ["--signal", "confidence=0.6:0.9", "--verifier-strength", "0.9", "--verify-cost", "7", "--fork-at", "2,4"]
    more = ["--verifier-kind", "program", "--fork-rule", "nearest", "--decided", "0.2:0.9", "--fork-levels", "2"]
    assert main([*command, "--add-to", "synthetic/small", "--name", "a/b", *added, *more]) == 0
    env = store.load(catalogue.path_of(tmp_path, "a/b"))
    plain = store.load(catalogue.path_of(tmp_path, "synthetic/small"))
    assert (without_forks(env).final_answers == plain.final_answers).all() and env.fork_rule == "nearest"
    capsys.readouterr()
    assert main(["env", "show", "a/b", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for line in (
        "confidence: right above wrong with probability 0.6:0.9", "verifier that says 1 or 0",
        "7 tokens a verification",
        "decided the end with probability 0.2 at its start, 0.9", "the nearest is taken", "right > wrong  verifier: 0.",
        "4, 16 branches each",
    ):  # fmt: skip
        assert line in text
    assert main(["env", "show", "a/b", "--data", str(tmp_path), "--json", "-"]) == 0
    assert '"separations"' in capsys.readouterr().out
