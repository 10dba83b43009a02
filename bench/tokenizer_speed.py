#!/usr/bin/env python3
"""braid's tokenizer compared with Hugging Face `tokenizers`: one thread, the same text, one run,
processor time.

  bench/tokenizer_speed.py build/release/bench/tokenizer_speed [--tokenizer tokenizer.json …] [--text FILE] [--folder F]

Without --tokenizer: the fixtures' pipelines with vocabularies of 32 000 trained on the text. Training takes minutes;
--folder keeps the result, and --train does nothing else. Without --text: the Python standard library's sources (mostly
ASCII) and a text of many scripts, each by itself. Needs `pip install tokenizers`.
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
    return "".join(open(path, encoding="utf-8", errors="replace").read() for path in files)[:2_500_000]


def many_scripts_text():
    """Two megabytes of words of eight scripts, frequent words more often, with spaces and punctuation."""
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
    """Divided like in tokenizer_speed.cc."""
    data, begin = text.encode(), 0
    while begin < len(data):
        end = data.find(b"\n", min(begin + 10_000, len(data)))
        end = len(data) if end < 0 else end + 1
        yield data[begin:end].decode()
        begin = end


def reference(tokenizer, text):
    best, parts, value, count = 0.0, list(documents(text)), 14695981039346656037, 0
    for _ in range(2):
        start = time.process_time()
        encoded = [tokenizer.encode(part, add_special_tokens=False) for part in parts]
        best = max(best, len(text.encode()) / (time.process_time() - start))
    for encoding in encoded:
        for token in encoding.ids:
            value = (value ^ token) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
            count += 1
    return best, count, f"{value:016x}"


def retrained(path, texts):
    """The pipeline of `path`, trained to a vocabulary of 32 000. A SentencePiece pipeline is trained on words."""
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    model = content["model"]
    content.update(added_tokens=[], post_processor=None)
    pipeline = content | {"model": model | {"vocab": {}, "merges": [], "unk_token": None}}
    options = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    if model["byte_fallback"]:
        pipeline |= {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581",
                                                           "prepend_scheme": "always", "split": True}}
        options = {"special_tokens": ["<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)], "limit_alphabet": 3000}
    tokenizer = Tokenizer.from_str(json.dumps(pipeline))
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=32_000, show_progress=False, **options))
    trained = json.loads(tokenizer.to_str())["model"]
    content["model"] = model | {"vocab": trained["vocab"], "merges": trained["merges"]}
    return Tokenizer.from_str(json.dumps(content))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--tokenizer", action="append", default=[])
    parser.add_argument("--text")
    parser.add_argument("--folder")
    parser.add_argument("--train", action="store_true")
    options = parser.parse_args()
    texts = {"code": code_text(), "many scripts": many_scripts_text()}
    if options.text:
        texts = {options.text: open(options.text, encoding="utf-8").read()}
    print(f"{'tokenizer':<12} {'text':<14} {'braid MB/s':>10} {'tokenizers MB/s':>16} {'ratio':>6}  same ids")
    with tempfile.TemporaryDirectory() as folder:
        for path in options.tokenizer or sorted(glob.glob(FIXTURES)):
            name = os.path.splitext(os.path.basename(path))[0]
            tokenizer_path = path if options.tokenizer else os.path.join(options.folder or folder, name + ".json")
            if not os.path.exists(tokenizer_path):
                retrained(path, texts.values()).save(tokenizer_path)
            if options.train:
                continue
            tokenizer = Tokenizer.from_file(tokenizer_path)
            for kind, text in texts.items():
                text_path = os.path.join(folder, "text")
                with open(text_path, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                run = subprocess.run([options.program, tokenizer_path, text_path, "2"], check=True, capture_output=True)
                ours = json.loads(run.stdout)
                theirs, count, value = reference(tokenizer, text)
                same = ours["ids"] == count and ours["hash"] == value
                print(f"{name:<12} {kind:<14} {ours['bytes_per_s'] / 1e6:>10.1f} {theirs / 1e6:>16.1f} "
                      f"{ours['bytes_per_s'] / theirs:>6.1f}  {'yes' if same else 'NO'}", flush=True)


if __name__ == "__main__":
    main()
