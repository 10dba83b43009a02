"""The demo's checkpoint as a folder: configuration, tokenizer, chat template and image processor, as Qwen3-VL has them."""

import json
import pathlib
import random

import torch
from transformers import AutoTokenizer, Qwen2VLImageProcessor, Qwen3VLConfig, Qwen3VLForConditionalGeneration

import train_byte_bpe
import vl_demo_scenes

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
            "<|video_pad|>"]
VOCAB_SIZE = 512
IDS = {text: VOCAB_SIZE - len(SPECIALS) + i for i, text in enumerate(SPECIALS)}
DTYPE = "bfloat16"
CONTEXT = 4096
DEEPSTACK_LAYERS = [1, 2]  # of the tower
NUM_DEEPSTACK = len(DEEPSTACK_LAYERS)

CONFIG = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "dtype": DTYPE,
    "image_token_id": IDS["<|image_pad|>"],
    "video_token_id": IDS["<|video_pad|>"],
    "vision_start_token_id": IDS["<|vision_start|>"],
    "vision_end_token_id": IDS["<|vision_end|>"],
    "tie_word_embeddings": True,
    "text_config": {
        "model_type": "qwen3_vl_text", "vocab_size": VOCAB_SIZE, "hidden_size": 128, "intermediate_size": 256,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32,
        "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000,
        "rope_scaling": {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True},
        "max_position_embeddings": CONTEXT, "attention_bias": False, "attention_dropout": 0.0, "dtype": DTYPE,
        "initializer_range": 0.05, "use_cache": True, "tie_word_embeddings": True,
        "bos_token_id": IDS["<|endoftext|>"], "eos_token_id": IDS["<|im_end|>"],
    },
    "vision_config": {
        "model_type": "qwen3_vl", "depth": 4, "hidden_size": 96, "num_heads": 4, "intermediate_size": 256,
        "hidden_act": "gelu_pytorch_tanh", "in_channels": 3, "patch_size": 16, "temporal_patch_size": 2,
        "spatial_merge_size": 2, "out_hidden_size": 128, "num_position_embeddings": 256,
        "deepstack_visual_indexes": DEEPSTACK_LAYERS, "initializer_range": 0.05,
    },
}
# Sizes are numbers of pixels: an image has 9 to 12 tokens, so that each cell of a scene has one at least.
PREPROCESSOR = {
    "size": {"shortest_edge": 96 * 96, "longest_edge": 96 * 128},
    "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "Qwen3VLProcessor",
}
CHAT_TEMPLATE = """\
{%- macro written(content) -%}
  {%- if content is string -%}
    {{- content -}}
  {%- else -%}
    {%- for part in content -%}
      {%- if 'image' in part or 'image_url' in part or part.type == 'image' -%}
        {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
      {%- elif 'video' in part or part.type == 'video' -%}
        {{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
      {%- elif 'text' in part -%}
        {{- part.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' + written(message.content) + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


def _words():
    """Questions and answers of every kind, for the tokenizer: each word of them becomes one token."""
    rng, lines = random.Random("words"), []
    for _ in range(2000):
        scene = vl_demo_scenes.draw_scene(rng)
        for topic in vl_demo_scenes.TOPICS:
            lines += vl_demo_scenes.ask(scene, topic, rng, rng.choice(["", *vl_demo_scenes.ORDINALS]))
    return "system\nuser\nassistant\n" * 100 + "\n".join(lines)


def _write(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_folder(folder):
    """Everything but the weights."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", CONFIG)
    _write(folder / "preprocessor_config.json", PREPROCESSOR)
    _write(folder / "generation_config.json", {
        "do_sample": False, "eos_token_id": [IDS["<|im_end|>"], IDS["<|endoftext|>"]],
        "pad_token_id": IDS["<|endoftext|>"]})
    _write(folder / "tokenizer.json", train_byte_bpe.tokenizer_json(VOCAB_SIZE, SPECIALS, 240, _words()))
    _write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "clean_up_tokenization_spaces": False, "add_bos_token": False,
        "model_max_length": CONTEXT})
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def new_model(seed):
    """Untrained, in float32. In the text model keys are as queries, so that from the start a token sees what is like it:
    a question's " circle" sees the image token that shows one, which takes long to be found by chance."""
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**CONFIG)).float()
    with torch.no_grad():
        for layer in model.model.language_model.layers:
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
    return model


def load_model(folder):
    """The written checkpoint, computing in float32."""
    model, info = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if info["missing_keys"] or info["mismatched_keys"] or info["unexpected_keys"]:
        raise SystemExit(f"{folder}: transformers wants other tensors: {info}")
    return model.eval()


def save_model(model, folder):
    """model.safetensors in bfloat16; the configuration stays as write_folder() writes it."""
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="1GB")
    write_folder(folder)


def load_tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def load_image_processor(folder):
    return Qwen2VLImageProcessor.from_pretrained(folder)
