#!/usr/bin/env python3
"""Makes tests/fixtures/models: what transformers computes for the tiny checkpoints of model_cases.py.

Needs torch, transformers and numpy. The layout is described in tests/fixtures/models/README.md.

    tools/make_model_fixtures.py [--output tests/fixtures/models] [case ...]
"""

import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

import image_prompts
from model_cases import CASES
from model_configs import text_config
from model_tensors import tensors_of
from safetensors_writer import write_safetensors
from seeded_weights import seeded_bytes, seeded_values, to_stored

PROMPT_LENGTHS = [1, 7, 40, 201]
GREEDY_TOKENS = 24
# A greedy choice is recorded only where the best logit leads the second by this fraction of the row's largest logit:
# five times the allowed difference of braid's float32.
GREEDY_MARGIN = 1e-3
# Two experts' probabilities at the border of the top k must differ by this much, or rounding might route a token
# elsewhere.
ROUTER_MARGIN = 2e-5


def write_checkpoint(folder, config, tensors, stored, seed):
    """Writes a Hugging Face directory, as tests/support does."""
    folder = pathlib.Path(folder)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    by_name = {t[0]: t for t in tensors}

    def make(name):
        _, shape, scale, offset, same_as = by_name[name]
        if same_as:
            _, shape, scale, offset, _ = by_name[same_as]
        if isinstance(scale, range):
            return seeded_bytes(seed, name, shape, scale[0], scale[-1])
        return np.ascontiguousarray(to_stored(seeded_values(seed, same_as or name, shape, scale, offset), stored))

    listed = [(name, "U8" if isinstance(scale, range) else stored, shape) for name, shape, scale, *_ in tensors]
    write_safetensors(folder / "model.safetensors", listed, make)


def load(folder, dtype, has_images=False):
    loader = AutoModelForImageTextToText if has_images else AutoModelForCausalLM
    model, info = loader.from_pretrained(folder, dtype=dtype, attn_implementation="eager",
                                         experts_implementation="eager", output_loading_info=True)
    if info["missing_keys"] or info["mismatched_keys"]:
        raise SystemExit(f"{folder}: transformers found other tensors than it wants: {info}")
    return model.eval()


@torch.no_grad()
def logits_of(model, ids):
    return model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()


def greedy(model, prompt, count):
    """Greedy ids, and the smallest lead of a chosen id relative to its row's largest logit."""
    ids, lead = list(prompt), np.inf
    for _ in range(count):
        row = logits_of(model, ids)[-1]
        second, first = np.sort(row)[-2:]
        lead = min(lead, float(first - second) / float(np.abs(row).max()))
        ids.append(int(row.argmax()))
    return ids[len(prompt):], lead


class RouterMargin:
    """Watches every router for the smallest gap between the last expert (or group) chosen and the first one not."""

    def __init__(self, model):
        self.smallest = np.inf
        for name, module in model.named_modules():
            if type(module).__name__.endswith("TopKRouter"):
                module.register_forward_hook(self._look)
            if type(module).__name__.endswith("TopkRouter"):
                module.register_forward_hook(self._look_at_groups)

    def _look(self, module, _, output):
        self._compare(torch.softmax(output[0].float(), dim=-1), module.top_k)

    def _look_at_groups(self, module, _, output):
        scores = output[0].float().sigmoid() + module.e_score_correction_bias.float()
        groups = scores.view(len(scores), module.num_group, -1)
        of_groups = groups.topk(2, dim=-1).values.sum(dim=-1)
        self._compare(of_groups, module.topk_group)
        best = of_groups.topk(module.topk_group, dim=-1).indices
        self._compare(torch.stack([g[b].flatten() for g, b in zip(groups, best)]), module.top_k)

    def _compare(self, scores, count):
        s = scores.sort(dim=-1, descending=True).values
        if s.shape[-1] > count:
            self.smallest = min(self.smallest, float((s[:, count - 1] - s[:, count]).min()))


def rows_kept(length, kept_rows):
    """Every n-th row of a prompt, n by its length (model_cases.Case.kept_rows), and its last row."""
    of_long, of_short = kept_rows
    return sorted({*range(0, length, of_short if length <= 64 else of_long), length - 1})


