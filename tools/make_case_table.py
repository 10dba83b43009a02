#!/usr/bin/env python3
"""Writes src/braid/tokenizer/jinja/case_table.h: the characters whose upper or title case is more than one character.

utf8proc maps single characters only; Python's str.upper() and str.title() follow Unicode's SpecialCasing.txt.
"""
import sys

PATH = "src/braid/tokenizer/jinja/case_table.h"


def literal(text):
    return 'U"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'


def main():
    rows = []
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        c = chr(code)
        if len(c.upper()) > 1 or len(c.title()) > 1:
            rows.append(f"    {{0x{code:04x}, {literal(c.upper())}, {literal(c.title())}}},")
    with open(PATH, "w", encoding="utf-8") as out:
        out.write(
            "// The characters whose upper or title case is more than one character (Unicode's SpecialCasing.txt).\n"
            "// Made by tools/make_case_table.py.\n#pragma once\n\n#include <string_view>\n\nnamespace braid::jinja {\n\n"
            "struct SpecialCase {\n  char32_t code;\n  std::u32string_view upper;\n  std::u32string_view title;\n};\n\n"
            "// Sorted by code.\ninline constexpr SpecialCase kSpecialCases[] = {\n    // clang-format off\n"
            + "\n".join(rows)
            + "\n    // clang-format on\n};\n\n}  // namespace braid::jinja\n"
        )


if __name__ == "__main__":
    main()
