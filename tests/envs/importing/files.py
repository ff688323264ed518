"""Makes files of Inspect, of lm-evaluation-harness and of data sets, modelled on real ones."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from autotts.envs.importing import importer
from autotts.envs.importing.options import ImportOptions
from autotts.envs.importing.report import ImportReport
from autotts.envs.store import Environment

LINE = {"question": "q", "gold_answer": "1", "final_answer": "1", "total_tokens": 900}
SHORT = "short question"
LONG = "a question so long that the log keeps it apart"


def read(*paths: Path, format: str = "auto", **options: Any) -> tuple[Environment | None, ImportReport]:
    """Import ``paths`` as ``a/b``."""
    return importer.read(paths, "a/b", format, ImportOptions(**options))


def imported(*paths: Path, format: str = "auto", **options: Any) -> Environment:
    """Import ``paths``, and check that nothing is skipped."""
    env, report = read(*paths, format=format, **options)
    assert env is not None and not report.skipped, report.lines()
    return env


def branches(env: Environment) -> list[tuple[str, list[tuple[str | None, int]]]]:
    """Return for each question its gold answer, and each branch's final answer and tokens."""
    words = (None, *env.vocabulary[1:])
    return [
        (
            env.vocabulary[env.gold[q]],
            [(words[env.final_answers[b]], int(env.total_tokens[b])) for b in env.branches(q)],
        )
        for q in range(len(env))
    ]


def jsonl(path: Path, *lines: Any) -> Path:
    """Write ``lines`` to a file: objects as JSON, bytes unchanged."""
    path.write_bytes(b"".join(x if isinstance(x, bytes) else json.dumps(x).encode() + b"\n" for x in lines))
    return path


def sample(id: int | str, epoch: int, answer: str | None, value: Any, tokens: int, **more: Any) -> dict[str, Any]:
    """Return a sample of an Inspect log."""
    return {
        "id": id,
        "epoch": epoch,
        "input": "attachment://26a6" if id == 2 else SHORT,
        "target": ["7", "seven"] if id == 2 else "4",
        "messages": [],
        "output": {"model": "mock/m", "choices": [], "completion": f"I say {answer}."},
        "scores": {"match": {"value": value, "answer": answer, "history": []}},
        "model_usage": {"mock/m": {"input_tokens": 5, "output_tokens": tokens, "total_tokens": tokens + 5}},
        "attachments": {"26a6": LONG},
        **more,
    }


SAMPLES = [
    sample("a", 1, "4", "C", 100),
    sample(2, 1, "seven", "C", 200),
    sample("a", 2, "5", "I", 110),
    sample(2, 2, "8", "I", 210),
    sample("a", 10, None, "I", 120),
    sample(2, 10, "7", "C", 220),
]
EVAL = {"eval_id": "E1", "run_id": "R", "task": "t", "model": "mock/m"}


def inspect_json(path: Path, samples: list[Any], **more: Any) -> Path:
    """Write a ``.json`` log."""
    path.write_text(json.dumps({"version": 2, "status": "success", "eval": EVAL, "samples": samples, **more}, indent=2))
    return path


def inspect_eval(path: Path, samples: list[Any], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an ``.eval`` log, its samples in the order in which they ended."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("_journal/start.json", "{}")
        for entry in samples:
            archive.writestr(f"samples/{entry['id']}_epoch_{entry['epoch']}.json", json.dumps(entry))
        archive.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": EVAL}))
    return path


def harness(doc: int, target: Any, texts: list[Any], filtered: Any, name: str = "none", **more: Any) -> dict[str, Any]:
    """Return a line of lm-evaluation-harness."""
    return {
        "doc_id": doc,
        "doc": {"question": f"what is {doc}?", "answer": f"#### {target}"},
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": f"Q: {doc}\nA:", "arg_1": {"until": ["\n\n"]}}},
        "resps": [texts],
        "filtered_resps": filtered,
        "filter": name,
        "metrics": ["exact_match"],
        "doc_hash": "00",
        **more,
    }
