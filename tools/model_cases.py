"""The tiny checkpoints that braid's models are held to transformers with: one for each option of each family.

A case is a config.json as checkpoints have it (classic keys, or transformers 5's rope_parameters; keys left out where
their default is what is tested) and how its tensors are stored.
"""

from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    config: dict
    stored: str  # dtype of the tensors: BF16, F16 or F32
    # Further stored tensors that a loader must ignore: (name, shape, same_as).
    extra: list = field(default_factory=list)
    # Of the embedding's values. At 0.003 the first norm sees squares near 1e-5, so that its epsilon matters.
    embedding_scale: float = 1.0


def _config(architecture, model_type, **keys):
    return {"architectures": [architecture], "model_type": model_type, "hidden_act": "silu", **keys}


def qwen3(**keys):
    return _config("Qwen3ForCausalLM", "qwen3", **keys)


def llama(**keys):
    return _config("LlamaForCausalLM", "llama", **keys)


def qwen3_moe(**keys):
    return _config("Qwen3MoeForCausalLM", "qwen3_moe", **keys)


def mixtral(**keys):
    return _config("MixtralForCausalLM", "mixtral", **keys)


def _sizes(vocab, hidden, ffn, layers, heads, kv_heads=None, head_dim=None):
    keys = {"vocab_size": vocab, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
            "num_attention_heads": heads, "max_position_embeddings": 512}
    if kv_heads is not None:
        keys["num_key_value_heads"] = kv_heads
    if head_dim is not None:
        keys["head_dim"] = head_dim
    return keys


def _llama3(**keys):
    return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, **keys}


