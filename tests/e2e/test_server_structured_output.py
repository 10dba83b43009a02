"""Structured output through the official `openai` client. Every answer is checked with the jsonschema package, or with
Python's own regular expressions."""

import concurrent.futures
import enum
import json
import re

import jsonschema
import openai
import pydantic
import pytest
from server import Server


@pytest.fixture(scope="module")
def server(braid, default_model):
    with Server(braid, default_model, "--served-model-name", "default") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return server.client(timeout=600)


def ask(client, prompt, **options):
    options = {"temperature": 0.8, "seed": 1, "max_tokens": 400, **options}
    return client.chat.completions.create(model="default", messages=[{"role": "user", "content": prompt}], **options)


def content(answer, index=0):
    choice = answer.choices[index]
    assert choice.finish_reason == "stop", choice
    return choice.message.content


def joined(chunks):
    texts, finish = {}, {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            finish[choice.index] = choice.finish_reason or finish.get(choice.index)
    assert set(finish.values()) == {"stop"}, finish
    return [texts[index] for index in sorted(texts)]


def json_schema(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "height_m": {"type": "number", "exclusiveMinimum": 0.3, "maximum": 2.5},
        "ville préférée": {"enum": ["Paris", "Québec", "東京", None]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/pet"}, "minItems": 1, "maxItems": 2},
        "address": {"type": "object", "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
                    "required": ["zip"], "additionalProperties": False},
        "born": {"type": "string", "format": "date"},
    },
    "required": ["name", "age", "height_m", "ville préférée", "pets", "address", "born"],
    "additionalProperties": False,
    "$defs": {"pet": {"anyOf": [
        {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}},
         "required": ["kind", "lives"], "additionalProperties": False},
        {"type": "object", "properties": {"kind": {"const": "dog"}, "good": {"const": True}},
         "required": ["kind", "good"], "additionalProperties": False}]}},
}


def check(text, schema):
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.loads(text))


def test_a_schema_is_obeyed_by_every_choice_streamed_or_not(client):
    whole = ask(client, "Describe a person.", response_format=json_schema(PERSON), n=3)
    texts = [content(whole, index) for index in range(3)]
    for text in texts:
        check(text, PERSON)
    assert len(set(texts)) == 3
    assert joined(ask(client, "Describe a person.", response_format=json_schema(PERSON), n=3, stream=True)) == texts
    assert content(ask(client, "Describe a person.", response_format=json_schema(PERSON))) == texts[0]


def test_a_schema_may_refer_to_itself(client):
    tree = {"$ref": "#/$defs/node", "$defs": {"node": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8},
                       "left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["name", "left"], "additionalProperties": False}}}
    num_ended = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: ask(client, "A list of one.", response_format=json_schema(tree), seed=seed,
                                                 max_tokens=600).choices[0], range(4)))
    for answer in answers:
        if answer.finish_reason == "stop":
            check(answer.message.content, tree)
            num_ended += 1
        else:
            assert answer.finish_reason == "length" and answer.message.content.startswith("{")
    assert num_ended > 0


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Step(pydantic.BaseModel):
    explanation: str = pydantic.Field(max_length=40)
    output: int


class Reasoning(pydantic.BaseModel):
    steps: list[Step] = pydantic.Field(max_length=2)
    mood: Mood
    note: str | None = pydantic.Field(max_length=20)


def test_the_clients_parse_gives_typed_answers(client):
    for parse in (client.chat.completions.parse, client.beta.chat.completions.parse):
        answer = parse(model="default", messages=[{"role": "user", "content": "What is 2 + 2?"}], temperature=0.7, seed=3,
                       max_tokens=500, response_format=Reasoning)
        parsed = answer.choices[0].message.parsed
        assert isinstance(parsed, Reasoning) and isinstance(parsed.mood, Mood)


def test_the_clients_parsing_stream_gives_typed_answers(client):
    with client.chat.completions.stream(model="default", messages=[{"role": "user", "content": "What is 2 + 2?"}], seed=3,
                                        max_tokens=500, response_format=Reasoning) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Reasoning)


def test_any_object_is_an_object(client):
    for seed in range(3):
        choice = ask(client, "Give me JSON.", response_format={"type": "json_object"}, seed=seed, max_tokens=200).choices[0]
        if choice.finish_reason == "stop":
            assert isinstance(json.loads(choice.message.content), dict)
        else:
            assert choice.message.content.startswith("{")
    assert ask(client, "Hello.", response_format={"type": "text"}, max_tokens=8).choices[0].message.content


