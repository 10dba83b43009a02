#!/usr/bin/env python3
"""Makes tests/fixtures/vision: what the vision towers of transformers compute for the tiny ones of vision_cases.py.

Needs torch, transformers and numpy. The layout is described in tests/fixtures/vision/README.md.

    tools/make_vision_fixtures.py [--output tests/fixtures/vision] [case ...]
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import transformers
from transformers import AutoConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3MultiModalProjector
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel
from transformers.models.qwen3_vl_moe.modeling_qwen3_vl_moe import Qwen3VLMoeVisionModel
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from seeded_weights import seeded_bytes, seeded_values, to_stored
from vision_cases import VISION_CASES, vision_tensors

SEED = 1
PROJECTOR = "multi_modal_projector."
QWEN = {"qwen3_vl": Qwen3VLVisionModel, "qwen3_vl_moe": Qwen3VLMoeVisionModel,
        "qwen2_5_vl": Qwen2_5_VisionTransformerPretrainedModel}
# The defaults of the classes' processors.
CLASS_NORM = {"qwen2_5_vl": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])}


def full_name(case, name):
    return name if PROJECTOR in name else case.prefix + name


def stored_tensors(case):
    """The tower's tensors by their names within it, as floats that have the stored dtype's precision."""
    made = {}
    for name, shape, scale, offset in vision_tensors(case):
        values = seeded_values(SEED, full_name(case, name), shape, scale, offset)
        stored = to_stored(values, case.stored)
        if case.stored == "BF16":
            stored = (stored.astype(np.uint32) << 16).view(np.float32)
        made[name] = torch.tensor(np.ascontiguousarray(stored.astype(np.float32)))
    return made


def load_state(module, tensors, ignored=()):
    missing = module.load_state_dict(tensors, strict=False)
    if missing.missing_keys or [key for key in missing.unexpected_keys if not key.startswith(tuple(ignored))]:
        raise SystemExit(f"transformers wants other tensors: {missing}")
    return module.eval()


class Tower:
    """transformers' modules with a case's weights."""

    def __init__(self, case, config, dtype):
        tensors = {name: tensor.to(dtype) for name, tensor in stored_tensors(case).items()}
        self.dtype = dtype
        self.config = config.vision_config
        config.vision_config._attn_implementation = "eager"
        self.kind = case.config["model_type"]
        if self.kind in QWEN:
            self.tower = load_state(QWEN[self.kind](config.vision_config).to(dtype), tensors)
            return
        config.vision_config.vision_use_head = False
        own = {name: tensor for name, tensor in tensors.items() if PROJECTOR not in name}
        self.tower = load_state(SiglipVisionModel(config.vision_config).to(dtype), own, ["head."])
        self.projector = load_state(Gemma3MultiModalProjector(config).to(dtype), {
            name.split(PROJECTOR)[1]: tensor for name, tensor in tensors.items() if PROJECTOR in name})

    @torch.no_grad()
    def features(self, pixels, grid):
        """[embeddings, deepstack ...], float32; pixels: [frames of a patch, patches, 3, patch, patch], normalised; one
        frame is repeated."""
        if self.kind in QWEN:
            frames = pixels.permute(1, 2, 0, 3, 4)
            if len(pixels) == 1:
                frames = frames.repeat(1, 1, self.config.temporal_patch_size, 1, 1)
            patches = frames.reshape(pixels.shape[1], -1)
            out = self.tower(patches.to(self.dtype), grid_thw=torch.tensor([grid]))
            return [level.float().numpy() for level in [out.pooler_output, *getattr(out, "deepstack_features", [])]]
        _, rows, cols = grid
        patch = self.config.patch_size
        image = pixels[0].reshape(rows, cols, 3, patch, patch).permute(2, 0, 3, 1, 4)
        image = image.reshape(1, 3, rows * patch, cols * patch)
        hidden = self.tower(pixel_values=image.to(self.dtype)).last_hidden_state
        return [self.projector(hidden)[0].float().numpy()]


def normalised(case, image):
    """As the fast processors do: (byte - 255 mean) / (255 std), in float32."""
    patch = case.config["vision_config"]["patch_size"]
    frames, rows, cols, *is_video = case.grids[image]
    patch_frames = case.config["vision_config"]["temporal_patch_size"] if is_video else 1
    pixels = seeded_bytes(SEED, f"image.{image}", [patch_frames, frames * rows * cols, 3, patch, patch], 0, 255)
    mean, std = CLASS_NORM.get(case.config["model_type"], ([0.5] * 3, [0.5] * 3))
    mean = torch.tensor(case.preprocessor.get("image_mean", mean)) * 255.0
    std = torch.tensor(case.preprocessor.get("image_std", std)) * 255.0
    return (torch.tensor(pixels).float() - mean[:, None, None]) / std[:, None, None]


def make_case(case, output):
    folder = output / case.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")
    if case.preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(case.sizes() | case.preprocessor) + "\n")
    towers = [Tower(case, AutoConfig.from_pretrained(folder), dtype) for dtype in (torch.float32, torch.bfloat16)]
    images, kept = [], []
    for i, (frames, rows, cols, *_) in enumerate(case.grids):
        pixels, grid = normalised(case, i), (frames, rows, cols)
        levels, rounded = (tower.features(pixels, grid) for tower in towers)
        kept += levels
        # The root of the mean square of bfloat16's differences, relative to that of the features.
        differences = [float(np.sqrt(((a - b)**2).mean() / (a**2).mean())) for a, b in zip(levels, rounded)]
        images.append({"grid": grid, "tokens": len(levels[0]), "bfloat16_differences":
                       [float(f"{difference:.4g}") for difference in differences]})
        if len(pixels) > 1:
            images[-1]["patch_frames"] = len(pixels)
    np.concatenate([level.astype("<f4").ravel() for level in kept]).tofile(folder / "features.f32")
    tensors = [{"name": full_name(case, name), "shape": shape, "scale": float(np.float32(scale)),
                "offset": float(np.float32(offset))} for name, shape, scale, offset in vision_tensors(case)]
    lines = ",\n".join("    " + json.dumps(tensor) for tensor in tensors)
    (folder / "fixture.json").write_text(
        f'{{\n  "seed": {SEED},\n  "stored": "{case.stored}",\n  "images": {json.dumps(images)},\n'
        f'  "levels": {len(kept) // len(images)},\n  "tensors": [\n{lines}\n  ]\n}}\n')
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{case.name}: |feature| <= {max(np.abs(level).max() for level in kept):.2f}, "
          f"bfloat16 differs by {[image['bfloat16_differences'] for image in images]}, {size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "vision")
    parser.add_argument("cases", nargs="*", help="names; all by default")
    args = parser.parse_args()
    unknown = set(args.cases) - {case.name for case in VISION_CASES}
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    for case in VISION_CASES:
        if not args.cases or case.name in args.cases:
            make_case(case, args.output)


if __name__ == "__main__":
    main()
