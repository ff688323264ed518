"""What others wrote is shown, and does nothing: not to the terminal, and not to what draws on it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.cli import inspect
from autotts.agent.reports.console.display import interval
from autotts.envs.plain_text import plain

from ...archive.test_archive import SOURCE, card

EVIL = "[/x] [red]red[/red] \x1b[31m\x1b]0;title\x07 \u202eright"


def test_markup_and_escapes_in_cards_are_shown_literally(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = Archive(tmp_path)
    evil = card().model_copy(update={"name": EVIL, "rationale": f"why\n\n{EVIL}", "message": EVIL})
    archive.add(evil, SOURCE, None, transcript=f"said\n{EVIL}")
    place = {"run": None, "archive": str(tmp_path), "id": "g001-a"}
    inspect.lineage(argparse.Namespace(**place, all=True))
    inspect.show(argparse.Namespace(**place))
    inspect.transcript(argparse.Namespace(**place))
    shown = capsys.readouterr().out
    assert shown.count("[/x] [red]red[/red] \\x1b[31m\\x1b]0;title\\x07 \\u202eright") == 5
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_plain_text_is_unchanged() -> None:
    assert plain("f-score ≥ 0.5, ☃ and é") == "f-score ≥ 0.5, ☃ and é"
    assert plain("a\tb\n\x00\ud800") == "a\\tb\\n\\x00\\ud800"


def test_rounded_zero_has_no_minus_sign() -> None:
    assert interval(-1e-9, (-0.004, 0.0), 2) == "0.00 [0.00, 0.00]"
