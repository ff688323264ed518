"""Starts llama.cpp's own HTTP server (the package xllamacpp, extra ``live``) with the tiny model, and ends it."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ...errors import InputError
from ...extras import install_command
from ...plain_text import message_line
from . import CONTEXT, GGUF, MODEL_NAME

_PROGRAM = Path(__file__).with_name("server_process.py")
_START_SECONDS, _END_SECONDS = 120.0, 5.0


class TinyServer:
    """A server in a process of its own, as a context manager; the process ends with the block or with our process.

    Example:
        with TinyServer() as server:
            print(server.base_url, server.model)  # http://127.0.0.1:41237/v1 autotts-tiny

    Args:
        model_file: a GGUF file.
        parallel: requests that are served at once; more of them wait.
        context: the longest prompt and completion together, in tokens.
        threads: threads that compute. One is quickest for a tiny model, above all beside other work.
        port: 0 takes a free port.
    """

    def __init__(
        self, model_file: Path = GGUF, *, parallel: int = 64, context: int = CONTEXT, threads: int = 1, port: int = 0
    ) -> None:
        self.model_file = model_file
        self.model = MODEL_NAME if model_file == GGUF else model_file.stem
        """The name of the model, as requests give it."""
        self.base_url = ""
        """Set while the server runs."""
        self._port = port
        self._wanted = {
            "path": str(model_file), "alias": self.model, "host": "127.0.0.1", "port": port, "parallel": parallel,
            "context": context, "threads": threads,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def __enter__(self) -> Self:
        """Start the server, and wait until it answers.

        Raises:
            InputError: xllamacpp is not installed, the file is no model, or the port is taken.
        """
        if not 0 <= self._port <= 65535:
            raise InputError(f"port {self._port} is no port: ports are 0 to 65535, and 0 takes a free one")
        if find_spec("xllamacpp") is None:
            raise InputError(f"llama.cpp's server is not installed: {install_command('live')}")
        if not self.model_file.is_file():
            raise InputError(f"{self.model_file}: no such file")
        self._check_port()
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM), json.dumps({**self._wanted, "parent": os.getpid()})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        try:
            self.base_url = self._address() + "/v1"
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self) -> None:
        """Wait until the server ends by itself."""
        assert self._process is not None, "the server has not been started"
        self._process.wait()

    def close(self) -> None:
        """End the server; a second call does nothing."""
        process, log = self._process, self._log
        self.base_url = ""
        if process is None or log is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()  # the process ends when its standard input does
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        log.close()
        self._log = None

    def _check_port(self) -> None:
        """Complain if the port cannot be had: the server's own words for it may be lost as it ends."""
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", self._port))
            except OSError as error:
                raise InputError(f"cannot bind port {self._port}: {error.strerror}") from None

    def _address(self) -> str:
        """Return the address that the process prints once the model is loaded."""
        assert self._process is not None and self._process.stdout is not None
        ends, line = time.monotonic() + _START_SECONDS, b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, ends - time.monotonic()))
            more = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not more:
                why = self._complaint() if ready else f"it has not loaded the model in {_START_SECONDS:.0f} seconds"
                raise InputError(f"llama.cpp's server does not start with {self.model_file}: {why}")
            line += more
        return line.decode().strip()

    def _complaint(self) -> str:
        """Return the first error that the server has printed."""
        assert self._log is not None
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if " E " in line or "Error" in line]
        return message_line((errors or lines or ["it ended without a word"])[0])
