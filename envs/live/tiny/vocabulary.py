"""Makes the tokenizer of the tiny model: byte-level BPE with the pre-tokenizer of GPT-2, which llama.cpp knows too."""

from __future__ import annotations

import json
import random
from typing import Any

from .questions import PLACES, walk
from .teacher import Faults, Teacher

START, END, THINK, END_THINK, PAD = "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|endoftext|>"
SPECIAL = (PAD, START, END)
"""Tokens that never stand in a text of the model; `THINK` and `END_THINK` do."""
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] }}"
    "{% if not (loop.last and continue_final_message is defined and continue_final_message) %}"
    "{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML. The template does not open ``<think>``: the model writes it itself."""
SYSTEM = "You are a helpful assistant."
REQUEST = " Put the answer in \\boxed{}."
"""Texts that other programs add to a question. Some examples of the training have them."""


def prompt_text(question: str, system: str = "") -> str:
    """Return the text before an answer, as the chat template renders it."""
    before = f"{START}system\n{system}{END}\n" if system else ""
    return f"{before}{START}user\n{question}{END}\n{START}assistant\n"


def make_tokenizer() -> Any:
    """Return a `tokenizers.Tokenizer`, trained on texts of the teacher."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, min_frequency=20, show_progress=False, special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(_texts(), trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in (THINK, END_THINK)])
    return tokenizer


def _texts() -> list[str]:
    """Return texts in which each word of the model comes at least 20 times, and no two line ends in a row."""
    source = random.Random("texts of the tokenizer")
    teacher = Teacher(Faults(first_slip=0.2, slip=0.1))  # these texts stay: other texts give other tokens
    texts = []
    for _ in range(400):
        drawn = walk(source)
        thought = "".join(teacher.think(drawn, source).pieces)
        answer = source.randrange(PLACES)
        texts += [drawn.text + REQUEST, SYSTEM, "user", "assistant", "system", thought]
        texts.append(f"Final answer: \\boxed{{{answer}}}")
    return texts


def parts(tokenizer: Any) -> tuple[list[str], list[str]]:
    """Return all tokens by id, and the merges, as GGUF wants them."""
    model = json.loads(tokenizer.to_str())["model"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__), merges
