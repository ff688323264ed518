"""`autotts docs`: lists and prints the pages of the documentation, which the wheel holds too."""

from __future__ import annotations

import argparse
from pathlib import Path

from autotts.envs.errors import InputError

from . import options
from .options import Commands

HOME = Path(__file__).parents[2] / "docs"


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "docs", docs, "list the pages of the documentation, or print one", "autotts docs data",
        prints_data=True,
    )
    command.add_argument("page", nargs="?", metavar="PAGE", help="name of a page (default: list the pages)")


def docs(args: argparse.Namespace) -> int:
    """Print the list of pages, or one page: rendered on a terminal, as Markdown into a file or a pipe."""
    from rich.markdown import Markdown

    from ..reports.console.terminal import console

    pages = {path.relative_to(HOME).with_suffix("").as_posix(): path for path in sorted(HOME.rglob("*.md"))}
    if args.page is None:
        width = max(map(len, pages))
        for name, path in pages.items():
            print(f"{name:{width}}  {path.read_text(encoding='utf-8').partition(chr(10))[0].removeprefix('# ')}")
        print(f"`autotts docs PAGE` prints a page. The files lie in {HOME}")
        return 0
    name = args.page.removeprefix("docs/").removesuffix(".md")
    if name not in pages:  # the last part is enough if it is the only one
        ending = [page for page in pages if page.endswith(f"/{name}")]
        name = ending[0] if len(ending) == 1 else name
    if name not in pages:
        raise InputError(f"no page {args.page!r}: there are {', '.join(pages)}")
    text = pages[name].read_text(encoding="utf-8")
    screen = console()
    if screen.is_terminal:
        screen.print(Markdown(text, hyperlinks=False))  # a link's escape sequence could be anybody's
    else:
        print(text, end="")
    return 0
