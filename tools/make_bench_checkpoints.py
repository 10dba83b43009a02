#!/usr/bin/env python3
"""Makes the random-weight checkpoints that braid's speed is measured with (docs/performance.md), in bfloat16:

    qwen3-0.6b           1.2 GB: 28 layers, hidden 1024, 16 heads, 8 KV heads, head_dim 128, FFN 3072, vocabulary 151936, tied
    qwen3-30b-a3b-4l     5.3 GB: 4 layers of hidden 2048, 32 heads, 4 KV heads, 128 experts, top 8, expert FFN 768,
                         vocabulary 32768
    qwen3-30b-a3b-4l-1kv 5.3 GB: the same with 1 KV head; not made by default

    tools/make_bench_checkpoints.py FOLDER [name ...]     # FOLDER/<name>/ ; the first two by default

Needs numpy. An existing checkpoint is left alone.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import sys
import time

import numpy as np

from safetensors_writer import write_safetensors
from seeded_weights import round_to_bfloat16, tensor_key
from train_byte_bpe import write_tokenizer

COMMON = {"hidden_act": "silu", "head_dim": 128, "max_position_embeddings": 40960, "rope_theta": 1000000.0,
          "rope_scaling": None, "rms_norm_eps": 1e-6, "attention_bias": False, "attention_dropout": 0.0,
          "use_sliding_window": False, "sliding_window": None, "initializer_range": 0.02, "use_cache": True,
          "torch_dtype": "bfloat16"}

CONFIGS = {
    "qwen3-0.6b": {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **COMMON, "hidden_size": 1024,
        "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
        "vocab_size": 151936, "tie_word_embeddings": True, "max_window_layers": 28},
    "qwen3-30b-a3b-4l": {
        "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", **COMMON, "hidden_size": 2048,
        "intermediate_size": 6144, "num_hidden_layers": 4, "num_attention_heads": 32, "num_key_value_heads": 4,
        "vocab_size": 32768, "tie_word_embeddings": False, "max_window_layers": 4, "num_experts": 128,
        "num_experts_per_tok": 8, "moe_intermediate_size": 768, "norm_topk_prob": True, "decoder_sparse_step": 1,
        "mlp_only_layers": []},
}

CONFIGS["qwen3-30b-a3b-4l-1kv"] = {**CONFIGS["qwen3-30b-a3b-4l"], "num_key_value_heads": 1}
DEFAULT_NAMES = ["qwen3-0.6b", "qwen3-30b-a3b-4l"]


def tensors_of(c):
    """[(name, shape)] in the order they are stored."""
    hidden, head_dim = c["hidden_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * head_dim, c["num_key_value_heads"] * head_dim
    out = [("model.embed_tokens.weight", [c["vocab_size"], hidden])]

    def feed_forward(prefix, size):
        out.extend([(f"{prefix}.gate_proj.weight", [size, hidden]), (f"{prefix}.up_proj.weight", [size, hidden]),
                    (f"{prefix}.down_proj.weight", [hidden, size])])

    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        out.extend([(f"{at}.input_layernorm.weight", [hidden]), (f"{at}.self_attn.q_proj.weight", [q, hidden]),
                    (f"{at}.self_attn.k_proj.weight", [kv, hidden]), (f"{at}.self_attn.v_proj.weight", [kv, hidden]),
                    (f"{at}.self_attn.o_proj.weight", [hidden, q]), (f"{at}.self_attn.q_norm.weight", [head_dim]),
                    (f"{at}.self_attn.k_norm.weight", [head_dim]),
                    (f"{at}.post_attention_layernorm.weight", [hidden])])
        if "num_experts" in c:
            out.append((f"{at}.mlp.gate.weight", [c["num_experts"], hidden]))
            for expert in range(c["num_experts"]):
                feed_forward(f"{at}.mlp.experts.{expert}", c["moe_intermediate_size"])
        else:
            feed_forward(f"{at}.mlp", c["intermediate_size"])
    out.append(("model.norm.weight", [hidden]))
    if not c["tie_word_embeddings"]:
        out.append(("lm_head.weight", [c["vocab_size"], hidden]))
    return out


def normal_table(std):
    """bfloat16 quantiles of a normal distribution, one for each 16 random bits: drawing a weight is one look-up."""
    inv_cdf = statistics.NormalDist(0.0, std).inv_cdf
    return round_to_bfloat16(np.array([inv_cdf((i + 0.5) / 65536) for i in range(65536)], dtype=np.float32))


def make_weights(config, path):
    tensors = tensors_of(config)
    table = normal_table(config["initializer_range"])
    shapes = dict(tensors)

    def make(name):
        if name.endswith("norm.weight"):
            return np.full(shapes[name], 0x3F80, dtype=np.uint16)  # 1.0
        return pieces(name, int(np.prod(shapes[name])))

    def pieces(name, left):
        rng = np.random.Generator(np.random.SFC64(int(tensor_key(1, name))))
        while left:
            count = min(left, 1 << 22)
            yield table[np.frombuffer(rng.bytes(2 * count), dtype=np.uint16)]
            left -= count

    return write_safetensors(path, [(name, "BF16", shape) for name, shape in tensors], make)


def make_checkpoint(name, folder):
    started = time.monotonic()
    config = dict(CONFIGS[name])
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    end_of_text, end_of_turn = write_tokenizer(unfinished, config["vocab_size"])
    config.update(bos_token_id=end_of_text, eos_token_id=end_of_turn)
    (unfinished / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    size = make_weights(config, unfinished / "model.safetensors")
    unfinished.rename(folder)
    print(f"{folder}: {size / 1e9:.2f} GB of weights in {time.monotonic() - started:.0f} s", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=DEFAULT_NAMES, help=", ".join(CONFIGS))
    args = parser.parse_args()
    for name in args.names:
        if name not in CONFIGS:
            parser.error(f"unknown checkpoint {name}; known are {', '.join(CONFIGS)}")
        if (args.folder / name).exists():
            print(f"{args.folder / name}: there already", file=sys.stderr)
        else:
            make_checkpoint(name, args.folder / name)


if __name__ == "__main__":
    main()
