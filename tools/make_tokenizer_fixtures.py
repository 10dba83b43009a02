#!/usr/bin/env python3
"""Writes src/braid/tokenizer/testdata/: small tokenizers with each family's pipeline, and what the reference
(Hugging Face `tokenizers` 0.23.3) makes of many strings.

The vocabularies are trained on text that every machine has: the Python standard library's sources and words drawn from
the Unicode character names. Needs `pip install tokenizers==0.23.3`. Run from the repository's root:
  tools/make_tokenizer_fixtures.py

<family>.json        the tokenizer
<family>.ids         per string of strings.txt one line: 8 hex digits of FNV-1a over ids, over the text decoded from them
code_points.<family> the same hash over all assigned code points alone, one line for each block of 256
strings.txt          JSON strings, one a line
splits.jsonl         Split's patterns and behaviours with a hash of the pieces (first line: texts beyond strings.txt);
                     `--splits` makes only this one
"""
import json
import os
import random
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUTPUT = "src/braid/tokenizer/testdata"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def corpus():
    """A megabyte of text in English, code and every script whose characters have names."""
    folder = os.path.dirname(os.__file__)
    for name in ("argparse.py", "ast.py", "asyncio/base_events.py", "datetime.py", "decimal.py", "difflib.py",
                 "inspect.py", "pathlib.py", "subprocess.py", "typing.py"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                yield from file
    draw = random.Random(1)
    letters = {}
    for c in range(0x80, 0x20000):
        if unicodedata.category(chr(c))[0] in "LMNSP":
            letters.setdefault(unicodedata.name(chr(c), "?").split()[0], []).append(chr(c))
    for script, characters in sorted(letters.items()):
        some = draw.sample(characters, min(len(characters), 8))
        for _ in range(12):
            yield " ".join("".join(draw.choices(some, k=draw.randint(1, 6))) for _ in range(6)) + "\n"


def byte_level(vocab_size, normalizer, pre_tokenizer, special, post_processor=None, ignore_merges=False, added=()):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        corpus(), trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False,
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(list(added))
    if post_processor:
        tokenizer.post_processor = post_processor(tokenizer)
    return tokenizer


def begin_of_text(tokenizer):
    token = "<|begin_of_text|>"
    return processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1",
                                      special_tokens=[(token, tokenizer.token_to_id(token))])])


