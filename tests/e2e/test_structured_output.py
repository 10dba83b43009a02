"""Structured output, checked with the jsonschema package: random texts drawn through the masks of random schemas, and
the default model's answers."""

import json
import pathlib
import re
import subprocess

import pytest

from test_batch import body_of, by_id, chat, completion, is_error, run_batch, write_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "src" / "braid" / "grammar" / "testdata" / "schemas.jsonl"
TOKENIZERS = ROOT / "src" / "braid" / "tokenizer" / "testdata"


@pytest.fixture(scope="module")
def schemas():
    return [json.loads(line)["schema"] for line in SCHEMAS.read_text(encoding="utf-8").splitlines()]


def draw(braid, tokenizer, requests):
    program = pathlib.Path(braid.path).parent / "tests" / "sample_grammar"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([program, TOKENIZERS / tokenizer], input=lines, capture_output=True, text=True, encoding="utf-8",
                          timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("tokenizer", ["smollm2.json", "llama3.json", "llama2.json"])
def test_drawn_texts_satisfy_their_schemas(braid, schemas, tokenizer):
    jsonschema = pytest.importorskip("jsonschema")
    requests = [{"schema": schema, "seed": seed} for schema in schemas for seed in range(3)]
    answers = draw(braid, tokenizer, requests)
    assert len(answers) == len(requests)
    num_drawn = 0
    for request, answer in zip(requests, answers):
        assert "error" not in answer, (request, answer)
        if "text" not in answer:
            continue
        value = json.loads(answer["text"])
        validator = jsonschema.Draft202012Validator(request["schema"], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        errors = [error.message for error in validator.iter_errors(value)]
        assert not errors, (request["schema"], answer["text"], errors)
        num_drawn += 1
    assert num_drawn > len(requests) // 2


PERSON = {"type": "object", "properties": {
    "name": {"type": "string", "maxLength": 30}, "age": {"type": "integer", "minimum": 0, "maximum": 120},
    "pets": {"type": "array", "items": {"enum": ["cat", "dog", "fish"]}, "minItems": 1, "maxItems": 3}},
    "required": ["name", "age", "pets"], "additionalProperties": False}
SHAPE = {"oneOf": [
    {"type": "object", "properties": {"kind": {"const": "circle"}, "radius": {"type": "number", "minimum": 0, "maximum": 9}},
     "required": ["kind", "radius"], "additionalProperties": False},
    {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number", "minimum": 0, "maximum": 9}},
     "required": ["kind", "side"], "additionalProperties": False}]}


def schema_format(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def test_a_models_answers_match_the_requested_form(braid, default_model, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    ask = {"temperature": 0.8, "max_tokens": 300}
    lines = []
    for seed in range(3):
        lines += [
            chat(f"person{seed}", "Describe a person.", seed=seed, response_format=schema_format(PERSON), **ask),
            chat(f"shape{seed}", "Name a shape.", seed=seed, structured_outputs={"json": SHAPE}, **ask),
            chat(f"regex{seed}", "Give me a date.", seed=seed, regex=r"\d{4}-(0[1-9]|1[0-2])-[0-2][0-9]", **ask),
            chat(f"ebnf{seed}", "Add numbers.", seed=seed, ebnf='root ::= n ("+" n){1,3} "="\nn ::= [1-9] [0-9]?', **ask),
            completion(f"choice{seed}", prompt="Is the sky blue? ", seed=seed, guided_choice=["yes", "no"], **ask),
        ]
    lines += [chat("free", "Say hello.", max_tokens=12),
              chat("least", "Yes or no?", guided_choice=["yes", "no"], ignore_eos=True, min_tokens=40, max_tokens=50),
              chat("backreference", "x", regex=r"(a)\1"),
              chat("remote", "x", response_format=schema_format({"$ref": "https://example.com/s.json"})),
              chat("endless", "x", ebnf='root ::= "a" root')]
    write_lines(requests, lines)
    run_batch(braid, default_model, requests, results)
    answers = by_id(results)

    def text_of(name):
        choice = body_of(answers[name])["choices"][0]
        assert choice["finish_reason"] == "stop", (name, choice)
        return choice["message"]["content"] if "message" in choice else choice["text"]

    for seed in range(3):
        jsonschema.validate(json.loads(text_of(f"person{seed}")), PERSON)
        jsonschema.validate(json.loads(text_of(f"shape{seed}")), SHAPE)
        assert re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-[0-2][0-9]", text_of(f"regex{seed}"))
        assert re.fullmatch(r"[1-9][0-9]?(\+[1-9][0-9]?){1,3}=", text_of(f"ebnf{seed}"))
        assert text_of(f"choice{seed}") in ("yes", "no")
    assert text_of("least") in ("yes", "no")
    assert not is_error(answers["free"])
    for name, reason in [("backreference", "back-reference"), ("remote", "remote"), ("endless", "without end")]:
        assert is_error(answers[name]) and reason in json.dumps(answers[name]), answers[name]
