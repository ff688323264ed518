"""No text of a controller, an archive, a bundle, an environment or a file name reaches the terminal raw."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.cli.command_parser import CommandParser
from autotts.agent.cli.main import main, parser
from autotts.agent.cli.messages import LOGGER
from autotts.agent.reports.console.plain_stream import PlainStream, neutral_output
from autotts.agent.reports.console.terminal import TerminalConsole
from autotts.envs import catalogue, store
from autotts.envs.plain_text import neutral
from autotts.envs.store import Environment

from ..ui.archives import small_archive, tiny

EVIL = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m[red]"
"""Sets the title, clears the screen, turns the order of reading, colours, and is markup."""
CODE = repr(EVIL)
RAISES = f"""
\"\"\"{EVIL.encode('unicode_escape').decode()}\"\"\"
from envs import Controller
class Evil(Controller):
    name = {CODE}
    def solve(self, question):
        raise ValueError({CODE})
"""
ANSWERS = "from envs import Controller\nclass Answers(Controller):\n    def solve(self, question):\n        "
PRINTS = ANSWERS + f"print({CODE})\n        return question.run_to_end(question.branch())\n"
FINE = ANSWERS + "return question.run_to_end(question.branch())\n"
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r")
"""Colours, cursor movements and the end of a line on a terminal: what `rich` draws with."""
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]")


def evil(env: Environment) -> Environment:
    """Return ``env`` with hostile question ids and answers."""
    words = tuple(f"{word}{EVIL}{i}" if word else "" for i, word in enumerate(env.vocabulary))
    return replace(env, questions=tuple(f"{EVIL}{q}" for q in range(len(env))), vocabulary=words)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose files hold hostile texts, with a hostile name itself."""
    home = tmp_path_factory.mktemp("hostile") / f"here{EVIL.replace('/', '')}"
    env = evil(replace(tiny(), name="evil/one"))
    store.save(env, catalogue.path_of(home / "data", env.name))
    archive = Archive(small_archive(home / "archive", EVIL))
    config = RunConfig(environments={env.name: env.hash}, generations=0, orders=1, betas=(0.5,), explorer="evolve")
    Run.create(home / "runs" / "1", config, [env])
    small_archive(home / "runs" / "1" / "archive", EVIL)
    for owner in (archive, Archive(home / "runs" / "1" / "archive")):
        card = owner.card("g001-child").model_copy(
            update={
                "id": "g003-evil", "name": EVIL, "rationale": EVIL, "message": EVIL, "outcome": EVIL, "explorer": EVIL,
                "verdict": EVIL, "prompts": EVIL, "sandbox": EVIL,
            }
        )  # fmt: skip
        source = owner.source("g001-child") + f"# {EVIL.encode('unicode_escape').decode()}\n"
        card = card.model_copy(update={"source_sha256": hashlib.sha256(source.encode()).hexdigest()})
        owner.add(card, source, None, transcript=f"## asked\n{EVIL}\n")
    for name, text in {"raises": RAISES, "prints": PRINTS, "fine": FINE, f"na{EVIL}me": RAISES}.items():
        (home / f"{name}.py").write_text(text)
    (home / "broken.py").write_text(f"def {EVIL}")
    line = {"question": EVIL, "gold": EVIL, "answers": [EVIL, EVIL], "tokens": 900, "final": EVIL}
    (home / "lines.jsonl").write_text(json.dumps(line) + f"\nnot json {EVIL}\n")
    (home / "bad.bundle").write_bytes(EVIL.encode())
    return home


