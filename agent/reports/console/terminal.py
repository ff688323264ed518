"""The consoles that draw tables, sources and progress: they neutralise the texts in what they draw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from autotts.envs.plain_text import neutral

from .plain_stream import PlainStream


class TerminalConsole(Console):
    """A `rich` console that neutralises the texts in what it draws, and takes no markup from them.

    Args:
        stderr: whether to draw on standard error.
        width: columns; None for those of the terminal.
    """

    def __init__(self, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False)

    @property
    def file(self) -> IO[str]:
        """The stream: below a `PlainStream`, as the drawing itself needs control characters."""
        file = super().file
        return file.raw if isinstance(file, PlainStream) else file

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `rich.console.Console.render`."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(neutral(segment.text), segment.style)

    def render_str(self, text: str, **options: Any) -> Text:
        """See `rich.console.Console.render_str`: the text is made neutral before it is measured."""
        return super().render_str(neutral(text), **options)

    def drawing(self, text: str) -> None:
        """Print a text of ours that holds ANSI colours."""
        self.print(Text.from_ansi(text), highlight=False, soft_wrap=True)


def console() -> TerminalConsole:
    """Return the console for results; without a terminal it is 140 characters wide, for tables."""
    screen = TerminalConsole()
    return screen if screen.is_terminal else TerminalConsole(width=140)


def shows_colours() -> bool:
    """Return whether standard output shows colours: it is a terminal, and NO_COLOR is not set."""
    screen = TerminalConsole()
    return screen.is_terminal and not screen.no_color