CASES = [
    # --- Qwen3ForCausalLM
    Case("qwen3_tied", stored="BF16",
         config=qwen3(**_sizes(200, 64, 96, 2, 4, 2, 32), tie_word_embeddings=True, rope_theta=1000000.0,
                      rms_norm_eps=1e-6, attention_bias=False, rope_scaling=None, use_sliding_window=False,
                      sliding_window=None, max_window_layers=2, torch_dtype="bfloat16", bos_token_id=1,
                      eos_token_id=2),
         extra=[("lm_head.weight", [200, 64], "model.embed_tokens.weight"),
                ("model.layers.2.input_layernorm.weight", [64], None)]),
    Case("qwen3_odd_sizes", stored="F32",
         config=qwen3(**_sizes(173, 72, 100, 3, 3, 1, 24), tie_word_embeddings=False, attention_bias=True,
                      rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 50000.0},
                      use_sliding_window=False, sliding_window=4096, max_window_layers=28,
                      layer_types=["full_attention"] * 3, dtype="float32", bos_token_id=None, eos_token_id=[2, 3])),
    Case("qwen3_linear_rope", stored="F16",
         config=qwen3(**_sizes(160, 48, 80, 2, 8, 1, 16), rope_theta=10000.0,
                      rope_scaling={"type": "linear", "factor": 4.0}, rms_norm_eps=1e-6, torch_dtype="float16")),
    Case("qwen3_llama3_rope", stored="BF16",
         config=qwen3(**_sizes(168, 64, 112, 2, 4, 4, 64), rope_parameters=_llama3(rope_theta=100000.0),
                      dtype="bfloat16")),
    Case("qwen3_absent_keys", stored="BF16", embedding_scale=0.003,  # head_dim 128, theta 10 000, eps 1e-6, untied, no bias by default
         config=qwen3(**_sizes(160, 64, 64, 1, 2, 2))),
    # Windows that the prompts outgrow several times: by layer_types, and in the upper layers.
    Case("qwen3_layer_types", stored="F32",
         config=qwen3(**_sizes(280, 64, 96, 3, 4, 2, 16), use_sliding_window=True, sliding_window=24,
                      layer_types=["sliding_attention", "full_attention", "sliding_attention"], dtype="float32")),
    Case("qwen3_upper_windows", stored="BF16",
         config=qwen3(**_sizes(160, 48, 64, 2, 2, 1, 24), use_sliding_window=True, sliding_window=50,
                      max_window_layers=1, torch_dtype="bfloat16")),
    # --- LlamaForCausalLM
    Case("llama_multi_head", stored="F16",  # as many KV heads as heads, head_dim hidden / heads, by default
         config=llama(**_sizes(192, 64, 88, 2, 4), rms_norm_eps=1e-5, torch_dtype="float16", bos_token_id=1,
                      eos_token_id=2, pretraining_tp=1),
         extra=[("model.layers.0.self_attn.rotary_emb.inv_freq", [8], None)]),
    Case("llama_llama3_rope", stored="BF16",
         config=llama(**_sizes(176, 128, 160, 2, 4, 2), tie_word_embeddings=True, rope_theta=500000.0,
                      rope_scaling=_llama3(), rms_norm_eps=1e-5, attention_bias=False, mlp_bias=False,
                      torch_dtype="bfloat16", bos_token_id=1, eos_token_id=[2, 5])),
    Case("llama_biases", stored="F32", embedding_scale=0.003,  # eps 1e-6 by default
         config=llama(**_sizes(165, 72, 100, 2, 4, 2, 24), attention_bias=True, mlp_bias=True,
                      rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0},
                      dtype="float32")),
    Case("llama_grouped_9_to_3", stored="BF16",  # SmolLM2-135M's ratio
         config=llama(**_sizes(180, 72, 192, 3, 9, 3), tie_word_embeddings=True, rms_norm_eps=1e-5,
                      rope_parameters={"rope_theta": 100000.0, "rope_type": "default"}, dtype="bfloat16")),
    # --- Qwen3MoeForCausalLM
    Case("qwen3_moe_normalized", stored="BF16",
         config=qwen3_moe(**_sizes(280, 64, 96, 2, 4, 2, 32), moe_intermediate_size=48, num_experts=16,
                          num_experts_per_tok=4, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[],
                          rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False, attention_bias=False,
                          rope_scaling=None, sliding_window=None, use_sliding_window=False, max_window_layers=2,
                          output_router_logits=False, router_aux_loss_coef=0.001, torch_dtype="bfloat16")),
    Case("qwen3_moe_some_dense", stored="F32",  # layers 1 and 3 are sparse by their step, 3 is dense by the list
         config=qwen3_moe(**_sizes(161, 72, 100, 4, 3, 1, 24), moe_intermediate_size=40, num_experts=10,
                          num_experts_per_tok=3, norm_topk_prob=False, decoder_sparse_step=2, mlp_only_layers=[3],
                          rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, attention_bias=True,
                          rms_norm_eps=1e-6, tie_word_embeddings=True, dtype="float32")),
    # norm_topk_prob false, every layer sparse, head_dim hidden / heads, untied, eps 1e-6
    Case("qwen3_moe_absent_keys", stored="F16", embedding_scale=0.003,
         config=qwen3_moe(**_sizes(168, 64, 96, 2, 4, 2), moe_intermediate_size=56, num_experts=6,
                          num_experts_per_tok=2,
                          rope_scaling={"rope_type": "linear", "factor": 2.0})),
    # --- MixtralForCausalLM
    Case("mixtral_plain", stored="BF16",
         config=mixtral(**_sizes(184, 64, 96, 2, 4, 2), num_local_experts=8, num_experts_per_tok=2,
                        rope_theta=1000000.0, rms_norm_eps=1e-5, sliding_window=None, tie_word_embeddings=False,
                        output_router_logits=False, router_aux_loss_coef=0.02, torch_dtype="bfloat16", bos_token_id=1,
                        eos_token_id=2)),
    Case("mixtral_odd_sizes", stored="F32", embedding_scale=0.003,  # theta 1 000 000 and eps 1e-5 by default
         config=mixtral(**_sizes(171, 72, 100, 2, 6, 2, 24), num_local_experts=5, num_experts_per_tok=3,
                        dtype="float32")),
    Case("mixtral_window", stored="BF16",
         config=mixtral(**_sizes(160, 48, 64, 2, 4, 2, 16), num_local_experts=4, num_experts_per_tok=2,
                        sliding_window=33, torch_dtype="bfloat16")),
    Case("mixtral_top_1", stored="F16",
         config=mixtral(**_sizes(160, 48, 72, 2, 4, 1, 16), num_local_experts=4, num_experts_per_tok=1,
                        rope_parameters=_llama3(rope_theta=10000.0), tie_word_embeddings=True, dtype="float16")),
]


