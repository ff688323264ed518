"""Loads the web application: `python -m benchmarks.ui_load --idle 1000 --busy 50`.

The idle clients open a connection and send nothing, half a request, or one request with the token, a third each. The
busy clients, all with the token, ask for pages one after another. Prints the seconds in which a busy client was
answered, errors, the memory of the server, and the bytes that it has logged.
"""

from __future__ import annotations

import argparse
import http.client
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PATHS = ("/api/run", "/api/lineage", "/api/versions", "/api/glossary", "/")
DESCRIPTORS = 1024
"""Descriptors of the server: the usual limit of a shell."""


class BusyClient(threading.Thread):
    """Asks for pages one after another, on a connection that it opens again when the server has closed it."""

    def __init__(self, host: str, port: int, token: str, requests: int) -> None:
        super().__init__(daemon=True)
        self.client = http.client.HTTPConnection(host, port, timeout=120)
        self.token, self.requests = token, requests
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        for number in range(self.requests):
            began = time.perf_counter()
            try:
                status = self.ask(PATHS[number % len(PATHS)])
                if status != 200:
                    self.errors.append(f"status {status}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                self.client.close()
            self.seconds.append(time.perf_counter() - began)
        self.client.close()

    def ask(self, path: str) -> int:
        self.client.request("GET", path, headers={"authorization": f"Bearer {self.token}"})
        answer = self.client.getresponse()
        answer.read()
        return answer.status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=1000, help="idle clients (default: 1000)")
    parser.add_argument("--busy", type=int, default=50, help="busy clients (default: 50)")
    parser.add_argument("--requests", type=int, default=40, help="requests of each busy client (default: 40)")
    asked = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryFile("w+") as log:
        command = [Path(sys.executable).with_name("autotts"), "ui", "--port", "0", "--archive", "shipped:explorer"]
        server = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=log, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)),
        )  # fmt: skip
        try:
            assert server.stdout is not None
            server.stdout.readline()
            link = urlsplit(server.stdout.readline().strip())
            report(asked, str(link.hostname), int(link.port or 0), parse_qs(link.query)["token"][0], server.pid)
        finally:
            server.terminate()
            server.wait(20)
        print(f"log: {os.fstat(log.fileno()).st_size:,} bytes")
    return 0


def report(asked: argparse.Namespace, host: str, port: int, token: str, server: int) -> None:
    """Load the server, and print how it bore it."""
    alone = measured([BusyClient(host, port, token, asked.requests)])
    print("one client alone: " + alone)
    head = f"GET /api/run HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    idle = []
    for number in range(asked.idle):
        client = socket.create_connection((host, port), 60)
        client.sendall((b"", b"GET / HT", head)[number % 3])
        idle.append(client)
    print(f"{asked.busy} busy clients beside {asked.idle:,} idle ones: ", end="", flush=True)
    print(measured([BusyClient(host, port, token, asked.requests) for _ in range(asked.busy)]))
    status = Path(f"/proc/{server}/status").read_text()
    peak = next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    descriptors = len(list(Path(f"/proc/{server}/fd").iterdir()))
    print(f"server: {peak} MB at most, {descriptors} descriptors at the end")
    for client in idle:
        client.close()


def measured(clients: list[BusyClient]) -> str:
    """Run the clients side by side; return their times and errors as text."""
    began = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    taken = time.perf_counter() - began
    seconds = sorted(second for client in clients for second in client.seconds)
    errors = [error for client in clients for error in client.errors]
    middle, late = (1000 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
    return (
        f"{len(seconds):,} requests, {len(seconds) / taken:,.0f} a second; median {middle:.0f} ms, 99% {late:.0f} ms, "
        f"longest {1000 * seconds[-1]:.0f} ms; {len(errors)} errors{': ' + errors[0] if errors else ''}"
    )


if __name__ == "__main__":
    sys.exit(main())
