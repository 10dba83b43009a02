"""config.json of each family of models, as checkpoints have it, by the keys that a case sets."""


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
    """Gemma 3 with the smallest possible vision tower, whose tensors are gemma3_vision_tensors."""
    config = _config("Gemma3ForConditionalGeneration", "gemma3", text_config={"model_type": "gemma3_text", **text_config},
                     vision_config={"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 8,
                                    "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
                                    "patch_size": 14, "vision_use_head": False},
                     mm_tokens_per_image=4, image_token_index=3, boi_token_index=4, eoi_token_index=5, **keys)
    del config["hidden_act"]
    return config


def siglip_config(config, image_size, patch_size):
    config["vision_config"] |= {"image_size": image_size, "patch_size": patch_size, "layer_norm_eps": 1e-6}
    config["mm_tokens_per_image"] = (image_size // patch_size) ** 2
    return config


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


def sizes(vocab, hidden, ffn, layers, heads, kv_heads=None, head_dim=None):
    keys = {"vocab_size": vocab, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": layers,
            "num_attention_heads": heads, "max_position_embeddings": 512}
    if kv_heads is not None:
        keys["num_key_value_heads"] = kv_heads
    if head_dim is not None:
        keys["head_dim"] = head_dim
    return keys


def llama3_rope(**keys):
    return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64, **keys}

