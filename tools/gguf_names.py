"""GGUF's names and layouts of the tensors of transformers' models, for the families that braid runs. For those in
MODEL_TYPES it also makes a transformers model from a GGUF file."""

import math

import numpy as np

BLOCK_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp", "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp", "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
    "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.router": "ffn_gate_inp"}
# Architectures whose norm after attention, or before the experts, has a name of its own.
POST_ATTENTION_NORMS = ("olmo2", "glm4moe", "gpt-oss", "gemma2", "gemma3")
# Architectures whose stored norms include the 1 that transformers' model adds.
SHIFTED_NORMS = ("gemma2", "gemma3")
# Architectures whose query and key heads are stored with their halves interleaved.
INTERLEAVED = ("llama", "granite", "smollm3")
EXPERT_NAMES = {"w1": "ffn_gate_exps", "w2": "ffn_down_exps", "w3": "ffn_up_exps", "gate_proj": "ffn_gate_exps",
                "down_proj": "ffn_down_exps", "up_proj": "ffn_up_exps"}
OUTER_NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
               "lm_head.weight": "output.weight"}
MODEL_TYPES = {"llama": "llama", "qwen2": "qwen2", "qwen2moe": "qwen2_moe", "qwen3": "qwen3", "qwen3moe": "qwen3_moe"}


def gguf_name(name, arch):
    """(GGUF's name, expert or None) of transformers' tensor."""
    if name in OUTER_NAMES:
        return OUTER_NAMES[name], None
    _, _, layer, rest = name.split(".", 3)
    if rest == "mlp.gate.e_score_correction_bias":
        return f"blk.{layer}.exp_probs_b.bias", None
    if rest == "self_attn.sinks":
        return f"blk.{layer}.attn_sinks.weight", None
    stem, kind = rest.rsplit(".", 1)
    if stem == "post_attention_layernorm" and arch in POST_ATTENTION_NORMS:
        return f"blk.{layer}.post_attention_norm.{kind}", None
    if ".experts." in stem:
        expert, which = stem.split(".experts.")[1].split(".")
        return f"blk.{layer}.{EXPERT_NAMES[which]}.{kind}", int(expert)
    return f"blk.{layer}.{BLOCK_NAMES[stem]}.{kind}", None


def stacked_experts(name, *arrays):
    """gpt-oss's tensor of all experts as [(GGUF's name, view of each array as GGUF has it)]: gate and up separate,
    transposed."""
    _, _, layer, _, _, rest = name.split(".")
    product, is_bias = rest.removesuffix("_bias"), rest.endswith("_bias")
    kind = "bias" if is_bias else "weight"
    views = [a if is_bias else a.swapaxes(1, 2) for a in arrays]
    if product == "down_proj":
        return [(f"blk.{layer}.ffn_down_exps.{kind}", *views)]
    return [(f"blk.{layer}.ffn_{part}_exps.{kind}", *(v[:, first::2] for v in views))
            for part, first in (("gate", 0), ("up", 1))]


def permute(values, heads):
    """Rows of a query or key projection as llama's GGUF has them: of each head, halves interleaved."""
    return values.reshape(heads, 2, values.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def unpermute(values, heads):
    return values.reshape(heads, values.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)


def rope_factors(rope, head_dim):
    """What a llama-3 GGUF stores as rope_freqs.weight: each frequency is divided by its factor."""
    out = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / head_dim)
        turns = rope["original_max_position_embeddings"] / wavelength
        if turns > rope["high_freq_factor"]:
            out.append(1.0)
        elif turns < rope["low_freq_factor"]:
            out.append(rope["factor"])
        else:
            smooth = (turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            out.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def config_of(reader):
    """transformers' config, as a dict, of an open gguf.GGUFReader. Scaled rotary embeddings are refused."""
    def get(key, default=None):
        field = reader.fields.get(key)
        return default if field is None else field.contents()

    arch = get("general.architecture")
    names = {t.name for t in reader.tensors}
    if arch not in MODEL_TYPES or "rope_freqs.weight" in names or get(f"{arch}.rope.scaling.type", "none") != "none":
        raise SystemExit(f"architecture {arch} or its rotary embedding is not known to this script")
    heads = get(f"{arch}.attention.head_count")
    experts = get(f"{arch}.expert_count", 0)
    config = {
        "model_type": "mixtral" if arch == "llama" and experts else MODEL_TYPES[arch],
        "vocab_size": int(reader.get_tensor(0).shape[1]) if reader.get_tensor(0).name == "token_embd.weight"
        else len(get("tokenizer.ggml.tokens")),
        "hidden_size": get(f"{arch}.embedding_length"), "intermediate_size": get(f"{arch}.feed_forward_length"),
        "num_hidden_layers": get(f"{arch}.block_count"), "num_attention_heads": heads,
        "num_key_value_heads": get(f"{arch}.attention.head_count_kv", heads),
        "head_dim": get(f"{arch}.attention.key_length", get(f"{arch}.embedding_length") // heads),
        "max_position_embeddings": get(f"{arch}.context_length"),
        "rms_norm_eps": get(f"{arch}.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": get(f"{arch}.rope.freq_base", 10000.0)},
        "tie_word_embeddings": "output.weight" not in names, "attention_bias": "blk.0.attn_q.bias" in names,
        "eos_token_id": get("tokenizer.ggml.eos_token_id"), "bos_token_id": get("tokenizer.ggml.bos_token_id")}
    if experts:
        config.update(num_experts_per_tok=get(f"{arch}.expert_used_count"), norm_topk_prob=True)
        config["num_local_experts" if config["model_type"] == "mixtral" else "num_experts"] = experts
        if config["model_type"] == "qwen2_moe":
            config.update(norm_topk_prob=False,
                          shared_expert_intermediate_size=get(f"{arch}.expert_shared_feed_forward_length"))
        config["moe_intermediate_size"] = get(f"{arch}.expert_feed_forward_length", config["intermediate_size"])
    return config


def dequantised(reader, config):
    """{transformers' name: float32 array} of every tensor, experts apart."""
    import gguf
    block = {v: k for k, v in reversed(BLOCK_NAMES.items())}  # the first of several
    is_mixtral = config["model_type"] == "mixtral"
    if is_mixtral:
        block["ffn_gate_inp"] = "block_sparse_moe.gate"
    else:
        block["ffn_gate_inp"] = "mlp.gate"
    kinds = ("w1", "w2", "w3") if is_mixtral else ("gate_proj", "down_proj", "up_proj")
    expert = {EXPERT_NAMES[k]: k for k in kinds}
    outer = {v: k for k, v in OUTER_NAMES.items()}
    out = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape(tuple(int(d) for d in reversed(tensor.shape)))
        if tensor.name in outer:
            out[outer[tensor.name]] = values
            continue
        _, layer, stem, kind = tensor.name.split(".")
        at = f"model.layers.{layer}"
        if stem in expert:
            folder = "block_sparse_moe" if is_mixtral else "mlp"
            for i, one in enumerate(values):
                out[f"{at}.{folder}.experts.{i}.{expert[stem]}.{kind}"] = one
            continue
        if stem in ("attn_q", "attn_k") and config["model_type"] in ("llama", "mixtral"):
            values = unpermute(values, config["num_attention_heads" if stem == "attn_q" else "num_key_value_heads"])
        out[f"{at}.{block[stem]}.{kind}"] = values
    return out
