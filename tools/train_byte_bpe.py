"""Trains a byte-level BPE tokenizer on text that every machine with Python has, and pads it to any vocabulary size.

Needs only the standard library. It is for checkpoints with random weights: their tokenizer must have the right size and
kind and turn every text into ids and back, but need not be a good one.
"""

import collections
import functools
import json
import pathlib
import re

# The pattern of Qwen2 and Qwen3, as in their tokenizer.json.
QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
                 r"|\s+(?!\S)|\s+")
# Close enough for training, as a regular expression of Python's.
TRAINING_PATTERN = re.compile(r"[^\r\n\w]?[^\W\d_]+|\d| ?[^\s\w]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+|_+")

CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def byte_alphabet():
    """GPT-2's printable character for each byte."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            alphabet[byte] = chr(byte)
        else:
            alphabet[byte] = chr(256 + extra)
            extra += 1
    return alphabet


def training_text(limit=600_000):
    """Source and prose of Python's standard library, in a fixed order."""
    folder = pathlib.Path(json.__file__).parent.parent
    parts, size = [], 0
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        parts.append(text)
        size += len(text)
        if size >= limit:
            break
    return "".join(parts)[:limit]


def train(text, num_merges):
    """The merges of byte-pair encoding (Sennrich et al., arXiv 1508.07909), ties to the smaller pair."""
    alphabet = byte_alphabet()
    words = collections.Counter(TRAINING_PATTERN.findall(text))
    spelled = [[alphabet[b] for b in word.encode()] for word in words]
    counts = list(words.values())
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for index, word in enumerate(spelled):
        for pair in zip(word, word[1:]):
            pairs[pair] += counts[index]
            where[pair].add(index)
    merges = []
    while len(merges) < num_merges and pairs:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        for index in where.pop(best):
            word, count = spelled[index], counts[index]
            for pair in zip(word, word[1:]):
                pairs[pair] -= count
            joined, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and (word[i], word[i + 1]) == best:
                    joined.append(word[i] + word[i + 1])
                    i += 2
                else:
                    joined.append(word[i])
                    i += 1
            spelled[index] = joined
            for pair in zip(joined, joined[1:]):
                pairs[pair] += count
                where[pair].add(index)
        del pairs[best]
    return merges


@functools.lru_cache
def _trained(num_merges, text=None):
    return train(training_text() if text is None else text, num_merges)


def tokenizer_json(vocab_size, specials, num_merges=1500, text=None):
    """tokenizer.json's content: `specials` have the highest ids; unreachable fillers come before them.

    `text`: what the merges are learned from, if not Python's library.
    """
    merges = _trained(num_merges, text)
    tokens = [*byte_alphabet().values(), *(a + b for a, b in merges)]
    tokens = list(dict.fromkeys(tokens))
    num_fillers = vocab_size - len(specials) - len(tokens)
    if num_fillers < 0:
        raise ValueError(f"a vocabulary of {vocab_size} is too small for {len(tokens)} tokens and {len(specials)} special ones")
    tokens += [f"<unused{i}>" for i in range(num_fillers)]
    split = {"type": "Split", "pattern": {"Regex": QWEN2_PATTERN}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": len(tokens) + i, "content": text, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True} for i, text in enumerate(specials)],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)}, "merges": [f"{a} {b}" for a, b in merges]},
    }


SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write_tokenizer(folder, vocab_size, num_merges=1500):
    """tokenizer.json, tokenizer_config.json and generation_config.json; returns (bos or pad id, end-of-turn id)."""
    folder = pathlib.Path(folder)
    content = tokenizer_json(vocab_size, SPECIALS, num_merges)
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    end_of_text, _, end_of_turn = range(vocab_size - len(SPECIALS), vocab_size)
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "chat_template": CHATML_TEMPLATE, "clean_up_tokenization_spaces": False,
        "add_bos_token": False}, indent=2) + "\n", encoding="utf-8")
    (folder / "generation_config.json").write_text(json.dumps({
        "eos_token_id": [end_of_turn, end_of_text], "pad_token_id": end_of_text}, indent=2) + "\n", encoding="utf-8")
    return end_of_text, end_of_turn
