"""Writes the weights: a folder as transformers and vLLM load it, and one GGUF file for llama.cpp. All in float16."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from . import CONTEXT, GGUF, MODEL_NAME
from .network import Network, Shape
from .vocabulary import CHAT_TEMPLATE, END, PAD, SPECIAL, parts

_GGUF_NAMES = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "layers": "blk",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def export(network: Network, tokenizer: Any, folder: Path) -> None:
    """Write ``network`` and ``tokenizer`` into ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: tensor.detach().numpy() for name, tensor in network.named_parameters()}
    _write_hugging_face(arrays, network.shape, tokenizer, folder)
    _write_gguf(arrays, network.shape, tokenizer, folder / GGUF.name)


def _write_hugging_face(arrays: dict[str, Any], shape: Shape, tokenizer: Any, folder: Path) -> None:
    from safetensors.numpy import save_file

    halves = {f"model.{name}": array.astype(np.float16) for name, array in arrays.items()}
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it private
    tokenizer.save(str(folder / "tokenizer.json"))
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL}
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.inner_width,
        "hidden_act": "silu",
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.theta,
        "max_position_embeddings": CONTEXT,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "dtype": "float16",
        "bos_token_id": None,
        "eos_token_id": ids[END],
        "pad_token_id": ids[PAD],
    }
    tokens = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT,
        "bos_token": None,
        "eos_token": END,
        "pad_token": PAD,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    generation = {
        "do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
        "eos_token_id": ids[END], "pad_token_id": ids[PAD],
    }  # fmt: skip
    files = {"config.json": config, "tokenizer_config.json": tokens, "generation_config.json": generation}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_gguf(arrays: dict[str, Any], shape: Shape, tokenizer: Any, path: Path) -> None:
    import gguf

    writer = gguf.GGUFWriter(str(path), "qwen3")
    writer.add_name(MODEL_NAME)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner_width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_freq_base(shape.theta)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    tokens, merges = parts(tokenizer)
    added = {token.content: token.special for token in tokenizer.get_added_tokens_decoder().values()}
    kinds = {True: gguf.TokenType.CONTROL, False: gguf.TokenType.USER_DEFINED, None: gguf.TokenType.NORMAL}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds[added.get(token)] for token in tokens])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokenizer.token_to_id(END))
    writer.add_pad_token_id(tokenizer.token_to_id(PAD))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    writer.add_sampling_temp(1.0)  # without these, llama.cpp leaves out unlikely tokens: min_p is 0.05
    writer.add_sampling_top_p(1.0)
    writer.add_sampling_top_k(0)
    writer.add_sampling_min_p(0.0)
    for name, array in arrays.items():
        whole = array.ndim == 1  # llama.cpp keeps the norms in float32
        writer.add_tensor(gguf_name(name), array.astype(np.float32 if whole else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    """Return the name of a parameter of `Network` in a GGUF file, such as ``blk.0.attn_q.weight``."""
    kind, _, _ = name.rpartition(".")
    if kind.startswith("layers."):
        _, number, inner = kind.split(".", 2)
        return f"blk.{number}.{_GGUF_NAMES[inner]}.weight"
    return f"{_GGUF_NAMES[kind]}.weight"