RAISING, NAMED = "raises.py", f"na{EVIL}me.py"
SMALL = ("--env", "evil/*", "--beta", "0.5", "--orders", "1", "--workers", "1", "--sandbox", "process")
AT = ("--archive", "archive")
SERVER = ("--base-url", "http://127.0.0.1:1/v1", "--timeout", "0.1")
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ask": (
        (EVIL, "1 + 1?", "--base-url", "http://127.0.0.1:1"), ("fine.py", EVIL, "--model", EVIL),
        ("fine.py", EVIL, "--base-url", f"http://127.0.0.1:1/{EVIL}"), ("fine.py", "1 + 1?", "--api-key-env", EVIL),
    ),
    "fidelity": (
        ("fine.py", "--env", "evil/one"), (EVIL, "--env", "evil/one"), ("fine.py", "--episodes", EVIL),
        ("fine.py", "--episodes", "lines.jsonl"),
    ),
    "env import": (
        ("lines.jsonl", "--name", "new/one"), (f"{EVIL}.jsonl", "--name", "new/two"), ("lines.jsonl", "--name", EVIL),
    ),
    "env schema": ((),),
    "env list": ((), ("--data", EVIL)),
    "env show": (("evil/*", "--questions"), (EVIL,)),
    "env export": (("evil/one",), (EVIL,)),
    "env validate": (("evil/*",), (EVIL,)),
    "env fit": (("evil/one",), (EVIL,)),
    "env synthesize": (("--questions", "1", "--branches", "2", EVIL), (EVIL,)),
    "evaluate": (
        (RAISING, *SMALL), (NAMED, *SMALL), ("broken.py", *SMALL), ("fine.py", *SMALL, "--quiet", "--json", "-"),
        (EVIL,),
    ),
    "compare": ((RAISING, "fine.py", *SMALL), (NAMED, "fine.py", *SMALL)),
    "replay": ((RAISING, "fine.py", *SMALL), ("--select", "all", *AT, *SMALL)),
    "discover": (
        ("--run", f"runs/{EVIL}", "--explorer", EVIL), ("--run", "runs/1", "--from", NAMED),
        ("--steady-state", "--replay-events", EVIL),
    ),
    "try": (
        (RAISING, "--run", "runs/1", "--sandbox", "process"), ("prints.py", "--run", "runs/1", "--sandbox", "process"),
        (NAMED, "--run", "runs/1", "--sandbox", "process", "--quiet", "--json", "-"),
    ),
    "resume": ((EVIL,), ("archive",)),
    "history": (("runs/1",), (EVIL,)),
    "fork": (("runs/1", f"runs/{EVIL}", "--generation", "9"), (EVIL, EVIL, "--generation", "0")),
    "status": (("runs/1",), (EVIL,)),
    "lineage": (("--all", *AT), (*AT, "--quiet", "--json", "-"), ("--run", EVIL)),
    "show": (("g003-evil", *AT), ("g003-evil", *AT, "--quiet", "--json", "-"), ("g001-child", *AT), (EVIL, *AT)),
    "diff": (("g001-child", "g003-evil", *AT), (EVIL, EVIL, *AT)),
    "trace": (
        ("fine.py", "--env", "evil/one", "--question", "0", "--steps"),
        (RAISING, "--env", "evil/one", "--question", "0"),
        ("fine.py", "--env", "evil/one", "--question", EVIL), (EVIL, "--env", EVIL),
    ),
    "transcript": (("g003-evil", *AT), (EVIL, *AT)),
    "plot curves": ((RAISING, *SMALL[:6], "-o", f"{EVIL}.svg"), (EVIL, "-o", "x.svg")),
    "plot lineage": ((*AT, "-o", f"{EVIL}.svg"), ("--run", EVIL, "-o", "x.svg")),
    "plot trace": (("fine.py", "--env", "evil/one", "--question", "0", "-o", f"{EVIL}.svg"),),
    "serve": (
        (EVIL, *SERVER), ("fine.py", *SERVER), ("fine.py", *SERVER, "--api-keys", EVIL),
        ("fine.py", *SERVER, "--keep", "fine.py"),
    ),
    "collect": (
        ("lines.jsonl", "--name", "new/one", *SERVER), ("lines.jsonl", "--name", "new/one", "--allow-skips", *SERVER),
        (f"{EVIL}.jsonl", "--name", "new/one", *SERVER), ("lines.jsonl", "--name", EVIL, *SERVER),
    ),
    "ui": (("--archive", EVIL),),
    "run verify": (("runs/1",), (EVIL,)),
    "archive list": (("archive",), (EVIL,)),
    "archive verify": (("archive",), (EVIL,)),
    "archive reindex": (("archive",), (EVIL,)),
    "archive copy": ((EVIL, "x"), ("run", EVIL), ("postgresql://:1/d/" + EVIL, "x")),
    "archive export": (("archive", "-o", f"{EVIL}.tar"), (EVIL, "-o", "x.tar")),
    "archive import": (("bad.bundle", "--archive", "other"), (EVIL, "--archive", "other")),
    "endpoint check": (SERVER, (*SERVER, "--model", EVIL)),
    "endpoint start": (("--model-file", EVIL),),
    "endpoint questions": ((), ("--out", f"{EVIL}/{EVIL}")),
    "sandbox build": ((EVIL,),),
    "cluster check": (("--sandbox", EVIL), (EVIL,)),
    "sandbox check": (("--only", EVIL),),
    "doctor": ((),),
    "mcp": (("--env", EVIL),),
    "docs": ((), ("security",), (EVIL,)),
    "completion": (("bash",), (EVIL,)),
}  # fmt: skip
"""Arguments for each command that make it show hostile texts, or complain of them."""


def leaves(of: CommandParser, before: str = "") -> Iterator[str]:
    """Yield the names of all commands."""
    if not of.subcommands():
        yield before.strip()
    for name, command in of.subcommands().items():
        yield from leaves(command, f"{before} {name}")


def test_every_command_is_tried_with_hostile_texts() -> None:
    assert set(COMMANDS) == set(leaves(parser())), "give the new command a line in COMMANDS"


def through_a_pipe(run: Callable[[], object]) -> str:
    return _collected(run, *os.pipe())


def on_a_terminal(run: Callable[[], object]) -> str:
    return _collected(run, *pty.openpty())


