#!/usr/bin/env python3
"""Writes src/braid/tokenizer/testdata/: small tokenizers with each family's pipeline (tokenizer_families.py), and the
output of the reference (Hugging Face `tokenizers` 0.23.3) for many strings (tokenizer_cases.py).

Needs `pip install tokenizers==0.23.3`. Run from the repository's root:
  tools/make_tokenizer_fixtures.py [FAMILY …] [--parts] [--strings-only]      # default: everything; minutes a family

<family>.json        the tokenizer
<family>.ids         a line for each string of strings.txt: 8 hex digits of FNV-1a over its ids and their text
code_points.<family> the same hash over code points alone, one line for each 4096 (-: not tested)
strings.txt          JSON, one string a line; long ones as [[text, times], …]
splits.jsonl         Split's patterns and behaviours with a hash of the pieces (first line: texts beyond strings.txt)
parts.jsonl          normalizers and pre-tokenizers with hashes of their output for strings and for every code point
combinations.jsonl   tokenizers of random parts, with a hash; the first line is the model that most of them share
"""
import argparse
import json
import os
import sys

from tokenizer_cases import SPLIT_TEXTS, combinations, fnv, hash_of, long_strings, parts, splits, strings
from tokenizer_families import families

OUTPUT = "src/braid/tokenizer/testdata"
BLOCK, BLOCKS_A_LINE = 0x100, 16


def write_lines(name, rows):
    with open(f"{OUTPUT}/{name}", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False).replace("\x7f", "\\u007f") + "\n" for row in rows)


def block_hash(tokenizer, block):
    value = fnv(b"")
    for c in range(block * BLOCK, (block + 1) * BLOCK):
        if not 0xD800 <= c < 0xE000:
            value = fnv(hash_of(tokenizer, chr(c)).to_bytes(4, "little"), value)
            value = fnv(hash_of(tokenizer, "a " + chr(c) + "1").to_bytes(4, "little"), value)
    return value


def is_looked_at(line):
    """Planes 4 to 13 and 15 to 16 have only unassigned and private code points, so a sample is enough."""
    return line < 0x40 or line == 0xE0 or line % 16 == 0


def write_family(name, tokenizer, texts, with_code_points):
    tokenizer.save(f"{OUTPUT}/{name}.json", pretty=False)
    with open(f"{OUTPUT}/{name}.ids", "w", encoding="utf-8") as file:
        file.writelines(f"{hash_of(tokenizer, text):08x}\n" for text in texts)
    if not with_code_points:
        return
    with open(f"{OUTPUT}/code_points.{name}", "w", encoding="utf-8") as file:
        for line in range(0x110000 // BLOCK // BLOCKS_A_LINE):
            if not is_looked_at(line):
                file.write("-\n")
                continue
            value = fnv(b"")
            for block in range(line * BLOCKS_A_LINE, (line + 1) * BLOCKS_A_LINE):
                value = fnv(block_hash(tokenizer, block).to_bytes(4, "little"), value)
            file.write(f"{value:08x}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*")
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--strings-only", action="store_true", help="leave the families' code points as they are")
    args = parser.parse_args()
    os.makedirs(OUTPUT, exist_ok=True)
    everything = not args.families and not args.parts
    texts = strings()
    write_lines("strings.txt", texts + long_strings())
    texts_and_long = texts + ["".join(text * times for text, times in row) for row in long_strings()]
    print(len(texts_and_long), "strings")
    if everything or args.parts:
        write_lines("splits.jsonl", [SPLIT_TEXTS, *splits()])
        write_lines("parts.jsonl", parts())
        write_lines("combinations.jsonl", combinations())
    for name, make in families().items():
        if everything or name in args.families:
            write_family(name, make(), texts_and_long, not args.strings_only)
            print(name)


if __name__ == "__main__":
    sys.exit(main())