DATE = r"(19|20)\d{2}-(0[1-9]|1[0-2])-([0-2][1-9]|30)"
SUM = 'root ::= n ("+" n){1,3} "="\nn ::= [1-9] [0-9]?'
SUM_REGEX = r"[1-9][0-9]?(\+[1-9][0-9]?){1,3}="
SHORT = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
FORMS = [
    ({"regex": DATE}, DATE),
    ({"guided_regex": DATE}, DATE),
    ({"structured_outputs": {"regex": DATE}}, DATE),
    ({"ebnf": SUM}, SUM_REGEX),
    ({"guided_grammar": SUM}, SUM_REGEX),
    ({"structured_outputs": {"grammar": SUM}}, SUM_REGEX),
    ({"guided_choice": ["yes", "no", "vielleicht ☂"]}, "yes|no|vielleicht ☂"),
    ({"structured_outputs": {"choice": ["yes", "no"]}}, "yes|no"),
    ({"guided_json": SHORT}, SHORT),
    ({"guided_json": json.dumps(SHORT)}, SHORT),
    ({"structured_outputs": {"json": SHORT}}, SHORT),
]


@pytest.mark.parametrize("form, expected", FORMS, ids=lambda value: str(value)[:40])
def test_every_way_to_ask_works_in_chats_and_completions(client, form, expected):
    extra = {"extra_body": form}
    texts = [content(ask(client, "Answer.", **extra)), *joined(ask(client, "Answer.", stream=True, **extra))]
    assert texts[0] == texts[1]
    completed = client.completions.create(model="default", prompt=["The answer is ", "It was "], max_tokens=60, n=2, seed=5,
                                          **extra)
    assert [choice.finish_reason for choice in completed.choices] == ["stop"] * 4
    for text in texts + [choice.text for choice in completed.choices]:
        if isinstance(expected, dict):
            check(text, expected)
        else:
            assert re.fullmatch(expected, text), text


def test_generate_obeys_too(server):
    for params in ({"regex": DATE}, {"ebnf": SUM}, {"json_schema": json.dumps(SHORT)}):
        answer = server.post("/generate", {"text": "It is ", "sampling_params": {"max_new_tokens": 60, **params}}).json()
        assert answer["meta_info"]["finish_reason"]["type"] == "stop"
        expected = {"regex": DATE, "ebnf": SUM_REGEX}.get(next(iter(params)))
        if expected:
            assert re.fullmatch(expected, answer["text"])
        else:
            check(answer["text"], SHORT)
    refused = server.post("/generate", {"text": "x", "sampling_params": {"regex": r"(a)\1"}})
    assert refused.status == 400 and refused.error()["param"] == "sampling_params.regex"


def test_stop_strings_and_lengths_do_not_break_it(client):
    extra = {"guided_choice": ["yes", "no"], "ignore_eos": True, "min_tokens": 40}
    assert content(ask(client, "Yes or no?", extra_body=extra)) in ("yes", "no")
    cut = ask(client, "Describe a person.", response_format=json_schema(PERSON), max_tokens=5).choices[0]
    assert cut.finish_reason == "length" and cut.message.content.startswith("{")
    stopped = ask(client, "x", extra_body={"regex": "ab{20}c"}, stop=["bbb"]).choices[0]
    assert stopped.finish_reason == "stop" and stopped.message.content == "a"


REFUSED = [
    ({"response_format": json_schema({"$ref": "https://example.com/s.json"})}, "response_format", "remote"),
    ({"response_format": json_schema({"type": "integer", "minimum": 3, "maximum": 2})}, "response_format", "unsatisfiable"),
    ({"response_format": json_schema({"$ref": "#"})}, "response_format", "without end"),
    ({"response_format": json_schema({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})},
     "response_format", "without end"),
    ({"response_format": json_schema({"type": "object", "minProperties": 3})}, "response_format", "minProperties"),
    ({"response_format": json_schema({"type": "string", "madeUp": 1})}, "response_format", "madeUp"),
    ({"response_format": {"type": "json_schema"}}, "response_format", "json_schema"),
    ({"response_format": {"type": "xml"}}, "response_format", "json_object"),
    ({"regex": r"(a)\1"}, "regex", "back-reference"),
    ({"regex": "a("}, "regex", ""),
    ({"ebnf": 'root ::= "a" root'}, "ebnf", "without end"),
    ({"guided_json": "{"}, "guided_json", "JSON"),
    ({"guided_choice": []}, "guided_choice", "list"),
    ({"structured_outputs": {"structural_tag": "x"}}, "structured_outputs", "structural_tag"),
    ({"regex": "a", "guided_json": SHORT}, "guided_json", "exclude"),
]


@pytest.mark.parametrize("form, param, reason", REFUSED, ids=lambda value: str(value)[:60])
def test_an_unenforceable_schema_is_refused_with_the_reason(client, form, param, reason):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, "x", extra_body=form, stream=stream)
        error = caught.value.body
        assert error["param"] == param and reason in error["message"], error
