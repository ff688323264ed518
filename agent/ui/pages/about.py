"""What every page shows at its head: what is looked at, and what cannot be read of it."""

from __future__ import annotations

from fastapi import APIRouter

from ..answers import PROBLEMS, Answer, At

router = APIRouter(prefix="/api", tags=["about"], responses=PROBLEMS)


class AboutAnswer(Answer):
    """What is looked at."""

    title: str
    versions: int
    problems: dict[str, str]
    """What is wrong with versions that cannot be read, by folder."""
    note: str
    """Why the index was not used, where it was not."""


@router.get("/about")
def about(reader: At) -> AboutAnswer:
    """What is looked at."""
    view = reader.view()
    return AboutAnswer(
        title=reader.title, versions=len(view.rows), problems=dict(view.problems), note=reader.index.note
    )  # fmt: skip
