#!/usr/bin/env python3
"""Judges JSON schemas that people have, with braid and with other engines beside it, and prints a table.

    tools/judge_schemas.py collect FOLDER... > cases.jsonl
    tools/judge_schemas.py judge cases.jsonl build/release/bench/grammar_judge tokenizer.json

`collect` takes every schema among the .json and .schema files of the folders (unpacked packages that ship schemas: what
validators, linters, connectors and specifications bring along), and the cases of JSON-Schema-Test-Suite among them. For
the others it makes instances: random ones in the schema's own order, and the same with one thing changed. The
jsonschema package says which of them are valid. `judge` runs braid's program on them, and llguidance if it is installed.

Needs jsonschema and exrex; `judge --others` also llguidance and tokenizers. Nothing of those schemas is committed.
"""

import argparse
import collections
import copy
import json
import pathlib
import random
import signal
import subprocess
import sys
import time

import jsonschema
from jsonschema.validators import validator_for

MAX_BYTES = 300_000  # of one schema
STYLES = [{"separators": (",", ":")}, {}, {"indent": 2}]


class Instances:
    """Random instances of a schema. Most are valid; the reference decides."""

    def __init__(self, root, seed):
        self.root = root
        self.random = random.Random(seed)

    def target(self, reference):
        node = self.root
        if not reference.startswith("#"):
            raise LookupError(reference)
        for part in reference[1:].strip("/").split("/") if len(reference) > 1 else []:
            part = part.replace("~1", "/").replace("~0", "~").replace("%24", "$")
            node = node[int(part)] if isinstance(node, list) else node[part]
        return node

    def merged(self, schema, depth):
        """One schema object for a schema with references, allOf and a branch of each choice."""
        out = {}
        stack = [schema]
        for _ in range(200):
            if not stack:
                break
            one = stack.pop()
            if not isinstance(one, dict):
                continue
            for key, value in one.items():
                if key == "$ref":
                    stack.append(self.target(value))
                elif key == "allOf":
                    stack.extend(value)
                elif key in ("anyOf", "oneOf"):
                    stack.append(self.random.choice(value[:2] if depth > 4 else value))
                elif key in ("then", "else") and self.random.random() < 0.5:
                    stack.append(value)
                elif key == "properties":
                    for name, member in value.items():
                        known = out.setdefault("properties", {})
                        known[name] = {"allOf": [known[name], member]} if name in known else member
                elif key == "required" and isinstance(value, list):
                    out["required"] = out.get("required", []) + value
                else:
                    out.setdefault(key, value)
        return out

    def make(self, schema, depth=0):
        if schema is True or schema == {}:
            return self.random.choice(["text", 7, True, {}, []])
        schema = self.merged(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.random.choice(schema["enum"])
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind is None:
            kind = "object" if "properties" in schema or "required" in schema else (
                "array" if "items" in schema else "string")
        if kind == "object":
            return self.make_object(schema, depth)
        if kind == "array":
            return self.make_array(schema, depth)
        if kind == "string":
            return self.make_string(schema)
        if kind in ("integer", "number"):
            return self.make_number(schema, kind)
        return {"boolean": self.random.random() < 0.5, "null": None}.get(kind)

    def make_object(self, schema, depth):
        required = schema.get("required", [])
        chance = 0.6 if depth == 0 else 0.3 / (depth + 1)
        out = {}
        for name, member in schema.get("properties", {}).items():
            if member is not False and (name in required or self.random.random() < chance):
                out[name] = self.make(member, depth + 1)
        for name in required:
            if name not in out:
                out[name] = "text"
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and self.random.random() < 0.7 and depth < 5:
            out["a key"] = self.make(others, depth + 1)
        for pattern, member in schema.get("patternProperties", {}).items():
            if self.random.random() < 0.5 and depth < 5:
                out[matching(pattern, self.random)] = self.make(member, depth + 1)
        return out

    def make_array(self, schema, depth):
        places = schema.get("prefixItems") or (schema["items"] if isinstance(schema.get("items"), list) else [])
        items = schema.get("items", {}) if not isinstance(schema.get("items"), list) else {}
        fewest = schema.get("minItems", 0)
        count = max(fewest, min(schema.get("maxItems", 9), self.random.choice([0, 1, 2, 3]) if depth < 6 else 0))
        out = [self.make(one, depth + 1) for one in places]
        while len(out) < min(count, 30) and items is not False:
            out.append(self.make(items, depth + 1))
        return out

    def make_string(self, schema):
        samples = {"date-time": "2024-02-29T12:00:00Z", "date": "2024-02-29", "time": "12:00:00Z",
                   "uri": "https://example.com/a?b=c", "uri-reference": "/a/b", "email": "ada@example.com",
                   "hostname": "example.com", "ipv4": "10.0.0.1", "ipv6": "2001:db8::1",
                   "uuid": "123e4567-e89b-12d3-a456-426614174000"}
        if schema.get("format") in samples:
            return samples[schema["format"]]
        text = matching(schema["pattern"], self.random) if "pattern" in schema else self.random.choice(
            ["text", "a longer text, with é", "x", "2024"])
        text += "x" * (schema.get("minLength", 0) - len(text))
        return text[:schema.get("maxLength", len(text))]

    def make_number(self, schema, kind):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        low = 0 if isinstance(low, bool) else low
        value = low + self.random.choice([0, 1, 5, 1000])
        value = min(value, schema.get("maximum", value))
        step = schema.get("multipleOf")
        if step:
            value = round(value / step) * step
        return int(value) if kind == "integer" else value


def matching(pattern, chance):
    """A text that matches the pattern, of ASCII if there is one: dialects differ about other letters and digits."""
    import exrex
    random.seed(chance.random())
    try:
        texts = (exrex.getone(pattern, limit=4) for _ in range(30))
        return next(filter(str.isascii, texts), "text")
    except Exception:  # a pattern that only ECMAScript has
        return "text"


def changed(instance, chance):
    """The instance with one thing changed somewhere."""
    out = copy.deepcopy(instance)
    places = []

    def visit(holder, key):
        places.append((holder, key))
        value = holder[key]
        if isinstance(value, dict):
            for name in value:
                visit(value, name)
        elif isinstance(value, list):
            for i in range(len(value)):
                visit(value, i)

    whole = [out]
    visit(whole, 0)
    holder, key = chance.choice(places)
    value = holder[key]
    way = chance.randrange(5)
    if way == 0 and isinstance(holder, dict):
        del holder[key]
    elif way == 1 and isinstance(value, dict):
        value["unknownKey"] = 1
    elif way == 2 and isinstance(value, str):
        holder[key] = value + "!"
    elif way == 3 and isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = -value - 0.5
    else:
        holder[key] = chance.choice([None, "text", 3, 1.5, True, [], {}, [1], {"a": 1}])
    return whole[0]


def is_schema(value):
    if not isinstance(value, dict) or not 2 < len(json.dumps(value)) <= MAX_BYTES:
        return False
    speaks = {"properties", "items", "anyOf", "oneOf", "allOf", "$ref", "patternProperties", "enum", "pattern"}
    looks_so = "json-schema.org" in str(value.get("$schema")) or "type" in value or isinstance(value.get("properties"), dict)
    return looks_so and bool(speaks & value.keys())


def has_remote_references(value):
    if isinstance(value, list):
        return any(map(has_remote_references, value))
    if not isinstance(value, dict):
        return False
    reference = value.get("$ref")
    return (isinstance(reference, str) and not reference.startswith("#")) or any(map(has_remote_references, value.values()))


def case_of(source, schema, seed):
    """The schema with its instances, or None if the reference cannot judge it."""
    validator_class = validator_for(schema, default=jsonschema.Draft202012Validator)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    signal.alarm(8)  # for patterns that take the reference forever
    try:
        validator_class.check_schema(schema)
        validator = validator_class(schema)
        maker = Instances(schema, seed)
        valid, invalid = [], []
        deadline = time.monotonic() + 4
        for _ in range(30):
            if len(valid) >= 3 or time.monotonic() > deadline:
                break
            instance = maker.make(schema)
            if instance not in valid and validator.is_valid(instance):
                valid.append(instance)
        for _ in range(30):
            if len(invalid) >= 4 or not valid or time.monotonic() > deadline:
                break
            instance = changed(maker.random.choice(valid), maker.random)
            if not validator.is_valid(instance):
                invalid.append(instance)
    except Exception:
        return None
    finally:
        signal.alarm(0)
    if not valid:
        return None
    tests = [(instance, True) for instance in valid] + [(instance, False) for instance in invalid]
    return {"source": source, "schema": schema,
            "texts": [json.dumps(one, **STYLES[i % 3]) for i, (one, _) in enumerate(tests)],
            "valid": [is_valid for _, is_valid in tests]}


def collect(folders):
    known = set()
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix not in (".json", ".schema") or path.stat().st_size > MAX_BYTES:
                continue
            try:
                value = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, RecursionError):
                continue
            is_suite = not any(part in str(path) for part in ("draft3", "draft-next", "/optional/", "/remotes/"))
            suite = value if is_suite and isinstance(value, list) and value and isinstance(value[0], dict) and "tests" in value[0] else []
            for group in suite:
                if "valid" not in group["tests"][0]:
                    continue
                yield {"source": "suite", "name": f"{path}: {group['description']}", "schema": group["schema"],
                       "texts": [json.dumps(test["data"]) for test in group["tests"]],
                       "valid": [test["valid"] for test in group["tests"]]}
            text = json.dumps(value, sort_keys=True)
            if not is_schema(value) or text in known or has_remote_references(value):
                continue
            known.add(text)
            case = case_of(pathlib.Path(folder).name, value, len(known))
            if case is not None:
                case["name"] = str(path)
                yield case


