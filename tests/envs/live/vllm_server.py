"""vLLM's own server with the tiny model, for the tests; `make vllm` installs it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from autotts.envs.live import tiny

PYTHON = os.environ.get("AUTOTTS_VLLM_PYTHON", "")
"""The interpreter of an environment with vLLM."""
needs_vllm = [pytest.mark.vllm, pytest.mark.skipif(not PYTHON, reason="AUTOTTS_VLLM_PYTHON is not set: `make vllm`")]
WEIGHTS = Path(tiny.__file__).parent / "weights"
STARTING = 600.0
"""Seconds that the server may take to start: 36 on idle cores and 235 on very busy ones were seen."""
OPTIONS = (
    "--dtype", "float32", "--max-model-len", "1024", "--enforce-eager", "--enable-prompt-tokens-details",
    "--block-size", "32", "--served-model-name", tiny.MODEL_NAME, "--host", "127.0.0.1",
)  # fmt: skip
SETTINGS = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "OMP_NUM_THREADS": "1"}


@contextmanager
def vllm_server(home: Path) -> Iterator[str]:
    """Start the server, whose log goes into ``home``, and yield the address of its interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "server.log"
    module = ("-m", "vllm.entrypoints.openai.api_server")
    command = [PYTHON, *module, "--model", str(WEIGHTS), "--port", str(port), *OPTIONS]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **SETTINGS}, cwd=home)
        try:
            until = time.monotonic() + STARTING
            while not _healthy(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
                time.sleep(0.5)  # a server that starts tells nobody
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(60)


def _healthy(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False
