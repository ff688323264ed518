"""The header of every page: the archive that is shown, and its unreadable versions."""

from __future__ import annotations

from fastapi import APIRouter

from ..answers import PROBLEMS, Answer, At

router = APIRouter(prefix="/api", tags=["about"], responses=PROBLEMS)


class AboutAnswer(Answer):
    """The archive that is shown, and its unreadable versions."""

    title: str
    versions: int
    problems: dict[str, str]
    """Errors of versions that cannot be read, by folder."""
    note: str
    """Why the index was not used; empty if it was."""


@router.get("/about")
def about(reader: At) -> AboutAnswer:
    """The header of every page."""
    view = reader.view()
    return AboutAnswer(
        title=reader.title, versions=len(view.rows), problems=dict(view.problems), note=reader.index.note
    )  # fmt: skip