def median_kl(reference, other):
    """Median over rows of KL(softmax(reference) || softmax(other))."""
    def log_softmax(x):
        x = x.astype(np.float64)
        x = x - x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    p, q = log_softmax(reference), log_softmax(other)
    return float(np.median((np.exp(p) * (p - q)).sum(axis=-1)))


def evaluate(model, bf16_model, prompts, kept_rows, images=None):
    """(expected logits, description of each prompt, bfloat16's KL, what image_prompts.evaluate makes of `images`), or
    why these weights cannot be used."""
    watch = RouterMargin(model)
    described, rows, rows_bf16 = [], [], []
    for prompt in prompts:
        kept = rows_kept(len(prompt), kept_rows)
        rows.append(logits_of(model, prompt)[kept])
        rows_bf16.append(logits_of(bf16_model, prompt)[kept])
        ids, lead = greedy(model, prompt, GREEDY_TOKENS)
        if lead < GREEDY_MARGIN:
            return None, f"a greedy choice leads by {lead:.1e} only"
        described.append({"ids": prompt, "rows": kept, "greedy": ids})
    of_images = None
    if images:
        of_images, why_not = image_prompts.evaluate(model, images, lambda length: rows_kept(length, kept_rows),
                                                    GREEDY_MARGIN)
        if not of_images:
            return None, why_not
    if watch.smallest < ROUTER_MARGIN:
        return None, f"two experts are {watch.smallest:.1e} apart"
    rows, rows_bf16 = np.concatenate(rows), np.concatenate(rows_bf16)
    return (rows, described, median_kl(rows, rows_bf16), of_images), None


def make_prompts(seed, vocab):
    rng = np.random.default_rng(seed)
    return [[int(i) for i in rng.integers(0, vocab, n)] for n in PROMPT_LENGTHS]


def write_expected(folder, rows, described, kl, **more):
    folder.mkdir(parents=True, exist_ok=True)
    rows.astype("<f4").tofile(folder / "logits.f32")
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in more.items() if k != "tensors"]
    if "tensors" in more:
        lines.append('  "tensors": [\n' + ",\n".join("    " + json.dumps(t) for t in more["tensors"]) + "\n  ]")
    lines.append(f'  "bfloat16_median_kl": {kl:.6g}')
    lines.append('  "prompts": [\n' + ",\n".join("    " + json.dumps(p) for p in described) + "\n  ]")
    (folder / "fixture.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _values(scale, offset):
    if isinstance(scale, range):
        return {"bytes": [scale[0], scale[-1]]}
    return {"scale": float(np.float32(scale)), "offset": float(np.float32(offset))}


def make_case(case, output):
    tensors = tensors_of(case)
    vocab = text_config(case.config)["vocab_size"]
    for seed in range(1, 200):
        with tempfile.TemporaryDirectory() as folder:
            write_checkpoint(folder, case.config, tensors, case.stored, seed)
            images = image_prompts.ImagePrompts(case, seed, vocab) if case.images else None
            made, why_not = evaluate(load(folder, torch.float32, bool(images)),
                                     load(folder, torch.bfloat16, bool(images)), make_prompts(seed, vocab),
                                     case.kept_rows, images)
        if made:
            break
        print(f"  {case.name}: seed {seed}: {why_not}", file=sys.stderr)
    else:
        raise SystemExit(f"{case.name}: no seed will do")
    rows, described, kl, of_images = made
    folder = output / case.name
    write_expected(folder, rows, described, kl, seed=seed, stored=case.stored, vocab=vocab,
                   tensors=[{"name": n, "shape": s, **_values(scale, offset),
                             **({"same_as": same_as} if same_as else {})} for n, s, scale, offset, same_as in tensors])
    if of_images:
        image_prompts.write(folder, of_images)
    (folder / "config.json").write_text(json.dumps(case.config, indent=2) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{case.name}: seed {seed}, {rows.shape[0]} rows, |logit| <= {np.abs(rows).max():.2f}, "
          f"bfloat16 median KL {kl:.2e}, {size} bytes")


def run(description, cases, make):
    """The command line of a fixture script: calls make(case, folder) for the named ones of `cases`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "models")
    parser.add_argument("cases", nargs="*", help="names; all by default")
    args = parser.parse_args()
    unknown = set(args.cases) - {c.name for c in cases}
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for case in cases:
        if not args.cases or case.name in args.cases:
            make(case, args.output)


if __name__ == "__main__":
    run(__doc__, CASES, make_case)
