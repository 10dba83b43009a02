"""The tiny vision towers for comparing braid's features with transformers: one or two for each kind of tower.

A case is a config.json as checkpoints have it, with the smallest text configuration that can be read, and no tensors of
the text.
"""

import math
from dataclasses import dataclass, field


@dataclass
class VisionCase:
    name: str
    config: dict
    stored: str  # dtype of the tensors: BF16, F16 or F32
    prefix: str  # of the tower's tensors
    grids: list  # of the images: (frames, rows, columns) in patches, and of videos, if each pair's frames differ: a fourth
    preprocessor: dict = field(default_factory=dict)  # of preprocessor_config.json, beside sizes(); empty: no such file

    def sizes(self):
        """What the image processor repeats of config.json."""
        vision = self.config["vision_config"]
        if self.config["model_type"] == "gemma3":
            return {"image_processor_type": "Gemma3ImageProcessor",
                    "size": {"height": vision["image_size"], "width": vision["image_size"]}}
        return {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": vision["patch_size"],
                "temporal_patch_size": vision["temporal_patch_size"], "merge_size": vision["spatial_merge_size"]}


def _qwen(architecture, model_type, out_hidden, stored, **vision):
    return {"architectures": [architecture], "model_type": model_type, "image_token_id": 3, "video_token_id": 4,
            "vision_start_token_id": 5, "vision_end_token_id": 6, "dtype": stored,
            "vision_config": {"model_type": model_type, "in_channels": 3, "out_hidden_size": out_hidden, **vision},
            "text_config": {"vocab_size": 16, "hidden_size": out_hidden, "intermediate_size": 32,
                            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
                            "head_dim": 16, "bos_token_id": None, "eos_token_id": None,
                            "rope_parameters": {"rope_type": "default", "mrope_section": [4, 2, 2],
                                                "rope_theta": 1e6}}}


def qwen3_vl(out_hidden, stored, architecture="Qwen3VLForConditionalGeneration", model_type="qwen3_vl", **vision):
    return _qwen(architecture, model_type, out_hidden, stored, **vision)


def qwen3_vl_moe(out_hidden, stored, **vision):
    config = qwen3_vl(out_hidden, stored, "Qwen3VLMoeForConditionalGeneration", "qwen3_vl_moe", **vision)
    config["text_config"] |= {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2,
                              "mlp_only_layers": [0]}
    return config


def qwen25_vl(out_hidden, stored, **vision):
    return _qwen("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", out_hidden, stored, **vision)


