"""The header of every page: the archive that is shown, and its unreadable versions."""

from __future__ import annotations

from fastapi import APIRouter

from ..answers import PROBLEMS, Answer, At

router = APIRouter(prefix="/api", tags=["about"], responses=PROBLEMS)

_EMPTY_RUN = (
    "The run has no version yet. The page follows it as soon as the baselines have been evaluated. If the run was "
    "stopped before that, the command autotts resume continues it."
)
_EMPTY_ARCHIVE = (
    "Name the directory of a run (autotts ui --run DIR) or of an archive with versions, or look at one that ships with "
    "the program: autotts ui --archive shipped:explorer."
)


class AboutAnswer(Answer):
    """The archive that is shown, and its unreadable versions."""

    title: str
    versions: int
    problems: dict[str, str]
    """Errors of versions that cannot be read, by folder."""
    empty: str
    """What to do while there is no version; empty if there is one."""
    note: str
    """Why the index was not used; empty if it was."""


@router.get("/about")
def about(reader: At) -> AboutAnswer:
    """The header of every page."""
    view = reader.view()
    versions = view.overview.versions
    return AboutAnswer(
        title=reader.title, versions=versions, problems=dict(view.problems), note=reader.index.note,
        empty="" if versions else _EMPTY_RUN if reader.run else f"{reader.root} has no version. {_EMPTY_ARCHIVE}",
    )  # fmt: skip
