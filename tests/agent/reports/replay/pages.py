"""Parsers of report pages: their tables, cell by cell."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta"}
Table = list[list[str]]


class Page(HTMLParser):
    """Parses a page: tables by title, every tag with its attributes, and whether all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, Table] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.open: list[str] = []
        self._title, self._cell = "", None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self._title = ""
        elif tag == "tr":
            self.tables.setdefault(self._title, []).append([])
        elif tag in ("td", "th"):
            self.tables[self._title][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "h2" in self.open:
            self._title += data
        if self.open and ("td" in self.open or "th" in self.open):
            self.tables[self._title][-1][-1] += data
        for tag in self.open[-1:]:
            self.text[tag] = self.text.get(tag, "") + data


def markdown(text: str) -> dict[str, Table]:
    """Return the tables of a Markdown page by title."""
    tables: dict[str, Table] = {}
    title = ""
    for line in text.splitlines():
        if line.startswith("## "):
            title = _plain(line[3:])
        elif line.startswith("|") and not re.fullmatch(r"[| :-]+", line):
            tables.setdefault(title, []).append([_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return tables


def _plain(text: str) -> str:
    text = re.sub(r"\\(.)", r"\1", text.strip())
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
