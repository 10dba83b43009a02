#!/usr/bin/env python3
"""Writes what transformers makes of videos that are lists of frames: src/braid/multimodal/testdata/videos and
src/braid/api/testdata/video_prompts.json.

    videos/NAME.png     one row for each patch of each frame of each pair: the bytes that the video processor normalises
    videos/cases.json   which frames and processor belong to it; grids of other sizes and numbers of frames
    video_prompts.json  chats with videos: token ids and three positions a token, by the processor and get_rope_index

Frames are images of make_image_fixtures.py, the tokenizer is the demo's. Needs torch, torchvision, transformers 5.24,
numpy and Pillow 13.
"""
import json
import pathlib
import random
import types

import numpy as np
from PIL import Image
from transformers import (AutoTokenizer, Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor,
                          Qwen3VLProcessor, Qwen3VLVideoProcessor)
from transformers.image_utils import load_image
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize as resize_each
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLModel
from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize as resize_whole

from make_image_fixtures import QWEN2_5, QWEN3, table_of, to_bytes

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGES = ROOT / "src/braid/multimodal/testdata"
PROMPTS = ROOT / "src/braid/api/testdata"
DEMO = ROOT / "tests/fixtures/models/vl_demo"

COMMON = {"temporal_patch_size": 2, "merge_size": 2}
QWEN2_5_NORM = {key: QWEN2_5[key] for key in ("image_mean", "image_std")}
QWEN3_NORM = {key: QWEN3[key] for key in ("image_mean", "image_std")}
# video_preprocessor_config.json
PROCESSORS = {
    "qwen2_5_vl": {"video_processor_type": "Qwen2VLVideoProcessor", "patch_size": 14, **COMMON, **QWEN2_5_NORM,
                   "min_pixels": 4 * 28 * 28, "max_pixels": 768 * 28 * 28},
    "qwen2_5_vl_capped": {"video_processor_type": "Qwen2VLVideoProcessor", "patch_size": 14, **COMMON, **QWEN2_5_NORM,
                          "size": {"shortest_edge": 4 * 28 * 28, "longest_edge": 768 * 28 * 28},
                          "cap_pixels_per_frame": True, "max_video_tokens": 9000},
    "qwen3_vl": {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": 16, **COMMON, **QWEN3_NORM,
                 "size": {"shortest_edge": 4096, "longest_edge": 25165824}},
    "qwen3_vl_capped": {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": 16, **COMMON, **QWEN3_NORM,
                        "size": {"shortest_edge": 4096, "longest_edge": 25165824}, "cap_pixels_per_frame": True},
    "qwen3_vl_tiny": {"video_processor_type": "Qwen3VLVideoProcessor", "patch_size": 16, **COMMON, **QWEN3_NORM,
                      "size": {"shortest_edge": 12 * 32 * 32, "longest_edge": 40 * 32 * 32}},
}
SIZE_31_23 = ["rgb_8.png", "palette_8.png", "grey_8.png", "rgba_16.png", "rgb_gamma.png"]
SIZE_45_35 = ["ycbcr_444.jpg", "ycbcr_420.jpg", "progressive.jpg", "restarts.jpg"]
PATCH_CASES = [
    ("pairs", "qwen3_vl_tiny", SIZE_45_35),
    ("odd", "qwen3_vl_tiny", SIZE_31_23),  # the last frame twice; more are counted than there are
    ("each_frame", "qwen2_5_vl", SIZE_45_35[:2]),
    ("one_frame", "qwen2_5_vl", SIZE_31_23[:1]),
]
# Frames, and frames a second.
PROMPT_CASES = [
    ("qwen3_vl_tiny", [(SIZE_45_35, 2.0)]),
    ("qwen3_vl_tiny", [(SIZE_31_23, 0.7), (SIZE_45_35[:2], 24)]),
    ("qwen2_5_vl", [(SIZE_45_35, 2.0)]),
    ("qwen2_5_vl", [(SIZE_31_23, 0.35), (SIZE_45_35, 5.0)]),
]
TOKENS_PER_SECOND = 2


def processor_of(name):
    config = dict(PROCESSORS[name])
    kind = {"Qwen2VLVideoProcessor": Qwen2VLVideoProcessor,
            "Qwen3VLVideoProcessor": Qwen3VLVideoProcessor}[config.pop("video_processor_type")]
    return kind(**{"cap_pixels_per_frame": False, **config})


def frames_of(names):
    return [np.asarray(load_image(str(IMAGES / "images" / name))) for name in names]


def patches_of(name, frames):
    """The grid, and [pairs * 2 * patches, 3, n] bytes."""
    processor = processor_of(name)
    output = processor(videos=[frames_of(frames)], do_sample_frames=False, return_tensors="pt")
    groups, rows, cols = output["video_grid_thw"][0].tolist()
    values = output["pixel_values_videos"].numpy().reshape(groups, rows * cols, 3, 2, -1)
    values = values.transpose(0, 3, 1, 2, 4).reshape(groups * 2 * rows * cols, 3, -1)
    image = Qwen2VLImageProcessor(**{key: PROCESSORS[name][key] for key in ("image_mean", "image_std")})
    return [groups, rows, cols], to_bytes(values, table_of(image))


