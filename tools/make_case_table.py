#!/usr/bin/env python3
"""Writes two tables of src/braid/tokenizer/jinja with what Python's str knows and utf8proc does not.

case_table.h: the characters whose upper or title case is more than one character. utf8proc maps single characters only;
str.upper() and str.title() follow Unicode's SpecialCasing.txt.
numeric_table.h: the characters outside the number categories for which str.isdigit() or str.isnumeric() holds.
"""
import sys
import unicodedata

PATH = "src/braid/tokenizer/jinja/case_table.h"
NUMERIC_PATH = "src/braid/tokenizer/jinja/numeric_table.h"


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
    write_numeric_table()


def ranges(holds):
    """Ranges of code points, both ends included."""
    found = []
    for code in range(sys.maxunicode + 1):
        if not holds(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def rows(found):
    texts = [f"{{0x{first:04x}, 0x{last:04x}}}" for first, last in found]
    return "".join("    " + ", ".join(texts[i:i + 5]) + ",\n" for i in range(0, len(texts), 5))


def write_numeric_table():
    digits = ranges(lambda c: c.isdigit() and not c.isdecimal())
    ideographs = ranges(lambda c: c.isnumeric() and not unicodedata.category(c).startswith("N"))
    with open(NUMERIC_PATH, "w", encoding="utf-8") as out:
        out.write(
            "// What str.isdigit() and str.isnumeric() hold for beyond the categories of numbers.\n"
            "// Made by tools/make_case_table.py.\n#pragma once\n\nnamespace braid::jinja {\n\n"
            "struct CodeRange {\n  char32_t first;\n  char32_t last;\n};\n\n"
            "// Digits that are no decimals (superscripts, circled ones), sorted.\n"
            "inline constexpr CodeRange kOtherDigits[] = {\n    // clang-format off\n"
            + rows(digits)
            + "    // clang-format on\n};\n\n// Ideographs with a number's value, sorted.\n"
            "inline constexpr CodeRange kNumericIdeographs[] = {\n    // clang-format off\n"
            + rows(ideographs)
            + "    // clang-format on\n};\n\n}  // namespace braid::jinja\n"
        )


if __name__ == "__main__":
    main()
