"""What docs/command.md promises of every command: the test walks the parser."""

from __future__ import annotations

import argparse
import shlex
from collections import defaultdict
from pathlib import Path

import pytest

from autotts.agent.cli.command_parser import GENERAL, CommandParser
from autotts.agent.cli.json_documents import DOCUMENTS
from autotts.agent.cli.main import main, parser
from benchmarks.command_page import PAGE, SCHEMAS, commands, page, schema_file

COMMANDS = {command.prog.removeprefix("autotts "): command for command in commands(parser())}
WITHOUT_FIGURES = {
    "env schema", "env export", "env fit", "env synthesize", "fork", "transcript", "plot curves", "plot lineage",
    "plot trace", "ui", "serve", "archive reindex", "archive copy", "archive export", "archive import",
    "endpoint start", "endpoint questions", "sandbox build", "mcp", "docs", "completion",
}  # fmt: skip
"""Commands that print no figures: texts and data for other programs, or the paths of files that they wrote."""
TWO_MEANINGS = {"--model", "--tokens", "-o", "--output"}
"""Options whose value differs by command: of a language or a synthetic model, an estimate or a number of tokens, a file
or a directory."""
each = pytest.mark.parametrize("name", COMMANDS)


@each
def test_command_has_an_example_that_the_parser_accepts(name: str) -> None:
    examples = [line.strip() for line in str(COMMANDS[name].epilog).replace("%%", "%").splitlines()[1:]]
    ours = [shlex.split(line) for line in examples if line.startswith("autotts ")]
    assert all(line[1 : len(name.split()) + 1] == name.split() for line in ours)
    for words in ours:
        parser().parse_args(words[1:])
    assert ours or name == "completion"


@each
def test_every_option_is_in_a_group_and_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    groups = [group for group in command._action_groups if group.title != "options"]
    in_groups = {action for group in groups for action in group._group_actions}
    for action in [*command.options(), *(a for a in command._actions if not a.option_strings)]:
        assert action in in_groups, action.option_strings
        assert action.help and action.help != argparse.SUPPRESS
        assert action.nargs == 0 or action.metavar or action.choices, action.option_strings
    texts = [action.help for action in command.options()]
    assert len(texts) == len(set(texts))
    general = [action.option_strings[-1] for action in command.group(GENERAL)._group_actions]
    assert general == ["--help", "--config", "--quiet", "--verbose"]


def test_an_option_means_the_same_in_every_command() -> None:
    values: dict[str, set[object]] = defaultdict(set)
    for command in COMMANDS.values():
        for action in command.options():
            for option in set(action.option_strings) - TWO_MEANINGS:
                values[option].add(action.metavar)
    assert {option: found for option, found in values.items() if len(found) > 1} == {}


@each
def test_options_of_several_values_add_up_and_none_is_abbreviated(name: str) -> None:
    command = COMMANDS[name]
    assert not command.allow_abbrev
    for action in command.options():
        if action.nargs in ("+", "*"):
            assert type(action).__name__ == "_Store", action.option_strings  # which adds up


def test_every_command_that_prints_figures_writes_json() -> None:
    with_json = {name for name, command in COMMANDS.items() if "--json" in command._option_string_actions}
    assert with_json == set(DOCUMENTS) == set(COMMANDS) - WITHOUT_FIGURES


def wrong_uses(name: str, command: CommandParser) -> list[list[str]]:
    """Return command lines of a command that must be refused."""
    words = name.split()
    needed = [a for a in command._actions if not a.option_strings and a.nargs not in ("?", "*")]
    lines = [[*words, "--no-such-option"], [*words, "--conf", "x"], [*words, "--verb"]]
    lines += [words] if needed else []
    for action in command.options():
        option = action.option_strings[-1]
        if action.type in (int, float) or getattr(action.type, "__name__", "") in ("count", "hours"):
            lines.append([*words, option, "many"])
        if action.nargs is None and option != "--map":
            lines.append([*words, *[option, "1"] * 2])
        if action.nargs != 0:
            lines.append([*words, option])
        if action.choices:
            lines.append([*words, option, "no-such-choice"])
    return lines


@each
def test_wrong_usage_is_one_line_and_exit_code_2(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    top = parser()
    for words in wrong_uses(name, COMMANDS[name]):
        with pytest.raises(SystemExit) as left:
            top.parse_args(words)
        printed = capsys.readouterr()
        assert left.value.code == 2 and printed.out == "" and len(printed.err.splitlines()) == 1, (words, printed)
        assert printed.err.startswith("autotts: "), (words, printed)
    assert main([*name.split(), "--config", "no-such-file.toml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "autotts: no-such-file.toml: cannot read the settings (No such file or directory)"
    ]
    assert list(tmp_path.iterdir()) == []


def test_page_and_schemas_are_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `python -m benchmarks.command_page`"
    assert SCHEMAS.read_text(encoding="utf-8") == schema_file(), "run `python -m benchmarks.command_page`"