def percentile(values, part):
    return sorted(values)[int(part * (len(values) - 1))] if values else 0


def run_braid(cases, program, arguments):
    lines = "".join(json.dumps({"schema": case["schema"], "texts": case["texts"]}) + "\n" for case in cases)
    done = subprocess.run([program, *arguments], input=lines, text=True, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_llguidance(cases, tokenizer_path):
    import llguidance
    tokenizer = llguidance.LLTokenizer(tokenizer_path)
    for case in cases:
        start = time.perf_counter()
        matcher = llguidance.LLMatcher(tokenizer, json.dumps({"grammars": [{"json_schema": case["schema"]}]}))
        verdict = {"compile_ms": (time.perf_counter() - start) * 1e3}
        if matcher.is_error():
            yield {**verdict, "refused": matcher.get_error()}
            continue
        verdict.update(accepted=[], mask_us=[])
        for text in case["texts"]:
            matcher.reset()
            accepted = True
            for token in tokenizer.tokenize_str(text):
                start = time.perf_counter()
                mask = matcher.compute_bitmask()
                verdict["mask_us"].append((time.perf_counter() - start) * 1e6)
                accepted = bool(mask[token // 8] >> token % 8 & 1) and matcher.consume_token(token)
                if not accepted:
                    break
            verdict["accepted"].append(accepted and matcher.is_accepting())
        yield verdict


def show(name, cases, verdicts, details):
    refused = [(case, verdict["refused"]) for case, verdict in zip(cases, verdicts) if "refused" in verdict]
    right, rejected, wrong = 0, [], []
    for case, verdict in zip(cases, verdicts):
        if "refused" in verdict:
            continue
        pairs = list(zip(case["valid"], verdict["accepted"], case["texts"]))
        too_few = [text for valid, accepted, text in pairs if valid and not accepted]
        too_many = [text for valid, accepted, text in pairs if accepted and not valid]
        rejected += [(case, too_few)] if too_few else []
        wrong += [(case, too_many)] if too_many else []
        right += not too_few and not too_many
    masks = [us for verdict in verdicts for us in verdict.get("mask_us", [])]
    compiles = [verdict["compile_ms"] for verdict in verdicts if "compile_ms" in verdict]
    print(f"{name}: {len(cases)} schemas")
    print(f"  all instances judged rightly {right} ({100 * right / len(cases):.1f} %)")
    print(f"  refused {len(refused)} ({100 * len(refused) / len(cases):.1f} %)")
    print(f"  valid instance rejected {len(rejected)}, invalid accepted {len(wrong)}")
    print("  mask us: p50 {:.0f}, p99 {:.0f}, p99.9 {:.0f}, worst {:.0f}".format(
        *(percentile(masks, part) for part in (0.5, 0.99, 0.999, 1))))
    print("  compile ms: median {:.2f}, p99 {:.1f}, worst {:.0f}".format(
        *(percentile(compiles, part) for part in (0.5, 0.99, 1))))
    if not details:
        return
    reasons = collections.Counter(reason.split(": ", 1)[-1][:70] for _, reason in refused)
    for reason, count in reasons.most_common(25):
        print(f"    refused {count}: {reason}")
    slowest = sorted(zip(cases, verdicts), key=lambda pair: -pair[1].get("compile_ms", 0))[:8]
    for case, verdict in slowest:
        print(f"    compiled in {verdict.get('compile_ms', 0):.0f} ms: {case['name']} {verdict.get('refused', '')[:90]}")
    slowest = sorted(zip(cases, verdicts), key=lambda pair: -max(pair[1].get("mask_us") or [0]))[:8]
    for case, verdict in slowest:
        print(f"    a mask of {max(verdict.get('mask_us') or [0]):.0f} us: {case['name']}")
    for title, failures in (("wrongly accepted", wrong), ("rejected", rejected)):
        for case, texts in failures[:details]:
            print(f"    {title}: {case['name']}\n      {texts[0][:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("folders", nargs="+")
    judging = commands.add_parser("judge")
    judging.add_argument("cases")
    judging.add_argument("program")
    judging.add_argument("tokenizer")
    judging.add_argument("--vocab-size", default="0")
    judging.add_argument("--others", action="store_true", help="llguidance beside it")
    judging.add_argument("--details", type=int, default=0, metavar="N", help="the reasons, and N of each kind of failure")
    arguments = parser.parse_args()
    if arguments.command == "collect":
        for case in collect(arguments.folders):
            print(json.dumps(case), flush=True)
        return
    with open(arguments.cases, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    # The suite tests corners of the standard, not what people write: a table of its own.
    suite = [case for case in cases if case["source"] == "suite"]
    people = [case for case in cases if case["source"] != "suite"]
    for kind, some in (("schemas that people have", people), ("JSON-Schema-Test-Suite", suite)):
        if not some:
            continue
        print(kind)
        braid = run_braid(some, arguments.program, [arguments.tokenizer, "--vocab-size", arguments.vocab_size])
        show("braid", some, braid, arguments.details)
        if arguments.others:
            show("llguidance", some, list(run_llguidance(some, arguments.tokenizer)), 0)


if __name__ == "__main__":
    sys.exit(main())
