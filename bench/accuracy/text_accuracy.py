#!/usr/bin/env python3
"""How far quantized weights, rows and caches move a model on real text.

    bench/accuracy/text_accuracy.py --model-path MODEL.gguf [--braid build/release/braid] [--text FILE …] [--tokens 20480] \\
        "8-bit rows=" "16-bit rows=--activation-bits 16" "another file=--model-path OTHER.gguf"

Each argument is a name and the flags of `braid logits` that it stands for. The reference is MODEL itself, widened, in
float32. Prints a table: mean and 99th percentile of KL(reference || variant) over all tokens, how often both would
choose the same next token, and perplexity. The text is this repository's docs unless --text names another."""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINDOW = 1024  # tokens that see one another
REFERENCE = ["--dtype", "float32"]


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def token_windows(options):
    text = "".join(path.read_text(encoding="utf-8") for path in options.text)
    result = subprocess.run([options.braid, "tokenize", "--model-path", options.model_path], check=True, text=True,
                            input=json.dumps(text) + "\n", stdout=subprocess.PIPE)
    tokens = json.loads(result.stdout)[:options.tokens]
    if len(tokens) < options.tokens:
        raise SystemExit(f"error: the text has {len(tokens)} tokens, --tokens {options.tokens}")
    return [tokens[first:first + WINDOW] for first in range(0, len(tokens), WINDOW)]


def log_probabilities(options, flags, tokens):
    """[tokens, vocabulary]"""
    model = [] if "--model-path" in flags else ["--model-path", options.model_path]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "logits.npy"
        subprocess.run([options.braid, "logits", *model, *flags, "--input-ids", ",".join(map(str, tokens)),
                        "--output", file, "--log-level", "error"], check=True, stdout=subprocess.DEVNULL)
        return log_softmax(np.load(file))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--braid", default=ROOT / "build" / "release" / "braid")
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--text", type=pathlib.Path, nargs="*", default=sorted((ROOT / "docs").glob("*.md")))
    parser.add_argument("--tokens", type=int, default=20480)
    parser.add_argument("variants", nargs="+", metavar="NAME=FLAGS")
    options = parser.parse_args()
    variants = {}
    for variant in options.variants:
        name, _, flags = variant.partition("=")
        variants[name] = flags.split()

    divergences = {name: [] for name in variants}
    agreements = {name: [] for name in variants}
    likelihoods = {name: [] for name in ["float32", *variants]}
    for tokens in token_windows(options):
        following = (np.arange(len(tokens) - 1), tokens[1:])
        reference = log_probabilities(options, REFERENCE, tokens)
        likelihoods["float32"].append(reference[following])
        for name, flags in variants.items():
            other = log_probabilities(options, flags, tokens)
            divergences[name].append((np.exp(reference) * (reference - other)).sum(axis=1))
            agreements[name].append(reference.argmax(axis=1) == other.argmax(axis=1))
            likelihoods[name].append(other[following])

    def perplexity(name):
        return np.exp(-np.concatenate(likelihoods[name]).astype(np.float64).mean())

    print("| | mean KL | P99 KL | same next token | perplexity |\n| --- | --- | --- | --- | --- |")
    print(f"| float32 | | | | {perplexity('float32'):.3f} |")
    for name in variants:
        divergence = np.concatenate(divergences[name]).astype(np.float64)
        agreement = np.concatenate(agreements[name]).mean()
        print(f"| {name} | {divergence.mean():.2e} | {np.percentile(divergence, 99):.2e} | {agreement:.1%} | "
              f"{perplexity(name):.3f} |")


if __name__ == "__main__":
    main()
