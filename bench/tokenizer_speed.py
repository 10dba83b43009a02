#!/usr/bin/env python3
"""braid's tokenizer beside Hugging Face `tokenizers`: one thread, the same text, one run,
processor time.

  bench/tokenizer_speed.py build/release/bench/tokenizer_speed [--tokenizer tokenizer.json …] [--text FILE]

Without --tokenizer: the fixtures' pipelines with vocabularies of 32 000 trained on the text. Without --text: the Python
standard library's sources (ASCII, mostly) and a text of many scripts, each by itself. Needs `pip install tokenizers`.
"""
import argparse
import glob
import json
import os
import random
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer, pre_tokenizers, trainers  # noqa: E402  (after the environment is set)

FIXTURES = "src/braid/tokenizer/testdata/*.json"


def code_text():
    folder = os.path.dirname(os.__file__)
    files = sorted(glob.glob(folder + "/*.py"))
    return "".join(open(path, encoding="utf-8", errors="replace").read() for path in files)[:5_000_000]


def many_scripts_text():
    """Words of eight scripts, frequent ones more often, with spaces and punctuation: two megabytes."""
    draw = random.Random(3)
    blocks = [(0x61, 26), (0xE0, 30), (0x3B1, 24), (0x430, 32), (0x5D0, 26), (0x627, 30), (0x915, 40), (0x4E00, 2000),
              (0xAC00, 1000), (0x1F600, 60)]
    words = []
    for _ in range(20_000):
        first, size = draw.choice(blocks)
        words.append("".join(chr(first + draw.randrange(size)) for _ in range(draw.randint(1, 7))))
    weights = [1 / (i + 1) for i in range(len(words))]
    draw.shuffle(words)
    picked = draw.choices(words, weights, k=200_000)
    return "".join(word + draw.choice([" "] * 12 + [", ", ". ", "\n"]) for word in picked)


def documents(text):
    """As tokenizer_speed.cc cuts them."""
    data, begin = text.encode(), 0
    while begin < len(data):
        end = data.find(b"\n", min(begin + 10_000, len(data)))
        end = len(data) if end < 0 else end + 1
        yield data[begin:end].decode()
        begin = end


def reference(tokenizer, text):
    best, parts, value, count = 0.0, list(documents(text)), 14695981039346656037, 0
    for repeat in range(3):
        start = time.process_time()
        encoded = [tokenizer.encode(part, add_special_tokens=False) for part in parts]
        best = max(best, len(text.encode()) / (time.process_time() - start))
    for encoding in encoded:
        for token in encoding.ids:
            value = (value ^ token) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
            count += 1
    return best, count, f"{value:016x}"


def retrained(path, texts):
    tokenizer = Tokenizer.from_file(path)
    if json.loads(tokenizer.to_str())["pre_tokenizer"] is None:
        return tokenizer
    content = json.loads(tokenizer.to_str())
    content.update(added_tokens=[], post_processor=None)
    content["model"].update(vocab={}, merges=[])
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=32_000, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--tokenizer", action="append", default=[])
    parser.add_argument("--text")
    options = parser.parse_args()
    texts = {"code": code_text(), "many scripts": many_scripts_text()}
    if options.text:
        texts = {options.text: open(options.text, encoding="utf-8").read()}
    print(f"{'tokenizer':<10} {'text':<14} {'braid MB/s':>10} {'tokenizers MB/s':>16} {'ratio':>6}  same ids")
    with tempfile.TemporaryDirectory() as folder:
        for path in options.tokenizer or sorted(glob.glob(FIXTURES)):
            name = os.path.splitext(os.path.basename(path))[0]
            tokenizer = Tokenizer.from_file(path) if options.tokenizer else retrained(path, texts.values())
            tokenizer_path = os.path.join(folder, "tokenizer.json")
            tokenizer.save(tokenizer_path)
            for kind, text in texts.items():
                text_path = os.path.join(folder, "text")
                with open(text_path, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                run = subprocess.run([options.program, tokenizer_path, text_path, "3"], check=True, capture_output=True)
                ours = json.loads(run.stdout)
                theirs, count, value = reference(tokenizer, text)
                same = ours["ids"] == count and ours["hash"] == value
                print(f"{name:<10} {kind:<14} {ours['bytes_per_s'] / 1e6:>10.1f} {theirs / 1e6:>16.1f} "
                      f"{ours['bytes_per_s'] / theirs:>6.1f}  {'yes' if same else 'NO'}", flush=True)


if __name__ == "__main__":
    main()