def tensors_of(case):
    """[(name, shape, scale, offset, same_as)] of the checkpoint, in the order they are stored."""
    c = case.config
    hidden, ffn, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
    is_qwen = c["model_type"].startswith("qwen3")
    kv_heads = c.get("num_key_value_heads", heads)
    head_dim = c.get("head_dim", 128 if c["model_type"] == "qwen3" else hidden // heads)
    out = []

    def matrix(name, rows, cols, gain=1.0, bias=False):
        out.append((name + ".weight", [rows, cols], gain / cols**0.5, 0.0, None))
        if bias:
            out.append((name + ".bias", [rows], 0.2, 0.0, None))

    def norm(name, size, around=1.0):
        out.append((name + ".weight", [size], 0.1 * around, around, None))

    def feed_forward(prefix, size, names=("gate_proj", "up_proj", "down_proj"), bias=False):
        matrix(f"{prefix}.{names[0]}", size, hidden, bias=bias)
        matrix(f"{prefix}.{names[1]}", size, hidden, bias=bias)
        matrix(f"{prefix}.{names[2]}", hidden, size, gain=2.0, bias=bias)

    matrix("model.embed_tokens", c["vocab_size"], hidden, gain=case.embedding_scale * hidden**0.5)
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        norm(f"{at}.input_layernorm", hidden)
        attention_bias = c.get("attention_bias", False)
        # Queries and keys large enough that attention is far from uniform.
        matrix(f"{at}.self_attn.q_proj", heads * head_dim, hidden, gain=1.0 if is_qwen else 1.4, bias=attention_bias)
        matrix(f"{at}.self_attn.k_proj", kv_heads * head_dim, hidden, gain=1.0 if is_qwen else 1.4,
               bias=attention_bias)
        matrix(f"{at}.self_attn.v_proj", kv_heads * head_dim, hidden, bias=attention_bias)
        matrix(f"{at}.self_attn.o_proj", hidden, heads * head_dim, gain=2.0, bias=attention_bias)
        if is_qwen:
            norm(f"{at}.self_attn.q_norm", head_dim, around=1.4)
            norm(f"{at}.self_attn.k_norm", head_dim, around=1.4)
        norm(f"{at}.post_attention_layernorm", hidden)
        if c["model_type"] == "mixtral":
            matrix(f"{at}.block_sparse_moe.gate", c["num_local_experts"], hidden, gain=1.5)
            for expert in range(c["num_local_experts"]):
                feed_forward(f"{at}.block_sparse_moe.experts.{expert}", ffn, ("w1", "w3", "w2"))
        elif c["model_type"] == "qwen3_moe" and _is_sparse(c, layer):
            matrix(f"{at}.mlp.gate", c["num_experts"], hidden, gain=1.5)
            for expert in range(c["num_experts"]):
                feed_forward(f"{at}.mlp.experts.{expert}", c["moe_intermediate_size"])
        else:
            feed_forward(f"{at}.mlp", ffn, bias=c.get("mlp_bias", False))
    norm("model.norm", hidden)
    if not c.get("tie_word_embeddings", False):
        matrix("lm_head", c["vocab_size"], hidden, gain=2.0)
    for name, shape, same_as in case.extra:
        out.append((name, shape, 1.0, 0.0, same_as))
    if c.get("tie_word_embeddings", False):  # the same numbers are the head: keep logits near 2
        name, shape, scale, offset, same_as = out[0]
        out[0] = (name, shape, 2.0 / hidden**0.5, offset, same_as)
    return out


def _is_sparse(c, layer):
    return layer not in c.get("mlp_only_layers", []) and (layer + 1) % c.get("decoder_sparse_step", 1) == 0
