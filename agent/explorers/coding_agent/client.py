#!/usr/bin/env python3
"""The command `./autotts` of a workspace: tries and submits controllers, and looks at versions. Needs only Python."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ADDRESS = ".autotts-socket"
"""File of a workspace that contains the path of its socket."""

USAGE = """\
./autotts try [FILE]                 check FILE (default: controller.py) and evaluate it on a part of the search set
./autotts look                       list what you can look at, with the arguments
./autotts look NAME [KEY=VALUE ...]  look at NAME; separate several values by commas, as in versions=a,b
./autotts submit [FILE]              submit FILE (default: controller.py) with the text of rationale.md
"""
_SECONDS = 900.0
_LARGEST = 1 << 20


class NoWorkspace(Exception):
    """The workspace does not exist, or its server does not answer any more."""


def main(arguments: Sequence[str]) -> int:
    """Run one command, print the reply, and return 0; return 1 if the command failed, 2 for wrong usage."""
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    home = Path(__file__).resolve().parent
    try:
        if verb in ("try", "submit") and len(rest) <= 1:
            request = {"verb": verb, "source": _read(Path(rest[0]) if rest else home / "controller.py")}
            if verb == "submit":
                request["notes"] = _read(home / "rationale.md")
            reply = ask(home, request)
        elif verb == "look" and all("=" in pair for pair in rest[1:]):
            pairs = dict(pair.split("=", 1) for pair in rest[1:])
            reply = ask(home, {"verb": "look", "name": rest[0] if rest else "", "arguments": pairs})
        else:
            print(USAGE, end="", file=sys.stdout if verb in ("help", "-h", "--help") else sys.stderr)
            return 0 if verb in ("help", "-h", "--help") else 2
    except (NoWorkspace, OSError, ValueError) as error:
        print(_plain(f"autotts: {error}"), file=sys.stderr)
        return 1
    try:
        print(_plain(str(reply["text"])), flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe; Python must not flush to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if reply["error"] else 0


def _plain(text: str) -> str:
    """Return ``text`` with "?" for each character that may control the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"{path} is too large for a controller (over {_LARGEST:,} bytes)")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def ask(home: Path, request: Mapping[str, object]) -> dict[str, object]:
    """Send one request to the server of the workspace ``home``, and return its reply: text and error.

    Raises:
        NoWorkspace: the server does not answer.
    """
    try:
        address = (home / ADDRESS).read_text(encoding="utf-8").strip()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(address)
            connection.sendall(json.dumps(request).encode() + b"\n")
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
        reply = json.loads(b"".join(parts))
        return {"text": str(reply["text"]), "error": bool(reply["error"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoWorkspace(f"no answer ({error}): this workspace's time is over, or its program has ended") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
