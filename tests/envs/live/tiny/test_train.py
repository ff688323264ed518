"""The training of the tiny model. Skipped without PyTorch, a wheel of 200 MB that the tests do not install."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

from autotts.envs.live.tiny import GGUF, PROBE_SUFFIX, WEIGHTS
from autotts.envs.live.tiny.examples import ExampleMaker, Stage
from autotts.envs.live.tiny.server import TinyServer
from autotts.envs.live.tiny.teacher import Teacher
from autotts.envs.live.tiny.train import rate_share, train
from autotts.envs.live.tiny.vocabulary import make_tokenizer


@pytest.mark.slow
def test_training_writes_weights_that_the_server_loads(tmp_path: Path) -> None:
    log = train(tmp_path, steps=2)
    assert log[-1]["step"] == 2 and 5 < log[-1]["loss"] < 7
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in WEIGHTS.iterdir()} - {"README.md"}
    with TinyServer(tmp_path / GGUF.name, parallel=1) as server:
        assert server.model == GGUF.stem
    assert json.loads((tmp_path / "training.jsonl").read_text(encoding="utf-8").splitlines()[-1]) == log[-1]
    for name in ("tokenizer.json", "config.json", "tokenizer_config.json", "generation_config.json"):
        assert (tmp_path / name).read_bytes() == (WEIGHTS / name).read_bytes(), f"{name} of the weights is another"


@pytest.mark.slow
def test_examples_are_tokens_of_whole_texts_and_a_cut_teaches_no_stop() -> None:
    tokenizer = make_tokenizer()
    maker, stage = ExampleMaker(tokenizer, random.Random(1)), Stage.at(1.0)
    teacher = Teacher(stage.faults, stage.passes)
    suffix = tokenizer.encode(PROBE_SUFFIX).ids
    whole = cut = 0
    for _ in range(100):
        example = maker.example(stage, teacher)
        assert len(example.tokens) == len(example.weights)
        text = tokenizer.decode(example.tokens, skip_special_tokens=False)
        assert text.count("</think>") == 1 and text.endswith("}<|im_end|>")
        at = next(i for i in range(len(example.tokens)) if example.tokens[i : i + len(suffix)] == suffix)
        if example.weights[at] == 0.0:
            assert example.weights[at : at + len(suffix)] == [0.0] * len(suffix)
            cut += 1
        else:
            assert tokenizer.encode(text).ids == example.tokens
            whole += 1
    assert whole > 30 and cut > 20


def test_stages_grow_and_the_rate_falls() -> None:
    first, last = Stage.at(0.0), Stage.at(1.0)
    assert (first.longest, first.passes, first.faults.slip) == (3, 2, 0.0)
    assert (last.shortest, last.longest, last.passes, last.faults.slip) == (5, 12, 9, 0.08)
    assert rate_share(0, 1000) < rate_share(999, 1000) < rate_share(300, 1000) == 1.0