def gemma3(out_hidden, stored, tokens, **vision):
    return {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "dtype": stored,
            "mm_tokens_per_image": tokens, "image_token_index": 3, "boi_token_index": 4, "eoi_token_index": 5,
            "eos_token_id": 1,
            "vision_config": {"model_type": "siglip_vision_model", "vision_use_head": False, **vision},
            "text_config": {"model_type": "gemma3_text", "vocab_size": 16, "hidden_size": out_hidden,
                            "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                            "num_key_value_heads": 1, "head_dim": 16}}


_CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
         "rescale_factor": 0.00392156862745098}

VISION_CASES = [
    # more patches than are computed together, two frames, one token
    VisionCase("qwen3_vl", stored="BF16", prefix="model.visual.", grids=[(1, 22, 14), (2, 4, 6), (1, 2, 2)],
               config=qwen3_vl(40, "bfloat16", depth=3, hidden_size=48, hidden_act="gelu_pytorch_tanh",
                               intermediate_size=80, num_heads=3, num_position_embeddings=36, patch_size=4,
                               spatial_merge_size=2, temporal_patch_size=2, deepstack_visual_indexes=[0, 2])),
    # GELU by erf, no deepstack, a larger merge, other pixel norms; a table smaller than the image
    VisionCase("qwen3_vl_moe", stored="F32", prefix="visual.", grids=[(1, 12, 9), (1, 3, 3)], preprocessor=_CLIP,
               config=qwen3_vl_moe(24, "float32", depth=2, hidden_size=72, hidden_act="gelu", intermediate_size=50,
                                   num_heads=3, num_position_embeddings=16, patch_size=6, spatial_merge_size=3,
                                   temporal_patch_size=1, deepstack_visual_indexes=[],
                                   rope_parameters={"rope_type": "axial", "rope_theta": 500.0})),
    # windows of 4 x 4 tokens, cut at both edges, and full attention in one block
    VisionCase("qwen25_vl", stored="BF16", prefix="visual.", grids=[(1, 22, 18), (2, 6, 10), (1, 2, 2)],
               config=qwen25_vl(40, "bfloat16", depth=3, hidden_size=64, hidden_act="silu", intermediate_size=84,
                                num_heads=2, patch_size=4, spatial_merge_size=2, temporal_patch_size=2,
                                window_size=32, fullatt_block_indexes=[1], tokens_per_second=2)),
    VisionCase("qwen25_vl_small_windows", stored="F16", prefix="model.visual.", grids=[(1, 12, 16)],
               preprocessor={"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]},
               config=qwen25_vl(24, "float16", depth=2, hidden_size=48, hidden_act="silu", intermediate_size=40,
                                num_heads=2, patch_size=4, spatial_merge_size=2, temporal_patch_size=2,
                                window_size=24, fullatt_block_indexes=[], tokens_per_second=2)),
    # 196 patches become 49 tokens; first published names
    VisionCase("gemma3", stored="BF16", prefix="vision_tower.vision_model.", grids=[(1, 14, 14)],
               config=gemma3(40, "bfloat16", 49, hidden_size=48, intermediate_size=84, num_hidden_layers=3,
                             num_attention_heads=3, image_size=56, patch_size=4, layer_norm_eps=1e-6)),
    # the names of transformers 5, and a pooling head, which is not used; eps 1e-6 by default
    VisionCase("gemma3_new_names", stored="F32", prefix="vision_tower.", grids=[(1, 6, 6)],
               preprocessor={"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
               config=gemma3(32, "float32", 4, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                             num_attention_heads=2, image_size=30, patch_size=5, vision_use_head=True)),
    # four heads each, and inner sizes that four ranks can share
    VisionCase("qwen3_vl_4_heads", stored="BF16", prefix="model.visual.", grids=[(1, 20, 14), (1, 2, 2), (1, 4, 6, "video")],
               config=qwen3_vl(32, "bfloat16", depth=2, hidden_size=64, hidden_act="gelu_pytorch_tanh",
                               intermediate_size=88, num_heads=4, num_position_embeddings=36, patch_size=4,
                               spatial_merge_size=2, temporal_patch_size=2, deepstack_visual_indexes=[0])),
    VisionCase("qwen25_vl_4_heads", stored="BF16", prefix="visual.", grids=[(1, 10, 18), (1, 6, 10, "video")],
               config=qwen25_vl(32, "bfloat16", depth=2, hidden_size=64, hidden_act="silu", intermediate_size=84,
                                num_heads=4, patch_size=4, spatial_merge_size=2, temporal_patch_size=2,
                                window_size=32, fullatt_block_indexes=[1], tokens_per_second=2)),
    VisionCase("gemma3_4_heads", stored="BF16", prefix="vision_tower.vision_model.", grids=[(1, 14, 14)],
               config=gemma3(32, "bfloat16", 49, hidden_size=64, intermediate_size=84, num_hidden_layers=2,
                             num_attention_heads=4, image_size=56, patch_size=4, layer_norm_eps=1e-6)),
]


def vision_tensors(case):
    """[(name within the tower, shape, scale, offset)]; the projector of Gemma 3 has its full names."""
    c = case.config["vision_config"]
    is_gemma = case.config["model_type"] == "gemma3"
    is_qwen25 = case.config["model_type"] == "qwen2_5_vl"
    hidden, ffn, patch, out_hidden = (c["hidden_size"], c["intermediate_size"], c["patch_size"],
                                      case.config["text_config"]["hidden_size"])
    out = []

    def tensor(name, shape, scale, offset=0.0):
        out.append((name, shape, scale, offset))

    def linear(name, shape, gain=1.0, bias=True):
        tensor(f"{name}.weight", shape, gain / math.prod(shape[1:])**0.5)
        if bias:
            tensor(f"{name}.bias", shape[:1], 0.2)

    def norm(name, size, bias=True):
        tensor(f"{name}.weight", [size], 0.2, 1.0)
        if bias:
            tensor(f"{name}.bias", [size], 0.2)

    if is_gemma:
        linear("embeddings.patch_embedding", [hidden, 3, patch, patch])
        tensor("embeddings.position_embedding.weight", [(c["image_size"] // patch)**2, hidden], 0.5)
        for layer in range(c["num_hidden_layers"]):
            at = f"encoder.layers.{layer}"
            norm(f"{at}.layer_norm1", hidden)
            norm(f"{at}.layer_norm2", hidden)
            for one, gain in (("q_proj", 1.6), ("k_proj", 1.6), ("v_proj", 1.0), ("out_proj", 1.0)):
                linear(f"{at}.self_attn.{one}", [hidden, hidden], gain)
            linear(f"{at}.mlp.fc1", [ffn, hidden])
            linear(f"{at}.mlp.fc2", [hidden, ffn], 1.5)
        norm("post_layernorm", hidden)
        if c["vision_use_head"]:
            tensor("head.probe", [1, 1, hidden], 1.0)
            norm("head.layernorm", hidden)
        projector = ("model." if case.prefix.startswith("model.") else "") + "multi_modal_projector."
        tensor(projector + "mm_soft_emb_norm.weight", [hidden], 0.2)
        tensor(projector + "mm_input_projection_weight", [hidden, out_hidden], 1.0 / hidden**0.5)
        return out

    merged = hidden * c["spatial_merge_size"]**2
    linear("patch_embed.proj", [hidden, 3, c["temporal_patch_size"], patch, patch], bias=not is_qwen25)
    if not is_qwen25:
        tensor("pos_embed.weight", [c["num_position_embeddings"], hidden], 0.5)
    for block in range(c["depth"]):
        at = f"blocks.{block}"
        norm(f"{at}.norm1", hidden, bias=not is_qwen25)
        norm(f"{at}.norm2", hidden, bias=not is_qwen25)
        linear(f"{at}.attn.qkv", [3 * hidden, hidden], 1.5)
        linear(f"{at}.attn.proj", [hidden, hidden])
        for name, shape in ((("gate_proj", [ffn, hidden]), ("up_proj", [ffn, hidden]), ("down_proj", [hidden, ffn]))
                            if is_qwen25 else (("linear_fc1", [ffn, hidden]), ("linear_fc2", [hidden, ffn]))):
            linear(f"{at}.mlp.{name}", shape, 1.3)
    if is_qwen25:
        norm("merger.ln_q", hidden, bias=False)
        linear("merger.mlp.0", [merged, merged])
        linear("merger.mlp.2", [out_hidden, merged], 1.5)
        return out
    mergers = [f"deepstack_merger_list.{i}" for i in range(len(c["deepstack_visual_indexes"]))]
    for merger in ["merger"] + mergers:
        norm(f"{merger}.norm", hidden if merger == "merger" else merged)
        linear(f"{merger}.linear_fc1", [merged, merged])
        linear(f"{merger}.linear_fc2", [out_hidden, merged], 1.5)
    return out
