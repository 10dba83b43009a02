#!/usr/bin/env python3
"""Writes src/braid/worker/sampler/testdata/cases.json: draws of a plain float64 sampler, for the sampler's tests.

Every step follows its definition over the whole vocabulary, with full sorts. Random numbers come from Philox4x32-10,
implemented here a second time. A case that rounding to float32 could decide (a draw or a mass at a border) is replaced.
Needs numpy.
"""
import json
import pathlib

import numpy as np

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "src/braid/worker/sampler/testdata/cases.json"
MARGIN = 1e-5
DRAWS = 12


def philox(counter, key):
    counter, key = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(second >> 32) ^ counter[1] ^ key[0], second & 0xFFFFFFFF,
                   (first >> 32) ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def uniform(seed, position):
    words = philox([position & 0xFFFFFFFF, position >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return (((words[1] << 32) | words[0]) >> 11) / 2.0**53


class TooClose(Exception):
    """Raised when rounding could decide the case."""


def adjusted(logits, case):
    row = logits.copy()
    for token in set(case["prompt_tokens"]) | set(case["output_tokens"]):
        penalty = case["repetition_penalty"]
        row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    for token in set(case["output_tokens"]):
        count = case["output_tokens"].count(token)
        row[token] -= case["presence_penalty"] + case["frequency_penalty"] * count
    for token, bias in case["logit_bias"]:
        row[token] += bias
    if case["num_output_tokens"] < case["min_new_tokens"]:
        row[case["stop_token_ids"]] = -np.inf
    return row


def softmax(row):
    weights = np.exp(row - row.max())
    return weights / weights.sum()


def by_likelihood(values):
    """Indices, largest value first, ties to the lowest index."""
    return np.lexsort((np.arange(len(values)), -values))


def probabilities(row, case):
    row = row / case["temperature"]
    if 0 < case["top_k"] < len(row):
        order = by_likelihood(row)
        row[order[case["top_k"]:]] = -np.inf
    if case["top_p"] < 1:
        chances = softmax(row)
        order = by_likelihood(chances)
        mass = np.cumsum(chances[order])
        if np.abs(mass - case["top_p"]).min() < MARGIN:
            raise TooClose
        row[order[np.searchsorted(mass, case["top_p"]) + 1:]] = -np.inf
    if case["min_p"] > 0:
        chances = softmax(row)
        relative = chances / chances.max()
        if np.abs(relative - case["min_p"]).min() < MARGIN:
            raise TooClose
        row[relative < case["min_p"]] = -np.inf
    return softmax(row)


def draw(chances, number):
    borders = np.cumsum(chances)
    if np.abs(borders - number).min() < MARGIN:
        raise TooClose
    return int(np.searchsorted(borders, number, side="right"))


def solve(case):
    logits = np.array(case["logits"], dtype=np.float32).astype(np.float64)
    row = adjusted(logits, case)
    log_probabilities = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    if case["temperature"] == 0:
        tokens = [int(by_likelihood(row)[0])] * DRAWS
    else:
        chances = probabilities(row, case)
        tokens = [draw(chances, uniform(seed, case["num_output_tokens"])) for seed in case["seeds"]]
    top = by_likelihood(logits)[:case["top_logprobs"]]
    return {
        "tokens": tokens,
        "logprobs": [round(float(log_probabilities[token]), 7) for token in tokens],
        "top_ids": [int(token) for token in top],
        "top_logprobs": [round(float(log_probabilities[token]), 7) for token in top],
    }


def make_case(random, number):
    vocab = int(random.choice([1, 2, 17, 40, 130, 300]))
    spread = float(random.choice([0.5, 2.0, 6.0]))
    logits = (random.standard_normal(vocab) * spread).round(3).astype(np.float32)
    if number % 5 == 0:  # ties
        logits = logits.round(0)
    if number % 7 == 0:
        logits[random.random(vocab) < 0.3] = -1e30
    chance = random.random

    def tokens(count):
        return [int(token) for token in random.integers(0, vocab, count)]

    penalties = number % 3 == 0
    case = {
        "logits": [float(f"{x:.9g}") for x in logits],
        "temperature": float(random.choice([0.0, 0.3, 0.7, 1.0, 1.0, 1.7])),
        "top_k": int(random.choice([0, 0, 1, 3, 20, 1000])),
        "top_p": float(random.choice([1.0, 1.0, 0.95, 0.8, 0.3])),
        "min_p": float(random.choice([0.0, 0.0, 0.05, 0.4])),
        "repetition_penalty": 1.3 if penalties and chance() < 0.7 else 1.0,
        "presence_penalty": 0.6 if penalties and chance() < 0.5 else 0.0,
        "frequency_penalty": -0.4 if penalties and chance() < 0.5 else 0.0,
        "logit_bias": [[token, round(float(random.normal(0, 3)), 3)] for token in sorted(set(tokens(3)))]
        if number % 4 == 1 else [],
        "prompt_tokens": tokens(5) if penalties else [],
        "output_tokens": tokens(8) if penalties else [],
        "num_output_tokens": int(random.integers(0, 1000)),
        "min_new_tokens": 2000 if number % 6 == 2 and vocab > 2 else 0,
        "stop_token_ids": sorted(set(tokens(2))),
        "top_logprobs": int(random.choice([0, 1, 5, 20])),
        "seeds": [int(seed) for seed in random.integers(0, 2**63, DRAWS)],
    }
    case["expected"] = solve(case)
    return case


def main():
    random = np.random.default_rng(20240607)
    cases = []
    while len(cases) < 90:
        try:
            cases.append(make_case(random, len(cases)))
        except TooClose:
            pass
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    OUTPUT.write_text(f"[\n{lines}\n]\n")
    print(f"{OUTPUT}: {len(cases)} cases, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
