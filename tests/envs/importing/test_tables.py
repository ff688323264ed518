"""Tables, valid and damaged."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from autotts.envs.dotted_paths import find
from autotts.envs.errors import InputError
from autotts.envs.importing.options import Lengths
from autotts.envs.importing.rows import parse_map

from .files import branches, imported, jsonl, read

HEAD = "question,gold_answer,final_answer,total_tokens\n"


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_cells_are_read_as_they_are_meant(tmp_path: Path) -> None:
    rows = 'q,007,007,"1,210"\n\n"a, ""b""\nc",1, 1 ,12.0\nq,007,,5\n'
    env = imported(table(tmp_path / "x.csv", HEAD + rows))
    assert branches(env) == [("007", [("007", 1210), (None, 5)]), ("1", [("1", 12)])]
    assert env.questions == ("q", 'a, "b"\nc')
    text = "Question\tGold-Answer\tFinal  answer\tTotal tokens\tCorrect\nq\t1\tone\t7\tYES\nq\t1\ttwo\t7\tfalse\n"
    assert branches(imported(table(tmp_path / "x.tsv", text))) == [("1", [("1", 7), ("two", 7)])]


def test_a_column_with_a_star_makes_a_branch_of_each_column(tmp_path: Path) -> None:
    names = [f"s{i}" for i in (10, 1, 2)]
    path = table(tmp_path / "x.csv", f"q,g,{','.join(names)}\nq,1,a,b,c\nr,1,d,,\n")
    mapping = parse_map(["question=q", "gold_answer=g", "final_answer=s*"])
    env, report = read(path, mapping=mapping, lengths=Lengths(each=100))
    assert env is not None and branches(env) == [("1", [("b", 100), ("c", 100), ("a", 100)]), ("1", [("d", 100)])]
    assert any("2 branches with empty cells" in note for note in report.notes) and not report.skipped
    assert any("each counts 100 tokens" in note for note in report.notes)
    assert find({"a_2_b": 1, "a_b": 2, "a__b": 3}, "a_*_b") == [1, 3] and find({"a": 1}, "b*") is None
    assert find({"a1": {"t": 1}, "a2": {}}, "a*.t") == [1, None]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "there are no rows"),
        (HEAD.encode(), "there are no rows"),
        (HEAD.encode() + b"q,1,1\n", "no total_tokens"),
        (HEAD.encode() + b"q,1,1,x\n", "total_tokens must be a whole number, but is text"),
        (HEAD.encode() + b"q,1,#N/A,5\n", "final_answer is an error of the spreadsheet"),
        (HEAD.encode() + b"q,1,1,5,6\n", "more cells than the header has columns"),
    ],
)
def test_rows_that_cannot_be_used_are_skipped(tmp_path: Path, content: bytes, why: str) -> None:
    env, report = read(jsonl(tmp_path / "x.csv", content))
    assert env is None and why in report.first()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.csv", b"a,a\n1,2\n", "two columns are called 'a'"),
        ("x.csv", b"a,b\n\xff,2\n", "not UTF-8; save it as `CSV UTF-8`"),
        ("x.csv", b'a,b\n"x"y,2\n', "line 2: not CSV"),
        ("X.XLSX", b"nothing", "not a workbook that can be read"),
        ("X.XLS", b"", "save the spreadsheet as .xlsx or .csv"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    pytest.importorskip("openpyxl")
    with pytest.raises(InputError, match=why):
        read(jsonl(tmp_path / name, content))


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openpyxl")
    from autotts.envs.importing import tables

    monkeypatch.setattr(tables, "MAX_WORKBOOK_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (2 << 20))
    with pytest.raises(InputError, match="more than 1 MiB unpacked; save it as CSV"):
        read(tmp_path / "x.xlsx")


def test_a_sheet_is_for_workbooks_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--sheet is for workbooks"):
        read(table(tmp_path / "x.csv", HEAD), sheet="a")
