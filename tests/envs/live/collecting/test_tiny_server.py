"""Collecting from the real server of the tiny model: killed and resumed, the environment is the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.envs import store
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer

CODE = """
import os, signal, sys, autotts

calls = 0

def count(snapshot):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

autotts.collect("q.jsonl", sys.argv[1], "tiny/kept", branches=2, branch_tokens=120, concurrency=1, progress=count)
"""
# one request at a time: llama.cpp rounds otherwise where its cache is another, and the signals differ by 0.001
KILLS = (4, 9, 7)
"""Requests after which each process is killed."""


@pytest.mark.slow
def test_killed_collection_from_a_real_server_is_the_same(tmp_path: Path) -> None:
    found = []
    with TinyServer(parallel=1) as server:
        for name, kills in (("whole", ()), ("killed", KILLS)):
            home = tmp_path / name
            home.mkdir()
            lines = [json.dumps({"question": text, "answer": gold}) + "\n" for text, gold in questions(2, 5)]
            (home / "q.jsonl").write_text("".join(lines))
            for calls in (*kills, 0):
                words = [sys.executable, "-c", CODE, server.base_url, str(calls)]
                done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=300)
                assert done.returncode == (-signal.SIGKILL if calls else 0), done.stderr
            found.append(store.load(home / "data" / "tiny" / "kept.env.npz"))
    whole, killed = found
    assert whole.signals and whole.provenance["server"].startswith("llama.cpp at ")
    assert whole.hash == killed.hash
