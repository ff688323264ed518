"""A service on loopback that speaks the Messages API: streaming, tools, thinking, cache accounting, and faults.

It answers as a script says, keeps every request, and bills each request id once: the same id gets the same answer
again. `python -m tests.stubs.messages_api --script discovery --state DIR` runs it as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .accounting import Cache
from .faults import STATUSES, Faults, Seeded, never
from .messages_stream import FIELDS, Plan, Refused, Stream, check, error_plan, garbled, thinking

KEY = "stub-key-0123456789-abcdefghij"
"""The only key that it takes."""
Script = Callable[[Mapping[str, Any]], list[dict[str, Any]]]
"""From a request's body to the blocks of the answer: texts, and tool calls without ids. Exactly a function."""
ENDED = ("reset", "silence", "cut", "not_utf8", "not_json")


class Stub:
    """The service. Use it as a context manager; `url` is its endpoint.

    Args:
        script: what it answers.
        faults: what goes wrong.
        state: a directory to which bodies and bills are also written.
        pace: called between any two events of a stream.
    """

    def __init__(
        self, script: Script, faults: Faults = never, state: Path | None = None, port: int = 0,
        pace: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.script, self.faults, self.state, self.pace = script, faults, state, pace
        self.bodies: list[bytes] = []
        self.ids: list[str] = []
        self.bills: dict[str, dict[str, int]] = {}
        self.silent: set[str] = set()
        """Ids of the requests that will get nothing more."""
        self._plans: dict[str, Plan] = {}
        self._cache = Cache()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), type("Bound", (_Handler,), {"stub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Stub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve in this thread, for ever."""
        self._server.serve_forever()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies of all requests, repeated ones included."""
        return [json.loads(body) for body in self.bodies]

    def total(self) -> dict[str, int]:
        """Return the tokens that it has billed."""
        with self._lock:
            return {name: sum(bill[name] for bill in self.bills.values()) for name in FIELDS}

    def plan(self, request: str, raw: bytes) -> Plan:
        """Return what to send; the bill is written before."""
        with self._lock:
            self.bodies.append(raw)
            self.ids.append(request)
            body = json.loads(raw)
            if request not in self._plans:
                try:
                    self._plans[request] = self._new_plan(request, body)
                except Refused as refused:
                    self._plans[request] = error_plan(*refused.args)
                self.bills[request] = self._plans[request].billed
                self._keep("bills.jsonl", {"id": request, **self.bills[request]})
            self._keep("requests.jsonl", {"id": request, "body": body})
            return self._plans[request]

    def _keep(self, name: str, record: Mapping[str, Any]) -> None:
        if self.state is not None:
            with (self.state / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def _new_plan(self, request: str, body: dict[str, Any]) -> Plan:
        check(body)
        fault = self.faults(request, body)
        if fault is not None and fault.kind in STATUSES:
            return error_plan(*STATUSES[fault.kind])
        if fault is not None and fault.kind == "reset":
            return Plan(0, {}, [], "reset")
        blocks, stop = garbled(self.script(body), fault)
        if stop == "tool_use" and "thinking" in body:
            blocks = [thinking(blocks), *blocks]
        try:
            usage = self._cache.charge(body)
        except ValueError as error:
            raise Refused(400, "invalid_request_error", str(error)) from None
        stream = Stream(request, body, blocks, stop, usage, fault)
        return stream.plan(fault)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that has gone is no error
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    stub: Stub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        if KEY not in (self.headers["x-api-key"], (self.headers["authorization"] or "").removeprefix("Bearer ")):
            plan = error_plan(401, "authentication_error", "invalid key")
        elif self.path != "/v1/messages" or not self.headers["idempotency-key"]:
            plan = error_plan(400, "invalid_request_error", "no such path, or no Idempotency-Key")
        else:
            plan = self.stub.plan(self.headers["idempotency-key"], raw)
        with suppress(OSError):  # the client may have gone
            self._send(plan)

    def do_GET(self) -> None:
        body = json.dumps({"bills": self.stub.bills, "total": self.stub.total()}).encode()
        with suppress(OSError):
            self._send(Plan(200, {"content-type": "application/json"}, [body]))

    def _send(self, plan: Plan) -> None:
        if plan.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(plan.status)
        for name, value in (plan.headers | {"transfer-encoding": "chunked"}).items():
            self.send_header(name, value)
        self.end_headers()
        for event in [event for event in plan.events if event]:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            if self.stub.pace is not None:
                self.wfile.flush()
                self.stub.pace()
        if plan.ending not in ENDED:
            self.wfile.write(b"0\r\n\r\n")
            return
        self.wfile.flush()
        self.close_connection = True
        if plan.ending == "silence":
            self.stub.silent.add(self.headers["idempotency-key"])
            with suppress(OSError):
                self.connection.recv(1)  # until the client leaves
            self.stub.silent.discard(self.headers["idempotency-key"])

    def log_message(self, format: str, *args: Any) -> None:
        return


def main() -> None:
    """Serve until killed; the first line printed is the endpoint."""
    from .scripts import SCRIPTS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", choices=sorted(SCRIPTS), default="discovery")
    parser.add_argument("--faults", default="0:0", help="SEED:RATE")
    parser.add_argument("--state", type=Path, help="directory for bills.jsonl and requests.jsonl")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two events")
    given = parser.parse_args()
    seed, _, rate = given.faults.partition(":")
    pace = (lambda: time.sleep(given.pace)) if given.pace else None
    stub = Stub(SCRIPTS[given.script], Seeded(int(seed), float(rate)), given.state, given.port, pace)
    print(stub.url, flush=True)
    stub.serve()


if __name__ == "__main__":
    main()
