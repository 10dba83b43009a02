#!/usr/bin/env python3
"""Writes src/braid/tokenizer/unicode/unicode_tables.cc: the Unicode data that braid's tokenizers follow.

The reference (Hugging Face `tokenizers` 0.23.3) takes its Unicode data from three places with different versions,
found by asking it about every code point:
  regex classes (Oniguruma)              Unicode 16.0
  Digits (Rust's char::is_numeric)       Unicode 17.0
  NFC, NFD, NFKC, NFKD                   Unicode 9.0 (characters added later are left alone)

Sources, none of which is the reference itself:
  pip install --target DIR/16 unicodedata2==16.0.0
  pip install --target DIR/17 unicodedata2==17.0.0
  pip install --target DIR regex                 (Alphabetic and Han, cut to what Unicode 16.0 assigns)
  perl >= 5.26                                   (which code points Unicode 9.0 has)
Run: tools/make_unicode_tables.py DIR
"""
import subprocess
import sys

CODE_POINTS = range(0x110000)
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn").split()
OUTPUT = "src/braid/tokenizer/unicode/unicode_tables.cc"


def categories(folder, version):
    """General category of every code point, in a process of its own, so that two versions can be loaded."""
    script = (f"import sys; sys.path.insert(0, {folder!r}); import unicodedata2 as u\n"
              f"assert u.unidata_version == {version!r}, u.unidata_version\n"
              "print(' '.join(u.category(chr(c)) for c in range(0x110000)))")
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()


def present_in(version):
    script = f'print pack("C*", map {{ chr($_) =~ /\\p{{Present_In: {version}}}/ ? 1 : 0 }} 0..0x10ffff)'
    present = subprocess.run(["perl", "-e", "no warnings;" + script], check=True, capture_output=True).stdout
    assert len(present) == 0x110000
    return present


def runs(values):
    """[(length, value)] of runs of equal values."""
    result = []
    for value in values:
        if result and result[-1][1] == value:
            result[-1][0] += 1
        else:
            result.append([1, value])
    return result


def array(kind, name, comment, numbers):
    lines, line = [], "   "
    for number in numbers:
        text = f" {number},"
        if len(line) + len(text) > 120:
            lines.append(line)
            line = "   "
        line += text
    lines.append(line)
    return f"// {comment}\nconst {kind} {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def membership(name, comment, members):
    """Lengths of runs, alternately outside and inside the set."""
    found = runs([bool(member) for member in members])
    lengths = ([0] if found[0][1] else []) + [length for length, _ in found]
    return array("uint32_t", f"k{name}Runs", comment, lengths) + f"const size_t kNum{name}Runs = {len(lengths)};\n"


def main():
    folder = sys.argv[1]
    sys.path.insert(0, folder)
    import regex
    category16 = categories(folder + "/16", "16.0.0")
    category17 = categories(folder + "/17", "17.0.0")
    present9 = present_in("9.0")

    def has(pattern):
        compiled = regex.compile(pattern)
        return [category16[c] not in ("Cn", "Cs") and bool(compiled.match(chr(c))) for c in CODE_POINTS]

    category_runs = [length * 32 + CATEGORIES.index(value) for length, value in runs(category16)]
    parts = [
        "// Made by tools/make_unicode_tables.py, which says from what; not edited by hand.\n"
        '#include "braid/tokenizer/unicode/unicode_tables.h"\n\n// clang-format off\nnamespace braid::unicode {\n',
        array("uint32_t", "kCategoryRuns", "Unicode 16.0: length * 32 + general category, from U+0000 on.",
              category_runs) + f"const size_t kNumCategoryRuns = {len(category_runs)};\n",
        membership("Alphabetic", "Unicode 16.0.", has(r"\p{Alphabetic}")),
        membership("Han", "Unicode 16.0.", has(r"\p{Script=Han}")),
        membership("Numeric17", "Unicode 17.0: general category N.", [c[0] == "N" for c in category17]),
        membership("Present9", "Code points that Unicode 9.0 has.", present9),
        "}  // namespace braid::unicode\n",
    ]
    with open(OUTPUT, "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


if __name__ == "__main__":
    main()
