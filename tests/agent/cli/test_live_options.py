"""The options of the commands that ask a live model."""

from __future__ import annotations

import argparse

import pytest

from autotts.agent.cli import live_options, verifier_options
from autotts.agent.cli.command_parser import CommandParser
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import Sampling
from autotts.envs.live.families import PLAIN


def parse(*words: str, several: bool = False) -> argparse.Namespace:
    command = CommandParser(prog="autotts ask")
    live_options.add_live_options(command, several_servers=several)
    verifier_options.add_verifier(command)
    return command.parse_args(words)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--base-url", "127.0.0.1:8000"), "is not an address"),
        (("--base-url", "http://"), "is not an address"),
        (("--base-url", "http://host:port/v1"), "is not an address"),
        (("--base-url", "ftp://host/v1"), "is not an address"),
        (("--base-url", "http://ho st/v1"), "is not an address"),
        (("--base-url", "https://key:secret@host/v1"), "the address holds a key"),
        (("--api-key-env", "sk-secret-1"), "a key itself is never taken"),
        (("--temperature", "-1"), "is not a temperature"),
        (("--temperature", "nan"), "is not a temperature"),
        (("--top-p", "2"), "is not a number from 0 to 1"),
        (("--timeout", "0"), "is not a number of seconds"),
        (("--timeout", "inf"), "is not a number of seconds"),
        (("--delta", "0"), "is less than 1"),
        (("--concurrency", "none"), "is not a whole number"),
    ],
)
def test_wrong_value_is_refused_in_one_line(
    words: tuple[str, ...], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        parse(*words)
    printed = capsys.readouterr().err
    assert left.value.code == 2 and error in printed and len(printed.splitlines()) == 1
    assert "secret" not in printed


def test_servers_are_those_of_the_command_line_each_once() -> None:
    args = parse("--base-url", "http://a/v1/", "http://b/v1", "http://a/v1", "--model", "m", several=True)
    with live_options.chosen_servers(args) as servers:
        assert [(server.base_url, server.model) for server in servers] == [("http://a/v1", "m"), ("http://b/v1", "m")]


def test_key_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-1")
    args = parse("--base-url", "http://a/v1", "--api-key-env", "MY_KEY")
    with live_options.chosen_servers(args) as (server,):
        assert server.api_key == "secret-1" and "secret-1" not in repr(server)
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(InputError, match="--api-key-env MY_KEY: this environment variable is not set"):
        live_options.api_key("MY_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-2")
    assert live_options.api_key(None) == "secret-2"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert live_options.api_key(None) is None


def test_a_model_without_a_server_is_refused() -> None:
    with pytest.raises(InputError, match="--model is given without --base-url"):  # noqa: SIM117
        with live_options.chosen_servers(parse("--model", "gpt-4.1")):
            pass


def test_sampling_is_sent_in_full() -> None:
    assert live_options.sampling(parse()) == Sampling(1.0, 1.0, 0, 0.0)
    words = ("--temperature", "0.6", "--top-p", "0.95", "--top-k", "20", "--min-p", "0.05")
    assert live_options.sampling(parse(*words)) == Sampling(0.6, 0.95, 20, 0.05)


def test_what_is_not_given_suits_the_family_of_the_model() -> None:
    tiny = live_options.live_settings(parse(), "autotts-tiny", 1024)
    assert (tiny.delta, tiny.max_branches, tiny.branch_tokens, tiny.probe_tokens) == (24, 32, 1024, 8)
    other = live_options.live_settings(parse(), "gpt-4.1")
    assert (other.delta, other.max_branches, other.branch_tokens) == (500, 64, 32_768)
    assert other.probe_suffix == PLAIN.probe_suffix and tiny.probe_suffix.startswith("\n</think>")
    words = ("--delta", "100", "--branches", "8", "--branch-tokens", "900", "--max-tokens", "5000", "--seed", "3")
    given = live_options.live_settings(parse(*words, "--probe-suffix", r"\nSo: ", "--probe-tokens", "4"), "m", 4096)
    assert (given.delta, given.max_branches, given.branch_tokens, given.max_tokens) == (100, 8, 900, 5000)
    assert (given.probe_suffix, given.probe_tokens, given.seed) == ("\nSo: ", 4, 3)


@pytest.mark.parametrize(
    ("words", "model", "names"),
    [
        ((), "autotts-tiny", {"extract": "boxed", "answers": "number"}),
        ((), "other", {"extract": "boxed", "answers": "math"}),
        (("--extract", "choice"), "other", {"extract": "choice", "answers": "choice"}),
        (("--extract", "number", "--answers", "exact"), "other", {"extract": "number", "answers": "exact"}),
    ],
)
def test_answers_are_compared_as_they_are_found(words: tuple[str, ...], model: str, names: dict[str, str]) -> None:
    assert live_options.answer_reader(parse(*words), model).names == names


@pytest.mark.parametrize("words", [("--extract", "("), ("--answers", "nothing"), ("--probe-suffix", "qwn")])
def test_what_cannot_be_used_is_an_input_error(words: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        live_options.live_settings(parse(*words), "m")
        live_options.answer_reader(parse(*words), "m")
