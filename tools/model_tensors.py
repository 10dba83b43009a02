"""The tensors of the tiny checkpoints that model_cases.py describes, and the scales of their values."""

import math

from model_configs import text_config


def tensors_of(case):
    """[(name, shape, scale, offset, same_as)] of the checkpoint, in the order they are stored. If the scale is a range:
    bytes within it."""
    c = text_config(case.config)
    kind = c["model_type"]
    is_gemma = kind.startswith("gemma")
    hidden, ffn, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
    has_head_norms = kind.startswith(("qwen3", "gemma3")) or c.get("use_qk_norm", False)
    qkv_bias = c.get("qkv_bias", True) if kind.startswith("qwen2") else c.get("attention_bias", kind == "gpt_oss")
    output_bias = c.get("attention_bias", kind == "gpt_oss") and kind != "glm4_moe"
    is_tied = case.config.get("tie_word_embeddings", c.get("tie_word_embeddings") and kind.startswith("qwen2")) \
        if "vision_config" in case.config and not is_gemma else c.get("tie_word_embeddings", kind == "smollm3" or is_gemma)
    kv_heads = c.get("num_key_value_heads", 8 if kind in ("mistral", "gpt_oss") else 4 if is_gemma else heads) or heads
    head_dim = c.get("head_dim", {"qwen3": 128, "gpt_oss": 64}.get(kind, 256 if is_gemma else hidden // heads))
    out = []

    def matrix(name, rows, cols, gain=1.0, bias=False):
        out.append((name + ".weight", [rows, cols], gain / cols**0.5, 0.0, None))
        if bias:
            out.append((name + ".bias", [rows], 0.2, 0.0, None))

    def norm(name, size, around=1.0):
        out.append((name + ".weight", [size], 0.1 * around, around - 1.0 if is_gemma else around, None))

    def feed_forward(prefix, size, names=("gate_proj", "up_proj", "down_proj"), bias=False):
        matrix(f"{prefix}.{names[0]}", size, hidden, bias=bias)
        matrix(f"{prefix}.{names[1]}", size, hidden, bias=bias)
        matrix(f"{prefix}.{names[2]}", hidden, size, gain=2.0, bias=bias)

    # Gemma multiplies the embedding by sqrt(hidden) itself.
    matrix("model.embed_tokens", c["vocab_size"], hidden, gain=case.embedding_scale * (1 if is_gemma else hidden**0.5))
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        if kind != "olmo2":
            norm(f"{at}.input_layernorm", hidden)
        # Queries and keys large enough that attention is far from uniform.
        qk_gain = 1.0 if has_head_norms or kind == "olmo2" else 1.4
        if kind == "phi3":
            matrix(f"{at}.self_attn.qkv_proj", (heads + 2 * kv_heads) * head_dim, hidden, gain=qk_gain)
        else:
            matrix(f"{at}.self_attn.q_proj", heads * head_dim, hidden, gain=qk_gain, bias=qkv_bias)
            matrix(f"{at}.self_attn.k_proj", kv_heads * head_dim, hidden, gain=qk_gain, bias=qkv_bias)
            matrix(f"{at}.self_attn.v_proj", kv_heads * head_dim, hidden, bias=qkv_bias)
        matrix(f"{at}.self_attn.o_proj", hidden, heads * head_dim, gain=2.0, bias=output_bias)
        if has_head_norms:
            norm(f"{at}.self_attn.q_norm", head_dim, around=1.4)
            norm(f"{at}.self_attn.k_norm", head_dim, around=1.4)
        if kind == "olmo2":
            norm(f"{at}.self_attn.q_norm", heads * head_dim, around=1.4)
            norm(f"{at}.self_attn.k_norm", kv_heads * head_dim, around=1.4)
        if kind == "gpt_oss":
            out.append((f"{at}.self_attn.sinks", [heads], 1.5, 0.5, None))
        after_block = 2.0 if is_gemma else 1.0  # so that the blocks outweigh the embedding
        norm(f"{at}.post_attention_layernorm", hidden, around=after_block)
        if is_gemma:
            norm(f"{at}.pre_feedforward_layernorm", hidden)
        if kind == "olmo2" or is_gemma:
            norm(f"{at}.post_feedforward_layernorm", hidden, around=after_block)
        if kind == "mixtral":
            matrix(f"{at}.block_sparse_moe.gate", c["num_local_experts"], hidden, gain=1.5)
            for expert in range(c["num_local_experts"]):
                feed_forward(f"{at}.block_sparse_moe.experts.{expert}", ffn, ("w1", "w3", "w2"))
        elif kind == "qwen3_vl_moe_text" and _is_sparse(c, layer):
            matrix(f"{at}.mlp.gate", c["num_experts"], hidden, gain=1.5)
            sizes = [c["num_experts"], hidden, c["moe_intermediate_size"]]
            out.append((f"{at}.mlp.experts.gate_up_proj", [sizes[0], hidden, 2 * sizes[2]], hidden**-0.5, 0.0, None))
            out.append((f"{at}.mlp.experts.down_proj", [sizes[0], sizes[2], hidden], 2.0 / sizes[2]**0.5, 0.0, None))
        elif kind in ("qwen2_moe", "qwen3_moe", "glm4_moe") and _is_sparse(c, layer):
            num_experts = c["n_routed_experts"] if kind == "glm4_moe" else c["num_experts"]
            matrix(f"{at}.mlp.gate", num_experts, hidden, gain=1.5)
            for expert in range(num_experts):
                feed_forward(f"{at}.mlp.experts.{expert}", c["moe_intermediate_size"])
            if kind == "qwen2_moe":
                matrix(f"{at}.mlp.shared_expert_gate", 1, hidden, gain=2.0)
                feed_forward(f"{at}.mlp.shared_expert", c["shared_expert_intermediate_size"])
            if kind == "glm4_moe":
                out.append((f"{at}.mlp.gate.e_score_correction_bias", [num_experts], 0.1, 0.0, None))
                feed_forward(f"{at}.mlp.shared_experts", c["moe_intermediate_size"] * c["n_shared_experts"])
        elif kind == "gpt_oss":
            matrix(f"{at}.mlp.router", c["num_local_experts"], hidden, gain=1.5, bias=True)
            # Gates and ups large enough that some are clamped.
            _stacked_experts(out, c, f"{at}.mlp.experts.gate_up_proj", 2 * ffn, hidden, 4.0, range(123, 126))
            _stacked_experts(out, c, f"{at}.mlp.experts.down_proj", hidden, ffn, 0.4, range(120, 123))
        elif kind == "phi3":
            matrix(f"{at}.mlp.gate_up_proj", 2 * ffn, hidden)
            matrix(f"{at}.mlp.down_proj", hidden, ffn, gain=2.0)
        else:
            feed_forward(f"{at}.mlp", ffn, bias=c.get("mlp_bias", False))
    norm("model.norm", hidden)
    if not is_tied:
        matrix("lm_head", c["vocab_size"], hidden, gain=2.0)
    if "text_config" in case.config:
        is_new = case.extra[0][0].startswith("model.")
        out = [(n.replace("model.", "model.language_model." if is_new else "language_model.model.", 1), *rest)
               for n, *rest in out]
    for name, shape, *more in case.extra:
        out.append((name, shape, *more, None) if len(more) == 2 else (name, shape, 1.0, 0.0, more[0]))
    if is_tied:  # the embedding is also the head: keep logits near 2
        name, shape, scale, offset, same_as = out[0]
        out[0] = (name, shape, (case.embedding_scale if is_gemma else 2.0) / hidden**0.5, offset, same_as)
    return out


def _stacked_experts(out, c, name, rows, cols, gain, exponents):
    """One product of all experts in one tensor, transposed; or as MXFP4."""
    experts = c["num_local_experts"]
    if "quantization_config" in c:
        out.append((name + "_blocks", [experts, rows, cols // 32, 16], range(256), 0.0, None))
        out.append((name + "_scales", [experts, rows, cols // 32], exponents, 0.0, None))
    else:
        out.append((name, [experts, cols, rows], gain / cols**0.5, 0.0, None))
    out.append((name + "_bias", [experts, rows], 0.2, 0.0, None))


def _is_sparse(c, layer):
    if c["model_type"] == "glm4_moe":
        return layer >= c["first_k_dense_replace"]
    return layer not in c.get("mlp_only_layers", []) and (layer + 1) % c.get("decoder_sparse_step", 1) == 0


def gemma3_vision_tensors(prefix):
    tower = f"{prefix}vision_tower.vision_model."
    layer = f"{tower}encoder.layers.0."
    out = [(f"{tower}embeddings.patch_embedding.weight", [16, 3, 14, 14]),
           (f"{tower}embeddings.patch_embedding.bias", [16]), (f"{tower}embeddings.position_embedding.weight", [4, 16])]
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        out += [(f"{layer}self_attn.{name}.weight", [16, 16]), (f"{layer}self_attn.{name}.bias", [16])]
    out += [(f"{layer}mlp.fc1.weight", [8, 16]), (f"{layer}mlp.fc1.bias", [8]), (f"{layer}mlp.fc2.weight", [16, 8]),
            (f"{layer}mlp.fc2.bias", [16])]
    for name in (f"{layer}layer_norm1", f"{layer}layer_norm2", f"{tower}post_layernorm"):
        out += [(f"{name}.weight", [16]), (f"{name}.bias", [16])]
    out += [(f"{prefix}multi_modal_projector.mm_input_projection_weight", [16, 64]),
            (f"{prefix}multi_modal_projector.mm_soft_emb_norm.weight", [16])]
    return [(name, shape, None) for name, shape in out]


def siglip_tensors(prefix, image_size, patch_size, out_hidden):
    """The tensors of gemma3_vision's tower for images of that size, with values that make features of size 1."""
    shapes = {"patch_embedding.weight": [16, 3, patch_size, patch_size],
              "position_embedding.weight": [(image_size // patch_size) ** 2, 16],
              "mm_input_projection_weight": [16, out_hidden]}
    out = []
    for name, shape, _ in gemma3_vision_tensors(prefix):
        shape = next((shapes[end] for end in shapes if name.endswith(end)), shape)
        is_norm = "norm" in name and name.endswith("weight")
        fan_in = shape[0] if name.endswith("projection_weight") else math.prod(shape[1:])
        # Gemma stores the distance of its own norm's weight from 1.
        offset = 1.0 if is_norm and "soft_emb" not in name else 0.0
        out.append((name, shape, 0.1 if is_norm or name.endswith("bias") else 1.4 / fan_in**0.5, offset))
    return out


def qwen_vision_tensors(config, prefix):
    """The tensors of the tower that the configuration of a Qwen vision-language model states."""
    c = config["vision_config"]
    hidden, ffn, is_qwen3 = c["hidden_size"], c["intermediate_size"], "deepstack_visual_indexes" in c
    merged = hidden * c["spatial_merge_size"] ** 2
    patch = [3, c["temporal_patch_size"], c["patch_size"], c["patch_size"]]
    out = []

    def matrix(name, rows, cols, gain=1.0):
        out.extend([(f"{prefix}{name}.weight", [rows, cols], gain / cols**0.5, 0.0), (f"{prefix}{name}.bias", [rows], 0.2, 0.0)])

    def norm(name, size):
        out.append((f"{prefix}{name}.weight", [size], 0.1, 1.0))
        if is_qwen3:
            out.append((f"{prefix}{name}.bias", [size], 0.1, 0.0))

    out.append((f"{prefix}patch_embed.proj.weight", [hidden, *patch], (3 * 2 * patch[2] ** 2) ** -0.5, 0.0))
    if is_qwen3:
        out.append((f"{prefix}patch_embed.proj.bias", [hidden], 0.2, 0.0))
        out.append((f"{prefix}pos_embed.weight", [c["num_position_embeddings"], hidden], 0.5, 0.0))
    for block in range(c["depth"]):
        at = f"blocks.{block}"
        norm(f"{at}.norm1", hidden)
        norm(f"{at}.norm2", hidden)
        matrix(f"{at}.attn.qkv", 3 * hidden, hidden, gain=1.4)
        matrix(f"{at}.attn.proj", hidden, hidden)
        if is_qwen3:
            matrix(f"{at}.mlp.linear_fc1", ffn, hidden)
            matrix(f"{at}.mlp.linear_fc2", hidden, ffn)
        else:
            matrix(f"{at}.mlp.gate_proj", ffn, hidden)
            matrix(f"{at}.mlp.up_proj", ffn, hidden)
            matrix(f"{at}.mlp.down_proj", hidden, ffn)
    if is_qwen3:
        for merger in ["merger"] + [f"deepstack_merger_list.{i}" for i in range(len(c["deepstack_visual_indexes"]))]:
            norm(f"{merger}.norm", hidden if merger == "merger" else merged)
            matrix(f"{merger}.linear_fc1", merged, merged, gain=2.0)
            matrix(f"{merger}.linear_fc2", c["out_hidden_size"], merged, gain=2.0)
    else:
        norm("merger.ln_q", hidden)
        matrix("merger.mlp.0", merged, merged, gain=2.0)
        matrix("merger.mlp.2", c["out_hidden_size"], merged, gain=2.0)
    return out