def split_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentence_piece():
    """Llama-2's pipeline as transformers converts it: no pre-tokenizer, bytes for what the vocabulary lacks."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=1500, show_progress=False,
                                                                limit_alphabet=300, special_tokens=tokens))
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < 3]
    content["pre_tokenizer"] = None
    content["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    content["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return Tokenizer.from_str(json.dumps(content))


def families():
    chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    flags = [AddedToken("[left]", lstrip=True, normalized=False), AddedToken("[right]", rstrip=True, normalized=False),
             AddedToken("[both]", lstrip=True, rstrip=True, normalized=False),
             AddedToken("word", single_word=True, normalized=False), AddedToken("\u00e9t\u00e9", normalized=True),
             AddedToken("[n]", single_word=True, lstrip=True, rstrip=True, normalized=True),
             AddedToken("  \t", normalized=False), AddedToken("<think>", normalized=False, special=False)]
    return {
        "qwen2": byte_level(1000, normalizers.NFC(), split_bytes(QWEN2), chat, added=flags),
        "llama3": byte_level(1500, None, split_bytes(LLAMA3), ["<|begin_of_text|>", "<|eot_id|>"], begin_of_text, True),
        "gpt2": byte_level(800, None, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"]),
        "smollm2": byte_level(800, None, pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), chat),
        "llama2": sentence_piece(),
    }


def strings():
    draw = random.Random(2)
    by_category = {}
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            by_category.setdefault(unicodedata.category(chr(c)), []).append(chr(c))
    found = ["", " ", "\n", "Hello, world!", "I'm, you'RE, we'Ll, it'\u017f, IT'S 'tis", "a  b   c    d \n\n e \r\n f",
             "1234567890 12 345", "caf\u00e9 cafe\u0301 \u1e9b\u0323 \u1100\u1161\u11a8", "\u212b\u2126\u0958"]
    found += ["<|endoftext|>", " <|im_start|>user\n<|im_end|> ", "a<|eot_id|><|begin_of_text|>b", "<s>x</s> <unk>"]
    for token in ("[left]", "[right]", "[both]", "word", "\u00e9t\u00e9", "e\u0301te\u0301", "[n]", "  \t", "<think>"):
        for pattern in ("{}", " {} ", "a{}b", "a  {}  b", "\n\n{}\n\n", "{0}{0}", " {0} {0} ", "_{}\u0301", "-{}-",
                        "\u00b2{}\u200d", "\u3000{}\u00a0", "x [right]   {} "):
            found.append(pattern.format(token))
    for length in (31, 32, 33, 100, 1000):
        for unit in (" ", "a", "\n", "7", "\t", "\u00e9", "\u4e2d", "\U0001F600", "e\u0301\u0327", "ab ", "\r\n", "!"):
            found.append(unit * length)
            found.append("x" + unit * length + "y")
    emoji = ["\U0001F600", "\U0001F469\u200d\U0001F4BB", "\U0001F1E9\U0001F1EA", "\u2764\ufe0f", "\U0001F44D\U0001F3FD",
             "\U0001F468\u200d\U0001F469\u200d\U0001F467", "1\ufe0f\u20e3", "\U0001F3F4\U000E0067\U000E0062\U000E007F"]
    for _ in range(150):
        found.append("".join(draw.choice(emoji + [" ", "a"]) for _ in range(draw.randint(1, 12))))
    for category, members in sorted(by_category.items()):
        for _ in range(25):
            found.append("".join(draw.choices(members, k=draw.randint(1, 12))))
    categories = sorted(by_category)
    for _ in range(700):
        found.append("".join(draw.choice(by_category[draw.choice(categories)]) for _ in range(draw.randint(1, 30))))
    marks = by_category["Mn"] + by_category["Mc"]
    for _ in range(250):
        found.append("".join(draw.choice("aeiou\u0915\uac00\u1100" + "\u1161\u11a8") if draw.random() < 0.4 else draw.choice(marks)
                             for _ in range(draw.randint(2, 20))))
    words = " ".join(corpus()).split(" ")
    for _ in range(300):
        found.append(" ".join(draw.choices(words, k=draw.randint(1, 10))))
    for _ in range(250):
        found.append(bytes(draw.choices(range(256), k=draw.randint(1, 30))).decode("utf-8", "replace"))
    for _ in range(150):
        found.append("".join(draw.choice(" \n\r\t\u00a0\u0085\u180e\u3000'aZ\u00e9sS\u017fk\u212a1\u00b2!.") for _ in range(draw.randint(1, 24))))
    return found


def fnv(data, start=0x811C9DC5):
    for byte in data:
        start = (start ^ byte) * 0x01000193 & 0xFFFFFFFF
    return start


def hash_of(tokenizer, text):
    """Over the ids with special tokens, and over the text of those with and without them."""
    ids = tokenizer.encode(text, add_special_tokens=True).ids
    value = fnv(b"".join(i.to_bytes(4, "little") for i in ids))
    value = fnv(tokenizer.decode(ids, skip_special_tokens=True).encode(), value)
    return fnv(tokenizer.decode(ids, skip_special_tokens=False).encode(), value)


def splits():
    """What Split makes of every seventh string, for patterns of many families and every behaviour."""
    o200k = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
             r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
             r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    deepseek3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
                 r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    regexes = [LLAMA3, QWEN2, o200k, deepseek3, "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", r"[\p{Han}]+|\P{Han}",
               r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
               r"\p{N}{1,3}+", r"(?=(\d{3})+(?!\d))", r"\d{1,3}(?=(?:\d{3})*\b)", r"\w+|[^\w\s]+", r"\b", r"\B.",
               r"[\p{L}&&[^\p{Lu}a-f]]+", r"[[:alpha:]]+", r"(?i)[k-s]+", r"\x{20}|\u00e9|\t", r"^.|.$", r"(?<=\s)\S",
               r"(?<!a)[a-z]", r"[^\S\n]+", r"\p{^L}", r"[\]a-]+", r"(?<name>a+)b?", r" {2,}", r"[\w-]", r".{3}?", r".{2,3}?", r"[\W\d]", r"\h+",
               r"(?i:STRASE|\u00c9|k)", r"[\p{Cn}\p{Co}]", r"x*", r"(?:a|b)*?c", r"[^\p{White_Space}]"]
    texts = strings()[::7] + ["a1b2 345 6789012", "\u00e9\u00c9 kK\u212a \u017f", "aab b]a-c stra\u00dfe"]
    rows = []
    for behaviour in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            for pattern, is_regex in [(regex, True) for regex in regexes] + [(" ", False), ("a.", False), ("\n\n", False)]:
                if behaviour != "isolated" and regexes.index(pattern) > 6 if is_regex else False:
                    continue
                try:
                    split = pre_tokenizers.Split(Regex(pattern) if is_regex else pattern, behaviour, invert)
                except Exception as error:
                    sys.exit(f"{pattern}: {error}")
                hashes = []
                for text in texts:
                    value = fnv(b"")
                    for piece, _ in split.pre_tokenize_str(text):
                        value = fnv(piece.encode() + b"\xff", value)
                    hashes.append(value)
                row = {"split": json.loads(split.__getstate__()), "hash": fnv(b"".join(h.to_bytes(4, "little") for h in hashes))}
                rows.append(json.dumps(row, ensure_ascii=False))
    with open(f"{OUTPUT}/splits.jsonl", "w", encoding="utf-8") as file:
        file.write(json.dumps(texts[-3:], ensure_ascii=False) + "\n" + "\n".join(rows) + "\n")


def main():
    os.makedirs(OUTPUT, exist_ok=True)
    splits()
    if "--splits" in sys.argv:
        return
    texts = strings()
    with open(f"{OUTPUT}/strings.txt", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f") + "\n" for text in texts)
    print(len(texts), "strings")
    for name, tokenizer in families().items():
        tokenizer.save(f"{OUTPUT}/{name}.json", pretty=False)
        with open(f"{OUTPUT}/{name}.ids", "w", encoding="utf-8") as file:
            file.writelines(f"{hash_of(tokenizer, text):08x}\n" for text in texts)
        with open(f"{OUTPUT}/code_points.{name}", "w", encoding="utf-8") as file:
            for block in range(0, 0x110000, 0x100):
                value = 0x811C9DC5
                for c in range(block, block + 0x100):
                    if not 0xD800 <= c < 0xE000:
                        value = fnv(hash_of(tokenizer, chr(c)).to_bytes(4, "little"), value)
                        value = fnv(hash_of(tokenizer, "a " + chr(c) + "1").to_bytes(4, "little"), value)
                file.write(f"{value:08x}\n")


if __name__ == "__main__":
    sys.exit(main())
