#!/usr/bin/env python3
"""Makes tests/fixtures/models/quantized_…: what transformers computes with the weights that quantized checkpoints mean.

The layers of quantized_cases.py are dequantized by their formulas (quantized_layers.py) into an ordinary float32
checkpoint, which transformers runs. Activations are not rounded to 8 bits. Where transformers reads the quantized
directory itself (compressed-tensors; fp8 in blocks), the weights that it computes must be the same.

Needs torch, transformers, compressed-tensors and numpy.

    tools/make_quantized_fixtures.py [--output tests/fixtures/models] [case ...]
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from make_model_fixtures import _values, evaluate, load, make_prompts, run, write_expected
from model_tensors import tensors_of
from quantized_cases import CASES
from quantized_layers import array_of, floats_of
from safetensors_writer import write_safetensors
from seeded_weights import round_to_bfloat16, seeded_values, to_stored


def layers_and_others(case):
    """The described layers, by name, and the other tensors as fixture.json has them."""
    layers, others = {}, []
    for name, shape, scale, offset, same_as in tensors_of(case.base):
        is_layer = name.startswith("model.layers.") and name.endswith("_proj.weight")
        if is_layer:
            layer = name.removesuffix(".weight")
            layers[layer] = case.layer(layer, shape[0], shape[1], scale, case.base.stored)
        else:
            others.append({"name": name, "shape": shape, **_values(scale, offset)})
    return layers, others


def write_plain(folder, case, layers, others, seed):
    """The dequantized checkpoint, all in float32. Returns its matrices by name."""
    tensors = {}
    for tensor in others:
        values = seeded_values(seed, tensor["name"], tensor["shape"], tensor["scale"], tensor["offset"])
        tensors[tensor["name"]] = floats_of(to_stored(values, case.base.stored), case.base.stored)
    for name, layer in layers.items():
        tensors[name + ".weight"] = layer.matrix(seed)
    write_safetensors(folder / "model.safetensors", [(n, "F32", list(t.shape)) for n, t in tensors.items()],
                      lambda name: np.ascontiguousarray(tensors[name], dtype="<f4"))
    (folder / "config.json").write_text(json.dumps(case.base.config))
    return tensors


def write_quantized(folder, case, described, seed):
    arrays = {t["name"]: (t.get("dtype", case.base.stored), array_of(seed, {"dtype": case.base.stored, **t}))
              for t in described}
    write_safetensors(folder / "model.safetensors", [(n, d, list(a.shape)) for n, (d, a) in arrays.items()],
                      lambda name: np.ascontiguousarray(arrays[name][1]))
    (folder / "config.json").write_text(json.dumps({**case.base.config, "quantization_config": case.quantization}))


def weights_of_transformers(folder, case):
    """The dequantized weights that transformers reads from the quantized directory; None: it cannot here."""
    method = case.quantization["quant_method"]
    if method == "compressed-tensors":
        from transformers import CompressedTensorsConfig
        how = CompressedTensorsConfig(run_compressed=False)
    elif method == "fp8" and "weight_block_size" in case.quantization:
        from transformers import FineGrainedFP8Config
        how = FineGrainedFP8Config(dequantize=True)
    else:
        return None
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=how)
    return {name: value.float().numpy() for name, value in model.state_dict().items()}


def compare_with_transformers(folder, case, matrices):
    own = weights_of_transformers(folder, case)
    if own is None:
        return "its formula alone"
    count = 0
    for name, expected in matrices.items():
        if not name.endswith("_proj.weight"):
            continue
        # compressed-tensors computes in the scales' type, which rounds each product once.
        rounded = floats_of(round_to_bfloat16(expected).reshape(expected.shape), "BF16")
        if not np.array_equal(own[name], expected) and not np.array_equal(own[name], rounded):
            worst = float(np.abs(own[name] - expected).max() / np.abs(expected).max())
            raise SystemExit(f"{case.name}: {name} of transformers differs by {worst:.1e}")
        count += 1
    return f"transformers' own {count} weights are the same"


def make_case(case, output):
    layers, others = layers_and_others(case)
    described = [*others, *(t for layer in layers.values() for t in layer.tensors)]
    vocab = case.base.config["vocab_size"]
    for seed in range(1, 200):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as quantized:
            matrices = write_plain(pathlib.Path(folder), case, layers, others, seed)
            made, why_not = evaluate(load(folder, torch.float32), load(folder, torch.bfloat16),
                                     make_prompts(seed, vocab), case.base.kept_rows)
            if made:
                write_quantized(pathlib.Path(quantized), case, described, seed)
                held_to = compare_with_transformers(quantized, case, matrices)
                break
        print(f"  {case.name}: seed {seed}: {why_not}", file=sys.stderr)
    else:
        raise SystemExit(f"{case.name}: no seed will do")
    rows, prompts, kl, _ = made
    folder = output / case.name
    write_expected(folder, rows, prompts, kl, seed=seed, stored=case.base.stored, vocab=vocab, tensors=described)
    config = {**case.base.config, "quantization_config": case.quantization}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{case.name}: seed {seed}, {rows.shape[0]} rows, |logit| <= {np.abs(rows).max():.2f}, "
          f"bfloat16 median KL {kl:.2e}, {size} bytes; {held_to}")


if __name__ == "__main__":
    run(__doc__, CASES, make_case)
