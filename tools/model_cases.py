"""The tiny checkpoints for comparing braid's models with transformers: one for each option of each family.

A case is a config.json as checkpoints have it (classic keys, or transformers 5's rope_parameters; a key whose default is
tested is left out) and how its tensors are stored.
"""

import math
from dataclasses import dataclass, field


@dataclass
class Case:
    name: str
    config: dict
    stored: str  # dtype of the tensors: BF16, F16 or F32
    # Further stored tensors, which the text model does not use: (name, shape, same_as), or (name, shape, scale, offset).
    extra: list = field(default_factory=list)
    # Scale of the embedding's values. At 0.003 the first norm sees squares near 1e-5, so its epsilon matters.
    embedding_scale: float = 1.0
    # (a, b): the logits of every a-th row of a long prompt are kept, and of every b-th row of one of up to 64 tokens.
    kept_rows: tuple = (4, 1)
    # Images, as (rows, columns) of their tokens, videos, as (pairs of frames, rows, columns, seconds of a pair), and
    # prompts of numbers of text tokens and, as "a", "b", …, images, as "A", "B", …, videos.
    images: list = field(default_factory=list)
    videos: list = field(default_factory=list)
    image_prompts: list = field(default_factory=list)


def _config(architecture, model_type, **keys):
    return {"architectures": [architecture], "model_type": model_type, "hidden_act": "silu", **keys}


def qwen3(**keys):
    return _config("Qwen3ForCausalLM", "qwen3", **keys)


def qwen2(**keys):
    return _config("Qwen2ForCausalLM", "qwen2", **keys)


def qwen2_moe(**keys):
    return _config("Qwen2MoeForCausalLM", "qwen2_moe", **keys)


def mistral(**keys):
    return _config("MistralForCausalLM", "mistral", **keys)


def llama(**keys):
    return _config("LlamaForCausalLM", "llama", **keys)


def qwen3_moe(**keys):
    return _config("Qwen3MoeForCausalLM", "qwen3_moe", **keys)


def mixtral(**keys):
    return _config("MixtralForCausalLM", "mixtral", **keys)


def olmo2(**keys):
    return _config("Olmo2ForCausalLM", "olmo2", **{"eos_token_id": None, **keys})


def granite(**keys):
    return _config("GraniteForCausalLM", "granite", **keys)


