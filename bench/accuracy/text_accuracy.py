#!/usr/bin/env python3
"""How far quantized weights, rows and caches move a model on real text.

    bench/accuracy/text_accuracy.py --model-path MODEL.gguf [--braid build/release/braid] [--text FILE …] [--tokens 20480] \\
        "8-bit rows=" "16-bit rows=--activation-bits 16" "another file=--model-path OTHER.gguf" \\
        [--llama-perplexity build/bin/llama-perplexity]

Each argument is a name and the flags of `braid logits` that it stands for. The reference is MODEL itself, widened, in
float32. Prints a table: mean and 99th percentile of KL(reference || variant) over all tokens, how often both would
choose the same next token, and perplexity. The text is this repository's docs unless --text names another.

With --llama-perplexity a last row is llama.cpp's own for MODEL. It keeps the log-probabilities of each window's second
half, and those of a position within 16 of its largest, so all rows then count only these."""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINDOW = 1024  # tokens that see one another
KEPT_RANGE = 15.99  # llama.cpp raises what is 16 or more below a position's largest log-probability
REFERENCE = ["--dtype", "float32"]


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def token_windows(options):
    result = subprocess.run([options.braid, "tokenize", "--model-path", options.model_path], check=True, text=True,
                            input=json.dumps(text_of(options)) + "\n", stdout=subprocess.PIPE)
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


def text_of(options):
    return "".join(path.read_text(encoding="utf-8") for path in options.text)


def divergences_of(reference, other, is_cut):
    """KL(reference || other) at each position. Cut: only the terms of tokens that llama.cpp keeps, with q - p added to
    each, which is zero in sum over all tokens and keeps each term from being negative."""
    p = np.exp(reference)
    if not is_cut:
        return (p * (reference - other)).sum(axis=1)
    kept = other > other.max(axis=1, keepdims=True) - KEPT_RANGE
    return np.where(kept, p * (reference - other) - p + np.exp(other), 0).sum(axis=1)


def llama_log_probabilities(options, folder, windows):
    """For each window [tokens of its second half but the last, vocabulary], out of the file that llama-perplexity calls
    its base: "_logits_", the window's length, the vocabulary, the number of windows, all tokens, then for each position
    a scale and a smallest value (floats) and the steps above it, of 16 bits, an even number of them."""
    text = pathlib.Path(folder) / "text.txt"
    text.write_text(text_of(options), encoding="utf-8")
    base = pathlib.Path(folder) / "base"
    subprocess.run([options.llama_perplexity, "-m", options.model_path, "-f", text, "-c", str(WINDOW), "-b", str(WINDOW),
                    "--chunks", str(len(windows)), "--kl-divergence-base", base], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    header = np.fromfile(base, dtype=np.int32, count=3, offset=8)
    if header[0] != WINDOW or header[2] != len(windows):
        raise SystemExit(f"error: llama-perplexity kept {header[2]} windows of {header[0]} tokens")
    tokens = np.fromfile(base, dtype=np.int32, count=WINDOW * len(windows), offset=20)
    if not np.array_equal(tokens, np.concatenate(windows)):
        raise SystemExit("error: llama.cpp cuts this text into other tokens")
    vocabulary = int(header[1])
    rows = np.memmap(base, dtype=np.uint16, mode="r", offset=20 + tokens.nbytes,
                     shape=(len(windows), WINDOW // 2 - 1, 4 + (vocabulary + 1) // 2 * 2))
    for window in rows:
        scale, least = np.ascontiguousarray(window[:, :4]).view(np.float32).T
        yield window[:, 4:4 + vocabulary] * scale[:, None] + least[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--braid", default=ROOT / "build" / "release" / "braid")
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--text", type=pathlib.Path, nargs="*", default=sorted((ROOT / "docs").glob("*.md")))
    parser.add_argument("--tokens", type=int, default=20480)
    parser.add_argument("--llama-perplexity", type=pathlib.Path)
    parser.add_argument("variants", nargs="+", metavar="NAME=FLAGS")
    options = parser.parse_args()
    variants = {}
    for variant in options.variants:
        name, _, flags = variant.partition("=")
        variants[name] = flags.split()

    windows = token_windows(options)
    with tempfile.TemporaryDirectory() as folder:
        of_llama = llama_log_probabilities(options, folder, windows) if options.llama_perplexity else None
        print_table(options, variants, windows, of_llama)


def print_table(options, variants, windows, of_llama):
    names = [*variants, "llama.cpp"] if of_llama else [*variants]
    divergences = {name: [] for name in names}
    agreements = {name: [] for name in names}
    likelihoods = {name: [] for name in ["float32", *names]}
    for tokens in windows:
        counted = slice(len(tokens) // 2, len(tokens) - 1) if of_llama else slice(0, len(tokens))
        following = np.array(tokens[counted.start + 1:counted.stop + 1])
        positions = np.arange(len(following))
        reference = log_probabilities(options, REFERENCE, tokens)[counted]
        likelihoods["float32"].append(reference[positions, following])
        for name in names:
            if name in variants:
                other = log_probabilities(options, variants[name], tokens)[counted]
            else:
                other = next(of_llama)
            divergences[name].append(divergences_of(reference, other, of_llama is not None))
            agreements[name].append(reference.argmax(axis=1) == other.argmax(axis=1))
            likelihoods[name].append(other[positions, following])

    def perplexity(name):
        return np.exp(-np.concatenate(likelihoods[name]).astype(np.float64).mean())

    print("| | mean KL | P99 KL | same next token | perplexity |\n| --- | --- | --- | --- | --- |")
    print(f"| float32 | | | | {perplexity('float32'):.3f} |")
    for name in names:
        divergence = np.concatenate(divergences[name]).astype(np.float64)
        agreement = np.concatenate(agreements[name]).mean()
        print(f"| {name} | {divergence.mean():.2e} | {np.percentile(divergence, 99):.2e} | {agreement:.1%} | "
              f"{perplexity(name):.3f} |")


if __name__ == "__main__":
    main()
