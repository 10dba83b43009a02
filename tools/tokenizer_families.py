"""Small tokenizers with the pipelines of published families. Their vocabularies are trained on text that every machine
has: the Python standard library's sources, and words from the Unicode character names."""

import json
import os
import random
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace(r"\p{N}{1,3}", r"\p{N}")
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
             r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
# Letters of scripts with capitals, as DeepSeek's first tokenizers list them.
DEEPSEEK_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377"
    "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5"
    "\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d"
    "\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc"
    "\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
    "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3"
    "\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943")


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


def all_merges(vocab):
    """SentencePiece has scores, no merges. Every two tokens that join to a third are a merge, ordered by the third's id,
    which is the order of scores."""
    merges = []
    for token in sorted(vocab, key=vocab.get):
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocab and token[i:] in vocab]
        merges += sorted(pairs, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    return [list(pair) for pair in merges]


def sentence_piece():
    """Llama-2's pipeline as transformers converts it: no pre-tokenizer, bytes for characters outside the vocabulary."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=1500, show_progress=False,
                                                                limit_alphabet=300, special_tokens=tokens))
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < 3]
    content["model"]["merges"] = all_merges(content["model"]["vocab"])
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


def byte_decoding(strips):
    """The decoder of a converted SentencePiece vocabulary."""
    stages = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
              {"type": "Fuse"}]
    return {"type": "Sequence",
            "decoders": stages + ([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if strips else [])}


def converted(normalizer, pre_tokenizer, strips, added):
    """Another family's pipeline over Llama-2's vocabulary."""
    content = json.loads(sentence_piece().to_str())
    content |= {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": byte_decoding(strips)}
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens(added)
    return tokenizer


def control(*names, **flags):
    return [AddedToken(name, normalized=False, special=True, **flags) for name in names]


def mistral3():
    return converted(None, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False},
                     True, control("[INST]", "[/INST]", "[TOOL_CALLS]"))


def phi3():
    spaces = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    return converted(spaces, None, True, control("<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", rstrip=True))


def gemma():
    """Runs of spaces and of line ends are tokens of their own, with the lowest ids: the highest scores."""
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    runs = [unit * count for unit in ("\n", "\u2581") for count in range(2, 6)]
    tokenizer = converted(spaces, split, False, [])
    content = json.loads(tokenizer.to_str())
    vocab = content["model"]["vocab"]
    first, *rest = sorted(vocab, key=vocab.get)[2:]
    ordered = dict.fromkeys(["<unk>", "<s>", first, *runs, *rest])
    content["model"]["vocab"] = {token: i for i, token in enumerate(ordered)}
    content["model"]["merges"] = all_merges(content["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_tokens(control("<start_of_turn>", "<end_of_turn>") + [AddedToken(run, normalized=False) for run in runs])
    return tokenizer


def splits_in_turn(*patterns):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
                                   + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def removed_inverted(pattern):
    """As converted tiktoken vocabularies have it: matches are kept."""
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "removed", True),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def families():
    """{name: the function that makes it}"""
    chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    flags = [AddedToken("[left]", lstrip=True, normalized=False), AddedToken("[right]", rstrip=True, normalized=False),
             AddedToken("[both]", lstrip=True, rstrip=True, normalized=False),
             AddedToken("word", single_word=True, normalized=False), AddedToken("\u00e9t\u00e9", normalized=True),
             AddedToken("[n]", single_word=True, lstrip=True, rstrip=True, normalized=True),
             AddedToken("  \t", normalized=False), AddedToken("<think>", normalized=False, special=False)]
    return {
        "qwen2": lambda: byte_level(1000, normalizers.NFC(), split_bytes(QWEN2), chat, added=flags),
        "llama3": lambda: byte_level(1500, None, split_bytes(LLAMA3), ["<|begin_of_text|>", "<|eot_id|>"], begin_of_text, True),
        "gpt2": lambda: byte_level(800, None, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"]),
        "smollm2": lambda: byte_level(800, None, pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), chat),
        "llama2": sentence_piece,
        "mistral3": mistral3,
        "phi3": phi3,
        "gemma": gemma,
        "tekken": lambda: byte_level(700, None, split_bytes(TEKKEN), ["<unk>", "<s>", "[INST]"], ignore_merges=True),
        "o200k": lambda: byte_level(700, None, split_bytes(O200K), ["<|start|>", "<|message|>", "<|return|>"]),
        "glm4": lambda: byte_level(700, None, removed_inverted(LLAMA3), ["<|user|>", "<|assistant|>", "[gMASK]"],
                           added=[AddedToken("<think>", normalized=False)]),
        "deepseek_v3": lambda: byte_level(700, normalizers.Sequence([]), splits_in_turn(r"\p{N}{1,3}", KANA, DEEPSEEK3),
                                  ["<\uff5cbegin\u2581of\u2581sentence\uff5c>"],
                                  added=[AddedToken("<|EOT|>", normalized=True)]),
        "deepseek_llm": lambda: byte_level(700, None, splits_in_turn(
            r"[\r\n]", rf"\s?[{DEEPSEEK_LETTERS}]+", "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
            r"\s+$", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}"), ["<|EOT|>"]),
    }