def smollm3(**keys):
    return _config("SmolLM3ForCausalLM", "smollm3",
                   **{"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, **keys})


def phi3(**keys):
    return _config("Phi3ForCausalLM", "phi3", **{"eos_token_id": None, "pad_token_id": None, **keys})


def glm4_moe(**keys):
    return _config("Glm4MoeForCausalLM", "glm4_moe", **keys)


def gpt_oss(**keys):
    return _config("GptOssForCausalLM", "gpt_oss", **keys)


def gemma2(**keys):
    config = _config("Gemma2ForCausalLM", "gemma2", hidden_activation="gelu_pytorch_tanh", **keys)
    return {**config, "hidden_act": "gelu_pytorch_tanh"}


def gemma3(**keys):
    config = _config("Gemma3ForCausalLM", "gemma3_text", **keys)
    del config["hidden_act"]
    return config


def gemma3_vision(text_config, **keys):
    """Gemma 3 with the smallest possible vision tower, whose tensors are VISION."""
    config = _config("Gemma3ForConditionalGeneration", "gemma3", text_config={"model_type": "gemma3_text", **text_config},
                     vision_config={"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 8,
                                    "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
                                    "patch_size": 14, "vision_use_head": False},
                     mm_tokens_per_image=4, image_token_index=3, boi_token_index=4, eoi_token_index=5, **keys)
    del config["hidden_act"]
    return config


def _siglip_config(config, image_size, patch_size):
    config["vision_config"] |= {"image_size": image_size, "patch_size": patch_size, "layer_norm_eps": 1e-6}
    config["mm_tokens_per_image"] = (image_size // patch_size) ** 2
    return config


def _siglip(prefix, image_size, patch_size, out_hidden):
    """The tensors of gemma3_vision's tower for images of that size, with values that make features of size 1."""
    shapes = {"patch_embedding.weight": [16, 3, patch_size, patch_size],
              "position_embedding.weight": [(image_size // patch_size) ** 2, 16],
              "mm_input_projection_weight": [16, out_hidden]}
    out = []
    for name, shape, _ in _vision(prefix):
        shape = next((shapes[end] for end in shapes if name.endswith(end)), shape)
        is_norm = "norm" in name and name.endswith("weight")
        fan_in = shape[0] if name.endswith("projection_weight") else math.prod(shape[1:])
        # Gemma stores the distance of its own norm's weight from 1.
        offset = 1.0 if is_norm and "soft_emb" not in name else 0.0
        out.append((name, shape, 0.1 if is_norm or name.endswith("bias") else 1.4 / fan_in**0.5, offset))
    return out


def _qwen_vl(architecture, model_type, vision_config, **keys):
    config = _config(architecture, model_type, image_token_id=3, video_token_id=4, vision_start_token_id=5,
                     vision_end_token_id=6, vision_config={"model_type": model_type, "in_channels": 3, "patch_size": 4,
                                                           "spatial_merge_size": 2, "temporal_patch_size": 2,
                                                           **vision_config}, **keys)
    if "text_config" in keys:
        del config["hidden_act"]
    return config


def _qwen3_vision(out_hidden):
    return {"depth": 2, "hidden_size": 16, "hidden_act": "gelu_pytorch_tanh", "intermediate_size": 24, "num_heads": 2,
            "out_hidden_size": out_hidden, "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]}


def qwen3_vl(text_config, **keys):
    text_config = {"model_type": "qwen3_vl_text", "hidden_act": "silu", **text_config}
    return _qwen_vl("Qwen3VLForConditionalGeneration", "qwen3_vl", _qwen3_vision(text_config["hidden_size"]),
                    text_config=text_config, **keys)


def qwen3_vl_moe(text_config, **keys):
    text_config = {"model_type": "qwen3_vl_moe_text", "hidden_act": "silu", **text_config}
    return _qwen_vl("Qwen3VLMoeForConditionalGeneration", "qwen3_vl_moe", _qwen3_vision(text_config["hidden_size"]),
                    text_config=text_config, **keys)


def qwen2_5_vl(**keys):
    out_hidden = keys.get("text_config", keys)["hidden_size"]
    return _qwen_vl("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl",
                    {"depth": 2, "hidden_size": 16, "hidden_act": "silu", "intermediate_size": 24, "num_heads": 2,
                     "out_hidden_size": out_hidden, "window_size": 16, "fullatt_block_indexes": [1],
                     "tokens_per_second": 2}, **keys)


def text_config(config):
    """The text part of a vision-language configuration; any other configuration as it is."""
    return config.get("text_config", config)


def _vision(prefix):
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


def _qwen_vision(config, prefix):
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


def _qwen_vl_case(name, stored, config, prefix, video_prompts=(), **more):
    images = [(4, 6), (2, 7), (5, 3)]
    # Pairs at the same time, at times that are cut to whole numbers, and at some behind the positions of what follows.
    videos = [(4, 2, 3, 0.3), (2, 3, 2, 4.0)] if video_prompts else []
    return Case(name, stored=stored, kept_rows=FEW, config=config, extra=_qwen_vision(config, prefix), images=images,
                videos=videos, image_prompts=[[9, "a", 30], [3, "b", 4, "c", 2, "b", 12], ["c", 5], *video_prompts],
                **more)


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


FEW = (8, 4)  # kept_rows
_VIDEO_PROMPTS = [["A", 7], [5, "c", 2, "B", 3, "A", 4, "b", 9]]

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
    Case("qwen3_absent_keys", stored="BF16", embedding_scale=0.003,  # defaults: head_dim 128, theta 10 000, eps 1e-6, untied, no bias
         config=qwen3(**_sizes(160, 64, 64, 1, 2, 2))),
    # Windows that the prompts exceed several times: by layer_types, and in the upper layers.
    Case("qwen3_layer_types", stored="F32",
         config=qwen3(**_sizes(280, 64, 96, 3, 4, 2, 16), use_sliding_window=True, sliding_window=24,
                      layer_types=["sliding_attention", "full_attention", "sliding_attention"], dtype="float32")),
    Case("qwen3_upper_windows", stored="BF16",
         config=qwen3(**_sizes(160, 48, 64, 2, 2, 1, 24), use_sliding_window=True, sliding_window=50,
                      max_window_layers=1, torch_dtype="bfloat16")),
    # --- Qwen2ForCausalLM
    Case("qwen2_tied", stored="BF16",
         config=qwen2(**_sizes(190, 64, 96, 2, 4, 2), tie_word_embeddings=True, rope_theta=1000000.0,
                      rms_norm_eps=1e-6, use_sliding_window=False, sliding_window=32768, max_window_layers=2,
                      torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
    Case("qwen2_absent_keys", stored="F32", embedding_scale=0.003,  # eps 1e-6, theta 10 000, untied by default
         config=qwen2(**_sizes(163, 72, 100, 3, 3, 1), dtype="float32")),
    Case("qwen2_linear_rope", stored="F16",  # as many KV heads as heads, by null
         config=qwen2(**{**_sizes(168, 64, 112, 2, 4), "num_key_value_heads": None},
                      rope_parameters={"rope_type": "linear", "factor": 3.0, "rope_theta": 50000.0},
                      layer_types=["full_attention"] * 2, dtype="float16")),
    Case("qwen2_upper_windows", stored="BF16",
         config=qwen2(**_sizes(184, 48, 64, 2, 3, 1), use_sliding_window=True, sliding_window=40,
                      max_window_layers=1, torch_dtype="bfloat16")),
    # --- MistralForCausalLM
    Case("mistral_no_window", stored="BF16",
         config=mistral(**_sizes(176, 64, 112, 2, 4, 2, 32), rope_theta=1000000.0, rms_norm_eps=1e-5,
                        sliding_window=None, tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1,
                        eos_token_id=2)),
    Case("mistral_absent_keys", stored="F32", embedding_scale=0.003,  # a window of 4096 behind a context of 512
         config=mistral(**_sizes(165, 128, 100, 2, 16), dtype="float32")),
    Case("mistral_window", stored="BF16",
         config=mistral(**_sizes(172, 48, 64, 2, 2, 1, 24), rms_norm_eps=1e-5, sliding_window=33,
                        torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
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
    Case("qwen3_moe_some_dense", stored="F32",  # layers 1 and 3 are sparse by the step, 3 is dense by the list
         config=qwen3_moe(**_sizes(161, 72, 100, 4, 3, 1, 24), moe_intermediate_size=40, num_experts=10,
                          num_experts_per_tok=3, norm_topk_prob=False, decoder_sparse_step=2, mlp_only_layers=[3],
                          rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, attention_bias=True,
                          rms_norm_eps=1e-6, tie_word_embeddings=True, dtype="float32")),
    # norm_topk_prob false, every layer sparse, head_dim hidden / heads, untied, eps 1e-6
    Case("qwen3_moe_absent_keys", stored="F16", embedding_scale=0.003,
         config=qwen3_moe(**_sizes(168, 64, 96, 2, 4, 2), moe_intermediate_size=56, num_experts=6,
                          num_experts_per_tok=2,
                          rope_scaling={"rope_type": "linear", "factor": 2.0})),
    # --- Qwen2MoeForCausalLM
    Case("qwen2_moe_plain", stored="BF16",
         config=qwen2_moe(**_sizes(280, 64, 96, 2, 4, 2), moe_intermediate_size=48, num_experts=12,
                          shared_expert_intermediate_size=80, num_experts_per_tok=4, norm_topk_prob=False,
                          decoder_sparse_step=1, rope_theta=1000000.0, rms_norm_eps=1e-6, sliding_window=None,
                          use_sliding_window=False, max_window_layers=2, tie_word_embeddings=False,
                          torch_dtype="bfloat16")),
    Case("qwen2_moe_some_dense", stored="F32",  # no bias; layer 1 is dense by the list
         config=qwen2_moe(**_sizes(161, 72, 100, 3, 3, 1), moe_intermediate_size=40, num_experts=10,
                          shared_expert_intermediate_size=56, num_experts_per_tok=3, norm_topk_prob=True,
                          mlp_only_layers=[1], qkv_bias=False, tie_word_embeddings=True, dtype="float32")),
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
    # --- Olmo2ForCausalLM
    Case("olmo2_plain", stored="BF16", kept_rows=FEW,
         config=olmo2(**_sizes(168, 64, 96, 2, 4, 2), rope_theta=500000.0, rms_norm_eps=1e-6, attention_bias=False,
                      tie_word_embeddings=True, torch_dtype="bfloat16")),
    Case("olmo2_absent_keys", stored="F32", kept_rows=FEW, embedding_scale=0.003,  # eps 1e-5, as many KV heads as heads
         config=olmo2(**_sizes(161, 72, 100, 2, 3), attention_bias=True, dtype="float32")),
    # --- GraniteForCausalLM
    Case("granite_tied", stored="BF16", kept_rows=FEW,
         config=granite(**_sizes(176, 64, 96, 2, 4, 2), embedding_multiplier=12.0, logits_scaling=4.0,
                        residual_multiplier=0.22, attention_multiplier=0.1, rope_theta=10000.0, rms_norm_eps=1e-5,
                        attention_bias=False, mlp_bias=False, tie_word_embeddings=True, torch_dtype="bfloat16")),
    Case("granite_biases", stored="F32", kept_rows=FEW,  # attention_multiplier and all other multipliers but one are 1
         config=granite(**_sizes(163, 72, 100, 2, 3, 1), logits_scaling=1.5, attention_bias=True, mlp_bias=True,
                        dtype="float32")),
    # --- SmolLM3ForCausalLM
    Case("smollm3_absent_keys", stored="BF16", kept_rows=FEW,  # tied, theta 2 000 000, every fourth layer without rope
         config=smollm3(**_sizes(168, 64, 80, 5, 4, 2))),
    Case("smollm3_listed", stored="F32", kept_rows=FEW,
         config=smollm3(**_sizes(165, 72, 100, 3, 3, 1), no_rope_layers=[0, 1, 0, 1], no_rope_layer_interval=2,
                        rope_theta=50000.0, attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
                        use_sliding_window=False, sliding_window=None, layer_types=["full_attention"] * 3,
                        dtype="float32")),
    Case("smollm3_interval", stored="F16", kept_rows=FEW,
         config=smollm3(**_sizes(160, 64, 80, 3, 4, 4), no_rope_layer_interval=2, torch_dtype="float16",
                        rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128,
                                      "attention_factor": 1.2, "beta_fast": 16.0, "beta_slow": 2.0})),
    Case("smollm3_window", stored="BF16", kept_rows=FEW,  # in the layers without rope
         config=smollm3(**_sizes(164, 48, 64, 3, 2, 1, 24), no_rope_layer_interval=2, use_sliding_window=True,
                        sliding_window=36, torch_dtype="bfloat16")),
    # --- Phi3ForCausalLM
    Case("phi3_plain", stored="BF16", kept_rows=FEW,
         config=phi3(**_sizes(176, 64, 112, 2, 4, 2), rope_theta=10000.0, rms_norm_eps=1e-5, sliding_window=2047,
                     tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=1)),
    Case("phi3_partial_rotary", stored="F32", kept_rows=FEW,  # as many KV heads as heads
         config=phi3(**_sizes(163, 96, 80, 2, 3), partial_rotary_factor=0.75, tie_word_embeddings=True,
                     rope_parameters={"rope_type": "default", "rope_theta": 20000.0}, dtype="float32")),
    Case("phi3_longrope", stored="BF16", kept_rows=FEW,
         # the prompts of 1 and 7 tokens stay short, that of 40 becomes long, that of 201 is
         config=phi3(**{**_sizes(168, 64, 96, 2, 4, 2), "max_position_embeddings": 1024},
                     original_max_position_embeddings=52, rope_theta=10000.0, sliding_window=262144,
                     partial_rotary_factor=0.75, torch_dtype="bfloat16",
                     rope_scaling={"type": "longrope", "short_factor": [1.0, 1.05, 1.3, 1.6, 2.0, 2.5],
                                   "long_factor": [1.0, 1.5, 2.5, 4.0, 6.0, 8.0]})),
    # --- Glm4MoeForCausalLM
    # half of each head is rotated by default; a stored layer predicts further tokens
    Case("glm4_moe_groups", stored="BF16", kept_rows=FEW,
         config=glm4_moe(**_sizes(168, 64, 96, 3, 4, 2, 16), moe_intermediate_size=40, n_routed_experts=12,
                         num_experts_per_tok=3, n_shared_experts=1, n_group=4, topk_group=2, norm_topk_prob=True,
                         routed_scaling_factor=1.5, first_k_dense_replace=1, use_qk_norm=True, attention_bias=True,
                         num_nextn_predict_layers=1, rope_theta=1000000.0, rms_norm_eps=1e-5,
                         tie_word_embeddings=False, dtype="bfloat16"),
         extra=[("model.layers.3.eh_proj.weight", [64, 128], None), ("model.layers.3.enorm.weight", [64], None),
                ("model.layers.3.input_layernorm.weight", [64], None),
                ("model.layers.3.shared_head.head.weight", [168, 64], None)]),
    # one group, no norm on heads, no bias; two dense layers; two shared experts; weights as they are
    Case("glm4_moe_plain", stored="F32", kept_rows=FEW,
         config=glm4_moe(**_sizes(161, 72, 80, 4, 3, 1, 24), moe_intermediate_size=32, n_routed_experts=8,
                         num_experts_per_tok=2, n_shared_experts=2, norm_topk_prob=False, first_k_dense_replace=2,
                         partial_rotary_factor=1.0, tie_word_embeddings=True, dtype="float32")),
    # --- GptOssForCausalLM
    Case("gpt_oss_plain", stored="BF16", kept_rows=FEW,
         config=gpt_oss(**_sizes(280, 64, 48, 2, 4, 2, 16), num_local_experts=8, num_experts_per_tok=3,
                        experts_per_token=3, sliding_window=24, layer_types=["sliding_attention", "full_attention"],
                        attention_bias=True, rope_theta=150000.0, rms_norm_eps=1e-5, swiglu_limit=7.0,
                        tie_word_embeddings=False, torch_dtype="bfloat16", pad_token_id=0, eos_token_id=2,
                        rope_scaling={"rope_type": "yarn", "factor": 16.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                      "original_max_position_embeddings": 64, "truncate": False})),
    # heads of 64, 8 KV heads, windows of 128 in every second layer, yarn, eps 1e-5, four experts a token
    Case("gpt_oss_absent_keys", stored="F32", kept_rows=FEW, embedding_scale=0.003,
         config=gpt_oss(**_sizes(161, 40, 36, 3, 8), num_local_experts=10, dtype="float32")),
    Case("gpt_oss_no_biases", stored="F16", kept_rows=FEW,
         config=gpt_oss(**_sizes(164, 48, 40, 2, 2, 1, 24), num_local_experts=4, num_experts_per_tok=1,
                        layer_types=["full_attention"] * 2, attention_bias=False, tie_word_embeddings=True,
                        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, torch_dtype="float16")),
    Case("gpt_oss_mxfp4", stored="BF16", kept_rows=FEW,
         config=gpt_oss(**_sizes(168, 64, 96, 2, 4, 2, 16), num_local_experts=6, num_experts_per_tok=2,
                        sliding_window=40, rope_theta=150000.0,
                        quantization_config={"modules_to_not_convert": [
                            "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
                            "quant_method": "mxfp4"})),
    # --- Gemma2ForCausalLM: soft caps low enough, and windows short enough, to show in the logits
    Case("gemma2_plain", stored="BF16", kept_rows=FEW,
         config=gemma2(**_sizes(168, 64, 96, 2, 4, 2, 32), attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
                       query_pre_attn_scalar=24, sliding_window=40, rope_theta=10000.0, rms_norm_eps=1e-6,
                       attention_bias=False, cache_implementation="hybrid", torch_dtype="bfloat16", bos_token_id=2,
                       eos_token_id=1, pad_token_id=0)),
    # tied, heads of 256, 4 KV heads, caps of 50 and 30, scores by 1 / 16
    Case("gemma2_absent_keys", stored="F32", kept_rows=FEW, config=gemma2(**_sizes(161, 64, 80, 2, 4))),
    Case("gemma2_layer_types", stored="F32", kept_rows=FEW,  # no caps, untied, biases
         config=gemma2(**_sizes(165, 72, 100, 3, 3, 1, 24), attn_logit_softcapping=None, final_logit_softcapping=None,
                       query_pre_attn_scalar=20, sliding_window=24, attention_bias=True, tie_word_embeddings=False,
                       layer_types=["full_attention", "sliding_attention", "full_attention"], dtype="float32",
                       rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 50000.0})),
    # --- Gemma3ForCausalLM: ropes so far apart that one for all layers would show
    Case("gemma3_plain", stored="BF16", kept_rows=FEW,
         config=gemma3(**_sizes(168, 64, 96, 3, 4, 1, 32), hidden_activation="gelu_pytorch_tanh",
                       attn_logit_softcapping=None, final_logit_softcapping=None, query_pre_attn_scalar=24,
                       sliding_window=30, sliding_window_pattern=2, rope_theta=1000000.0, rope_local_base_freq=100.0,
                       rope_scaling=None, rms_norm_eps=1e-6, attention_bias=False, torch_dtype="bfloat16",
                       bos_token_id=2, eos_token_id=[1, 106], pad_token_id=0)),
    # tied, heads of 256, 4 KV heads, eps 1e-6, five of six layers with the local rope and a window that none outgrows
    Case("gemma3_absent_keys", stored="F16", kept_rows=FEW, embedding_scale=0.01, config=gemma3(**_sizes(160, 48, 48, 6, 4))),
    Case("gemma3_two_ropes", stored="F32", kept_rows=FEW,
         config=gemma3(**_sizes(163, 72, 80, 3, 3, 1, 24), query_pre_attn_scalar=30, final_logit_softcapping=4.0,
                       sliding_window=24, attention_bias=True, tie_word_embeddings=False, dtype="float32",
                       layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                       rope_parameters={"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 20000.0},
                                        "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}})),
    # --- Gemma3ForConditionalGeneration: its text tower, under its first published names and under today's
    Case("gemma3_vision", stored="BF16", kept_rows=FEW, extra=_vision(""),
         config=gemma3_vision({**_sizes(168, 64, 64, 2, 4, 2, 32), "sliding_window": 30, "sliding_window_pattern": 2,
                               "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}, torch_dtype="bfloat16",
                              eos_token_id=[1, 106])),
    Case("gemma3_vision_new_names", stored="F32", kept_rows=FEW, extra=_vision("model."),
         config=gemma3_vision({**_sizes(160, 64, 64, 1, 4, 2, 16), "sliding_window": 30,
                               "layer_types": ["full_attention"], "query_pre_attn_scalar": 30,
                               "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0},
                                                   "sliding_attention": {"rope_type": "default",
                                                                         "rope_theta": 500.0}}}, dtype="float32")),
    # Images of 16 tokens, which see each other within a window of 12: those of more than half an image.
    Case("gemma3_images", stored="BF16", kept_rows=FEW, extra=_siglip("model.", 56, 14, 64), images=[(4, 4), (4, 4)],
         image_prompts=[[9, "a", 30], [3, "b", 4, "a", 2, "b", 12], ["b", 5]],
         config=_siglip_config(gemma3_vision(
             {**_sizes(168, 64, 64, 3, 4, 2, 32), "sliding_window": 12, "sliding_window_pattern": 3,
              "query_pre_attn_scalar": 24}, torch_dtype="bfloat16"), 56, 14)),
    # --- Qwen3VLForConditionalGeneration, Qwen3VLMoeForConditionalGeneration, Qwen2_5_VLForConditionalGeneration
    _qwen_vl_case("qwen3_vl_tied", "BF16", prefix="model.visual.", video_prompts=_VIDEO_PROMPTS, config=qwen3_vl(
        {**_sizes(168, 64, 96, 3, 4, 2, 32), "dtype": "bfloat16", "attention_bias": False, "rms_norm_eps": 1e-6,
         "rope_scaling": {"mrope_interleaved": True, "mrope_section": [6, 5, 5], "rope_type": "default"},
         "rope_theta": 5000000, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": True},
        tie_word_embeddings=True)),
    # as transformers 5 saves it; theta 500 000, eps 1e-6 and untied by default
    _qwen_vl_case("qwen3_vl_new_keys", "F32", prefix="model.visual.", config=qwen3_vl(
        {**_sizes(163, 72, 100, 2, 3, 1, 24), "attention_bias": True,
         "rope_parameters": {"mrope_interleaved": True, "mrope_section": [2, 5, 5], "rope_type": "default"}},
        dtype="float32")),
    # a theta with which every pair of dimensions matters; columns run out of pairs before rows do
    _qwen_vl_case("qwen3_vl_moe", "BF16", prefix="model.visual.", config=qwen3_vl_moe(
        {**_sizes(164, 64, 80, 3, 4, 2, 32), "moe_intermediate_size": 40, "num_experts": 8, "num_experts_per_tok": 3,
         "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": [1], "rope_theta": 200,
         "rope_scaling": {"mrope_interleaved": True, "mrope_section": [8, 5, 3], "rope_type": "default"}},
        tie_word_embeddings=False, dtype="bfloat16")),
    # as first published: the text's keys beside those of the whole
    _qwen_vl_case("qwen2_5_vl_flat", "BF16", prefix="visual.", video_prompts=_VIDEO_PROMPTS, config=qwen2_5_vl(
        **_sizes(168, 64, 96, 2, 4, 2), rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_scaling={"type": "mrope", "mrope_section": [2, 3, 3]}, use_sliding_window=False, sliding_window=32768,
        max_window_layers=2, torch_dtype="bfloat16", bos_token_id=1, eos_token_id=2)),
    _qwen_vl_case("qwen2_5_vl_yarn", "F32", prefix="model.visual.", config=qwen2_5_vl(
        text_config={"model_type": "qwen2_5_vl_text", **_sizes(161, 72, 100, 2, 3, 1), "tie_word_embeddings": True,
                     "bos_token_id": None, "eos_token_id": None,
                     "rope_parameters": {"rope_type": "yarn", "mrope_section": [2, 6, 4], "rope_theta": 1000000.0,
                                         "factor": 4.0, "original_max_position_embeddings": 128}},
        dtype="float32")),
    # --- rope scaling of every family
    Case("qwen2_yarn", stored="BF16", kept_rows=FEW,
         config=qwen2(**_sizes(168, 64, 96, 2, 2, 1), rope_theta=1000000.0, torch_dtype="bfloat16",
                      rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128})),
    Case("llama_yarn_mscale", stored="F32", kept_rows=FEW,
         config=llama(**_sizes(163, 64, 96, 2, 2), dtype="float32", bos_token_id=1, eos_token_id=2,
                      rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "truncate": False,
                                       "mscale": 0.7, "mscale_all_dim": 1.0,
                                       "original_max_position_embeddings": 64})),
    Case("llama_dynamic_rope", stored="F32", kept_rows=FEW,
         config=llama(**_sizes(160, 64, 96, 1, 4), dtype="float32", bos_token_id=1, eos_token_id=2,
                      rope_scaling={"type": "dynamic", "factor": 4.0})),
]


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
