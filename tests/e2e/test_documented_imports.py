"""Runs every import that docs/data.md shows, on files that the tools of its formats wrote, and checks the figures."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from tests.envs.importing.test_confidences import deepconf_file, deepconf_trace, mars_traces, parquet

SAMPLES = Path(__file__).parents[1] / "envs/importing/samples"
DOCS = Path(__file__).parents[2] / "docs/data.md"
FILES = {
    "logs/a.eval": "inspect/match.eval",
    "whole-texts/a.eval": "inspect/includes.eval",
    "output.jsonl": "batches/openai.jsonl",
    "output-n2.jsonl": "batches/openai-n2.jsonl",
    "vllm.jsonl": "batches/vllm.jsonl",
    "requests.jsonl": "batches/requests.jsonl",
    "gold.jsonl": "batches/gold.jsonl",
    "gold.csv": "batches/gold.csv",
    "runs.csv": "spreadsheets/rows.csv",
    "wide.csv": "spreadsheets/columns.csv",
    "runs.xlsx": "spreadsheets/two-sheets.xlsx",
}
"""The files of the documented commands, and the samples that stand for them."""
RIGHT = {
    "math/mine": (4, 3),
    "mixed/mine": (4, 3),
    "gsm8k/joined": (20, 11),
    "gsm8k/inspect": (20, 11),
    "gsm8k/includes": (20, 11),
    "gsm8k/model": (10, 6),
    "gsm8k/strict": (10, 4),
    "gsm8k/extracted": (10, 4),
    "gsm8k/repeats": (20, 11),
    "sums/batch": (20, 11),
    "sums/ids": (20, 11),
    "sums/shared": (20, 11),
    "sums/vllm": (20, 11),
    "sums/rows": (20, 11),
    "sums/columns": (20, 11),
    "sums/sheet": (20, 11),
    "math/r1": (20, 11),
    "aime25/DeepSeek-8B": (3, 2),
    "brumo25/DeepSeek-8B": (3, 2),
}
"""For each name that the page gives to an environment, its branches, and how many of them are right."""


def commands() -> Iterator[list[str]]:
    """Yield the arguments of each documented import."""
    for _, block in re.findall(r"^```(\w*)\n(.*?)^```$", DOCS.read_text(), re.S | re.M):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("autotts env import"):
                yield shlex.split(line)[1:]


COMMANDS = {words[words.index("--name") + 1]: words for words in commands()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with the files of the documented commands."""
    for name, sample in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / sample, tmp_path / name)
    shutil.copytree(SAMPLES / "datasets/saved", tmp_path / "openr1")
    for run in ("run1", "run2"):
        for file in (SAMPLES / "lm-eval" / run).glob("samples_*"):
            shutil.copy(file, tmp_path / file.name.replace("toy_", ""))
    (tmp_path / "alone").mkdir()
    for file in (SAMPLES / "lm-eval/repeats").glob("samples_*"):
        shutil.copy(file, tmp_path / "alone" / file.name.replace("toy_", ""))
    generations = [{"answer": answer, "usage": {"output": 5}} for answer in ("4", "4", "5", "4")]
    row = {"problem": "2 + 2?", "answer": "4", "generations": generations}
    (tmp_path / "generations.jsonl").write_text(json.dumps(row))
    with (tmp_path / "gens.jsonl").open("w") as file:
        for q, gold, text in ((1, "4", r"\boxed{4}"), (1, "4", r"\boxed{5}"), (2, "B", "(B)"), (2, "B", "answer is B")):
            names = {"prompt_id": f"p{q}", "prompt": f"{q}?", "response": text, "reference": gold}
            file.write(json.dumps(names | {"num_completion_tokens": 5}) + "\n")
    with (tmp_path / "answers.jsonl").open("w") as file:
        for line in map(json.loads, (SAMPLES / "batches/openai.jsonl").read_text().splitlines()):
            said = line["response"]["body"]["choices"][0]["message"]["content"]
            found = re.search(r"So it is (.*)\.$", said)
            branch = {"question_id": line["custom_id"], "final_answer": found and found[1], "total_tokens": 5}
            file.write(json.dumps(branch) + "\n")
    parquet(tmp_path / "traces.parquet", mars_traces()[:3])
    gold = ({"question": "2+2?", "answer": "4"}, {"question": "3+4?", "answer": "7"})
    (tmp_path / "aime25.jsonl").write_text("".join(json.dumps(row) + "\n" for row in gold))
    (tmp_path / "run").mkdir()
    traces = [deepconf_trace("4", 5000), deepconf_trace("5", 3000), deepconf_trace("4", 2500)]
    deepconf_file(tmp_path / "run/q3.pkl", all_traces=traces)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_the_commands_that_are_tried() -> None:
    assert set(COMMANDS) == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_documented_import_gives_the_right_figures(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra in ("zipfile_zstd", "openpyxl", "pyarrow"):
        pytest.importorskip(extra)
    words = [
        match
        for word in COMMANDS[name]
        for match in (sorted(str(path.relative_to(home)) for path in home.glob(word)) if "*" in word else []) or [word]
    ]
    assert main([*words, "--strict"]) == 0, capsys.readouterr()
    assert "warning" not in capsys.readouterr().out
    env = store.load(catalogue.path_of(home / "data", name))
    right = env.final_answers == np.repeat(env.gold, np.diff(env.branch_offsets))
    assert (len(right), int(right.sum())) == RIGHT[name]