def resized(name, num_frames, width, height):
    """As the processors' resize() does before it resizes."""
    processor = processor_of(name)
    factor = processor.patch_size * processor.merge_size
    bounds = {"min_pixels": processor.size["shortest_edge"], "max_pixels": processor.size["longest_edge"]}
    least = int(bounds["min_pixels"] * 1.05)
    if isinstance(processor, Qwen3VLVideoProcessor):
        if processor.cap_pixels_per_frame:
            share = min(processor.max_video_tokens * factor * factor, bounds["max_pixels"] // num_frames)
            bounds["max_pixels"] = max(share, least) * num_frames
        return resize_whole(num_frames, height, width, temporal_factor=2, factor=factor, **bounds)
    if processor.cap_pixels_per_frame:
        total = int(processor.max_video_tokens * factor * factor * 0.9)
        bounds["max_pixels"] = max(min(bounds["max_pixels"], total * 2 // num_frames), least)
    return resize_each(height, width, factor, **bounds)


def sizes_of(name):
    """[frames, width, height, rows, cols] of videos that are never made."""
    rng = random.Random(name)
    patch = PROCESSORS[name]["patch_size"]
    shapes = [(2, 1120, 700), (3, 1280, 720), (5, 1920, 1080), (250, 640, 360), (256, 1920, 1080), (7, 20, 300)]
    shapes += [(rng.randint(2, 256), rng.randint(1, 2000), rng.randint(16, 2000)) for _ in range(60)]
    shapes += [(rng.randint(2, 9), rng.randint(1, 150), rng.randint(1, 150)) for _ in range(30)]
    result = []
    for frames, width, height in shapes:
        try:
            new_height, new_width = resized(name, frames, width, height)
        except ValueError:  # too narrow
            continue
        result.append([frames, width, height, new_height // patch, new_width // patch])
    return result


def prompt_of(kind, videos):
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    video_processor = processor_of(kind)
    image_processor = Qwen2VLImageProcessor(patch_size=video_processor.patch_size)
    parts = [{"type": "text", "text": "What is this?"}]
    for _ in videos:
        parts += [{"type": "video"}, {"type": "text", "text": "red"}]
    text = tokenizer.apply_chat_template([{"role": "user", "content": parts}], tokenize=False,
                                         add_generation_prompt=True)
    make = Qwen3VLProcessor if kind.startswith("qwen3") else Qwen2_5_VLProcessor
    processor = make(image_processor=image_processor, tokenizer=tokenizer, video_processor=video_processor)
    metadata = [{"fps": fps, "total_num_frames": len(names), "frames_indices": list(range(len(names)))}
                for names, fps in videos]
    output = processor(text=[text], videos=[frames_of(names) for names, _ in videos], do_sample_frames=False,
                       video_metadata=metadata, return_tensors="pt")
    model = types.SimpleNamespace(config=types.SimpleNamespace(vision_config=types.SimpleNamespace(
        spatial_merge_size=2, tokens_per_second=TOKENS_PER_SECOND)))
    classes = Qwen3VLModel if kind.startswith("qwen3") else Qwen2_5_VLModel
    model.get_vision_position_ids = types.MethodType(classes.get_vision_position_ids, model)
    more = {"second_per_grid_ts": output["second_per_grid_ts"]} if "second_per_grid_ts" in output else {}
    positions, _ = classes.get_rope_index(model, output["input_ids"], output["mm_token_type_ids"],
                                          video_grid_thw=output["video_grid_thw"], **more)
    return {"processor": kind, "videos": [{"frames": names, "fps": fps} for names, fps in videos],
            "given": tokenizer(text)["input_ids"], "ids": output["input_ids"][0].tolist(),
            "positions": positions[:, 0].tolist()}


def write(path, content):
    text = json.dumps(content, separators=(",", ":")).replace("],[", "],\n[").replace("},{", "},\n{")
    path.write_text(text.replace('},"', '},\n"') + "\n")


def main():
    patches = []
    (IMAGES / "videos").mkdir(exist_ok=True)
    for name, processor, frames in PATCH_CASES:
        grid, rows = patches_of(processor, frames)
        file = f"{name}.png"
        Image.fromarray(rows.reshape(len(rows), -1)).save(IMAGES / "videos" / file, optimize=True)
        patches.append({"frames": frames, "processor": processor, "grid": grid, "patches": file})
    write(IMAGES / "videos/cases.json", {"processors": PROCESSORS, "patches": patches,
                                         "sizes": {name: sizes_of(name) for name in PROCESSORS}})
    PROMPTS.mkdir(exist_ok=True)
    write(PROMPTS / "video_prompts.json", {
        "processors": {kind: PROCESSORS[kind] for kind in ("qwen2_5_vl", "qwen3_vl_tiny")},
        "tokens_per_second": TOKENS_PER_SECOND,
        "prompts": [prompt_of(kind, videos) for kind, videos in PROMPT_CASES]})


if __name__ == "__main__":
    main()
