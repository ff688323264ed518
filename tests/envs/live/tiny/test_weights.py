"""The weights that ship: complete, small, and those that their card describes."""

from __future__ import annotations

import hashlib
import json
import re
import struct

import pytest

from autotts.envs.live.tiny import CONTEXT, GGUF, WEIGHTS

CARD = (WEIGHTS / "README.md").read_text(encoding="utf-8")


def test_weights_are_at_most_5_mb_and_complete() -> None:
    sizes = {path.name: path.stat().st_size for path in WEIGHTS.iterdir()}
    assert sum(sizes.values()) <= 5_000_000
    assert set(sizes) == {
        "README.md", "config.json", "generation_config.json", GGUF.name, "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "training.jsonl",
    }  # fmt: skip


@pytest.mark.parametrize("name", [GGUF.name, "model.safetensors"])
def test_card_names_the_hash_of_the_weights(name: str) -> None:
    assert f"`{hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest()}`" in CARD


def test_training_log_is_the_one_of_the_card() -> None:
    log = [json.loads(line) for line in (WEIGHTS / "training.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["step"] for row in log] == sorted({row["step"] for row in log})
    assert log[-1]["cpu_seconds"] < 15 * 60 and log[-1]["loss"] < log[0]["loss"]
    assert re.search(rf"\b{log[-1]['step']} steps\b", CARD) and f"{log[-1]['cpu_seconds']:.0f} seconds" in CARD


def test_settings_agree_with_the_weights() -> None:
    config = json.loads((WEIGHTS / "config.json").read_text(encoding="utf-8"))
    tokens = json.loads((WEIGHTS / "tokenizer.json").read_text(encoding="utf-8"))
    data = (WEIGHTS / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    tensors = json.loads(data[8 : 8 + size])
    shape = tensors["model.embed_tokens.weight"]["shape"]
    assert shape == [config["vocab_size"], config["hidden_size"]]
    ids = [*tokens["model"]["vocab"].values(), *(token["id"] for token in tokens["added_tokens"])]
    assert sorted(set(ids)) == list(range(config["vocab_size"]))
    assert config["max_position_embeddings"] == CONTEXT
    assert config["eos_token_id"] == next(t["id"] for t in tokens["added_tokens"] if t["content"] == "<|im_end|>")
    assert {tensor["dtype"] for name, tensor in tensors.items() if name != "__metadata__"} == {"F16"}
