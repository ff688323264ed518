"""The options of the commands that ask a live model."""

from __future__ import annotations

import argparse

import pytest

from autotts.agent.cli import live_options
from autotts.agent.cli.command_parser import CommandParser
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import Sampling


def parse(*words: str, several: bool = False) -> argparse.Namespace:
    command = CommandParser(prog="autotts ask")
    live_options.add_live_options(command, several_servers=several)
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