def _collected(run: Callable[[], object], reading: int, writing: int) -> str:
    """Return everything that ``run`` writes to standard output and error, which are the descriptor ``writing``."""
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(reading, 1 << 16)
            except OSError:  # a terminal that nobody writes to any more
                return
            if not data:
                return
            seen.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    before = sys.stdout, sys.stderr
    out, err = (os.fdopen(os.dup(writing), "w", encoding="utf-8", errors="backslashreplace") for _ in range(2))
    sys.stdout, sys.stderr = out, err
    try:
        run()
    except SystemExit:
        pass
    finally:
        sys.stdout, sys.stderr = before
        out.close()
        err.close()
        os.close(writing)
        reader.join()
        os.close(reading)
    return seen.decode("utf-8", "surrogateescape")


def raw(shown: str, on_terminal: bool = False) -> list[str]:
    """Return the control characters in ``shown`` that are not ours."""
    return RAW.findall(OURS.sub("", shown) if on_terminal else shown)


@pytest.fixture(autouse=True)
def quiet_logger() -> Iterator[None]:
    before, level = list(LOGGER.handlers), LOGGER.level
    yield
    LOGGER.handlers[:] = before
    LOGGER.setLevel(level)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("shown_by", [through_a_pipe, on_a_terminal])
def test_no_command_passes_a_hostile_text_on(
    name: str, shown_by: Callable[[Callable[[], object]], str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("TERM", "xterm-256color")
    for arguments in COMMANDS[name]:
        words = [*name.split(), *arguments]
        shown = shown_by(lambda words=words: main(words))  # type: ignore[misc]
        assert raw(shown, shown_by is on_a_terminal) == [], (arguments, shown)
        assert "\x1b]" not in shown and "\x1b[2J" not in shown and "\x1b[31m[red]" not in shown
        if arguments[-2:] == ("--quiet", "--json", "-"):
            json.loads(shown)


@pytest.mark.slow
def test_the_hostile_texts_are_shown(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would prove nothing."""
    monkeypatch.chdir(place)
    for words in (
        ("evaluate", RAISING, *SMALL), ("try", RAISING, "--run", "runs/1", "--sandbox", "process"),
        ("show", "g003-evil", *AT), ("lineage", "--all", *AT), ("transcript", "g003-evil", *AT),
        ("trace", RAISING, "--env", "evil/one", "--question", "0"), ("status", EVIL),
    ):  # fmt: skip
        shown = through_a_pipe(lambda words=words: main([*words]))  # type: ignore[misc]
        assert "owned" in shown and "[red]" in shown, (words, shown)


def test_a_stream_neutralises_text_and_keeps_json_valid() -> None:
    shown = through_a_pipe(lambda: _say(json.dumps({"a": EVIL, "b": "a\tb\n☃"}, ensure_ascii=False)))
    assert raw(shown) == [] and json.loads(shown) == {"a": EVIL, "b": "a\tb\n☃"}


def _say(text: str) -> None:
    with neutral_output():
        assert isinstance(sys.stdout, PlainStream) and isinstance(sys.stderr, PlainStream)
        print(text)


def test_an_error_of_ours_ends_in_a_neutral_traceback() -> None:
    def fails() -> None:
        with neutral_output():
            pass
        try:
            raise RuntimeError(EVIL)
        except RuntimeError as error:
            sys.excepthook(RuntimeError, error, error.__traceback__)

    hook = sys.excepthook
    try:
        shown = through_a_pipe(fails)
    finally:
        sys.excepthook = hook
    assert "RuntimeError" in shown and "owned" in shown and raw(shown) == []


def test_a_console_takes_no_markup_and_no_control_characters_from_texts() -> None:
    from rich.table import Table

    def draw() -> None:
        screen = TerminalConsole(width=100)
        table = Table(EVIL)
        table.add_row(f"{EVIL}:smile:[/x]")
        screen.print(table)
        screen.print(f"[link=http://owned]{EVIL}")
        screen.drawing("\x1b[31mred\x1b[0m")

    shown = OURS.sub("", on_a_terminal(draw))
    assert raw(shown) == [] and ":smile:" in shown and "[link=http://owned]" in shown
    assert through_a_pipe(lambda: TerminalConsole(width=80).drawing("\x1b[31mred\x1b[0m")) == "red\n"


def test_neutral_leaves_out_every_character_that_controls_or_hides() -> None:
    import unicodedata

    kept = set("\n\t")
    wrong = [
        hex(i)
        for i in range(sys.maxunicode + 1)
        if (unicodedata.category(chr(i)) in ("Cc", "Cf", "Zl", "Zp", "Cs")) and chr(i) not in kept
        and neutral(chr(i)) == chr(i)
    ]  # fmt: skip
    assert wrong == []
    assert neutral("f-score ≥ 0.5, ☃\u00a0é\n\tx") == "f-score ≥ 0.5, ☃\u00a0é\n\tx"
    assert neutral("\x1b[1;31mred\x1b[0m") == "red"
