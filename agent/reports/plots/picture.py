"""Common parts of all plots: the application's colours, one style on every machine, and reproducible files."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command
from autotts.envs.plain_text import plain
from autotts.envs.store import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")
COLOURS = Path(__file__).parents[2] / "ui" / "static" / "colours.css"
"""The application's colours; a colour has the same meaning here as there."""
MARKERS = "osDv^<>P"
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None}, ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}  # fmt: skip
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "autotts", "text.parse_math": False, "font.size": 9.0, "legend.fontsize": 8.0,
    "axes.titlesize": 10.0, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3,
}  # fmt: skip
_LONGEST_SIDE = 100.0
"""In inches."""


def ready(path: Path) -> None:
    """Check that a plot can be made at ``path``, before any work goes into it.

    Raises:
        InputError: the extra `plot` is missing, or the name does not end in one of `KINDS`.
    """
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path}: the name of a picture must end in {', '.join(KINDS)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError(f"plots need matplotlib: {install_command('plot')}") from None


def save(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """Write the picture that ``draw`` draws to ``path``, atomically.

    Args:
        path: ends in one of `KINDS`.
        size: width and height in inches.
        draw: draws on an empty figure.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer, kind = io.BytesIO(), path.suffix.lower()
    with style.context(["default", _STYLE]), warnings.catch_warnings():  # ignores the user's configured style
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name may be in any script
        figure = Figure(figsize=(min(size[0], _LONGEST_SIDE), min(size[1], _LONGEST_SIDE)), layout="constrained")
        draw(figure)
        figure.savefig(buffer, format=kind[1:], dpi=110, metadata=_METADATA[kind])
    write_atomically(path, buffer.getvalue())


@cache
def colours() -> dict[str, str]:
    """Return the colours of the light theme by name, as ``#rrggbb``."""
    light = COLOURS.read_text(encoding="utf-8").split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+): (#\w{6});", light))


def row(name: str) -> Sequence[str]:
    """Return the colours ``name``-1, ``name``-2, ... in order."""
    palette = colours()
    return [palette[f"{name}-{i}"] for i in range(1, len(palette)) if f"{name}-{i}" in palette]


def short(text: str, most: int = 40) -> str:
    """Return a text as one line of printable characters, cut at ``most`` characters."""
    text = plain(text)
    return text if len(text) <= most else text[: most - 1] + "…"
