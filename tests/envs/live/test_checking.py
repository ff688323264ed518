"""What `endpoint check` finds out about each kind of server, and about real ones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs.live.capabilities import EndpointReport
from autotts.envs.live.checking import EndpointCheck
from autotts.envs.live.connecting import connect
from autotts.envs.live.tiny.server import TinyServer

from .clocks import InstantClock
from .stub_server import StubServer

STREAM, WHOLE = "closing a stream ends it", "leaving a request that is not streamed ends it"
CHAT, RAW = "chat continues an assistant message", "raw completions"


def checked(url: str, key: str | None = None) -> EndpointReport:
    async def run() -> EndpointReport:
        endpoint = await connect(url, None, key)
        try:
            return await EndpointCheck(endpoint, InstantClock()).report()
        finally:
            await endpoint.close()

    return asyncio.run(run())


def found(report: EndpointReport) -> dict[str, str]:
    return {each.name: each.found for each in report.abilities}


@pytest.mark.parametrize(
    ("flavour", "yes"),
    [
        ("vllm", {RAW, "prompt as token ids", "token ids back", "log-probabilities", CHAT, "cached tokens reported"}),
        ("llama.cpp", {RAW, "prompt as token ids", "token ids back", "log-probabilities", CHAT}),
        ("sglang", {RAW, "log-probabilities", CHAT, "cached tokens reported"}),
        ("transformers", {RAW}),
        ("ollama", {CHAT}),
        ("deepseek", {CHAT, "log-probabilities", "cached tokens reported"}),
        ("openai", {"log-probabilities"}),
    ],
)
def test_the_abilities_of_each_kind_of_server_are_found(flavour: str, yes: set[str]) -> None:
    key = "k" if flavour in ("deepseek", "openai") else None
    with StubServer(flavour=flavour, key=key) as server:
        report = checked(server.base_url, key)
    names = found(report)
    assert {name for name, answer in names.items() if answer == "yes"} >= yes
    no = {RAW, CHAT, "prompt as token ids", "token ids back", "log-probabilities"} - yes
    assert all(names[name] == "no" for name in no)
    assert EndpointReport.model_validate_json(report.model_dump_json()) == report


@pytest.mark.slow
@pytest.mark.parametrize(("flavour", "whole"), [("vllm", "yes"), ("llama.cpp", "no")])
def test_whether_leaving_ends_the_generation_is_measured_by_the_counter_of_the_server(flavour: str, whole: str) -> None:
    with StubServer(flavour=flavour, token_delay=0.001, delay=0.2) as server:
        names = found(checked(server.base_url))
    assert (names[STREAM], names[WHOLE]) == ("yes", whole)


def test_a_server_without_a_counter_leaves_that_unknown() -> None:
    with StubServer(flavour="sglang") as server:
        names = found(checked(server.base_url))
    assert (names[STREAM], names[WHOLE]) == ("unknown", "unknown")


@pytest.mark.slow
def test_the_command_checks_the_real_server_of_llama_cpp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TinyServer(parallel=4) as server:
        assert main(["endpoint", "check", "--base-url", server.base_url, "--json", str(tmp_path / "r.json")]) == 0
    report = EndpointReport.model_validate_json((tmp_path / "r.json").read_text())
    assert (report.server, report.level, report.context) == ("llama.cpp", "full", 1024)
    names = found(report)
    assert names[STREAM] == "yes" and names[CHAT] == "yes" and names["token ids back"] == "yes"
    assert "level full" in capsys.readouterr().out


def test_the_command_prints_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with StubServer(flavour="ollama") as server:
        assert main(["endpoint", "check", "--base-url", server.base_url, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "continue"


def test_no_server_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with StubServer() as server:
        url = server.base_url
    assert main(["endpoint", "check", "--base-url", url, "--timeout", "0.1"]) == 2
    error = capsys.readouterr().err
    assert "no connection" in error and error.count("\n") == 1
