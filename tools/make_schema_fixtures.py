#!/usr/bin/env python3
"""Writes src/braid/grammar/testdata/schemas.jsonl: random schemas, each with valid and invalid documents, as
the jsonschema package judges them.

    tools/make_schema_fixtures.py          # needs jsonschema 4.26
"""

import json
import pathlib
import random

import jsonschema

from schema_cases import SchemaMaker, ValueMaker, damaged, written

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "src/braid/grammar/testdata/schemas.jsonl"
NUM_SCHEMAS = 220


def main():
    lines = []
    counts = [0, 0]
    for seed in range(NUM_SCHEMAS):
        schema = SchemaMaker(seed).make()
        rng = random.Random(seed)
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        valid, invalid = [], []
        for _ in range(40):
            value = ValueMaker(schema, rng).make(schema)
            if len(valid) < 6 and validator.is_valid(value):
                valid.append(written(value, rng))
            other = damaged(value, rng)
            if len(invalid) < 8 and not validator.is_valid(other):
                invalid.append(written(other, rng))
        counts[0] += len(valid)
        counts[1] += len(invalid)
        lines.append(json.dumps({"schema": schema, "valid": valid, "invalid": invalid}, ensure_ascii=False))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{OUTPUT}: {NUM_SCHEMAS} schemas, {counts[0]} valid and {counts[1]} invalid documents")


if __name__ == "__main__":
    main()
