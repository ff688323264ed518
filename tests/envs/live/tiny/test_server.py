"""The server of the tiny model: it answers, says what is wrong in one line, and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autotts.envs.errors import InputError
from autotts.envs.live.tiny import CONTEXT, MODEL_NAME, PROBE_SUFFIX
from autotts.envs.live.tiny import server as server_module
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer


@pytest.fixture(scope="module")
def server() -> Iterator[TinyServer]:
    with TinyServer(parallel=4) as found:
        yield found


def ask(server: TinyServer, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.base_url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def gone(pid: int) -> bool:
    """Return whether a process has ended, waiting for its end; it may be nobody's child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        import select

        return bool(select.select([descriptor], [], [], 20)[0])


def test_server_lists_the_model_and_its_context(server: TinyServer) -> None:
    (model,) = ask(server, "/models")["data"]
    assert model["id"] == server.model == MODEL_NAME and model["meta"]["n_ctx"] == CONTEXT
    assert server.base_url.startswith("http://127.0.0.1:") and server.base_url.endswith("/v1")


def test_model_thinks_in_passes_and_puts_its_answer_in_a_box(server: TinyServer) -> None:
    text, _ = questions(1, 3)[0]
    prompt = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    asked = {"prompt": prompt, "max_tokens": 700, "temperature": 1, "top_k": 0, "min_p": 0, "seed": 5}
    choice = ask(server, "/completions", asked)["choices"][0]
    assert choice["finish_reason"] == "stop"
    thought, closed, answer = choice["text"].partition("</think>")
    assert closed and thought.startswith("<think>\nStart ") and "\nAgain " in thought
    assert answer.startswith("\n\nFinal answer: \\boxed{") and answer.endswith("}")
    probe = {"prompt": prompt + thought[: len(thought) // 2] + PROBE_SUFFIX, "max_tokens": 4, "temperature": 0}
    assert ask(server, "/completions", probe)["choices"][0]["text"].partition("}")[0].isdigit()


def test_model_answers_a_chat_after_its_own_thought(server: TinyServer) -> None:
    text, _ = questions(1, 3)[0]
    message = ask(server, "/chat/completions", {"messages": [{"role": "user", "content": text}], "seed": 5})
    assert "\\boxed{" in message["choices"][0]["message"]["content"]


def test_server_draws_from_all_tokens_unless_it_is_told_otherwise(server: TinyServer) -> None:
    with urllib.request.urlopen(server.base_url.removesuffix("/v1") + "/props", timeout=60) as answer:
        params = json.load(answer)["default_generation_settings"]["params"]
    assert [params[name] for name in ("temperature", "top_p", "top_k", "min_p")] == [1.0, 1.0, 0, 0.0]


def test_process_ends_with_the_block_and_with_an_error_in_it() -> None:
    with pytest.raises(KeyError), TinyServer(parallel=1) as server:
        pid = server.pid
        raise KeyError
    assert gone(pid) and server.base_url == ""
    server.close()


def test_process_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys; from autotts.envs.live.tiny.server import TinyServer\n"
        "with TinyServer(parallel=1) as server:\n    print(server.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None and parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(pid)
    parent.stdin.close()
    parent.stdout.close()


def test_what_cannot_be_served_is_said_in_one_line(
    server: TinyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.base_url.removesuffix("/v1").rpartition(":")[2])
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"this is no model" * 50)
    cases = (
        (TinyServer(port=port, parallel=1), "bind"),
        (TinyServer(bad), "bad.gguf: "),
        (TinyServer(tmp_path / "none.gguf"), "no such file"),
        (TinyServer(port=70000), "70000 is no port"),
    )
    for wrong, why in cases:
        with pytest.raises(InputError, match=why) as error, wrong:
            pass
        assert len(str(error.value).splitlines()) == 1
    monkeypatch.setattr(server_module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="is not installed: pip install"), TinyServer():
        pass
