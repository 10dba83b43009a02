"""Calls that must be made, strict tools, and structured output after thinking, with the official client. The template's
examples make the default model think and call, with arguments that the schemas here do not allow."""

import concurrent.futures
import json
import pathlib

import jsonschema
import openai
import pytest
from server import Server

TEMPLATE = pathlib.Path(__file__).parent / "tool_template.jinja"
WEATHER = {"type": "object", "properties": {"city": {"enum": ["Paris", "Lima"]}, "days": {"type": "integer", "minimum": 5, "maximum": 9}},
           "required": ["city", "days"], "additionalProperties": False}
MAIL = {"type": "object", "properties": {"to": {"type": "string", "format": "email", "maxLength": 20}, "tags": {"$ref": "#/$defs/tags"}},
        "required": ["to", "tags"], "additionalProperties": False,
        "$defs": {"tags": {"type": "array", "items": {"enum": ["urgent", "later"]}, "minItems": 1, "maxItems": 2}}}
SCHEMAS = {"get_weather": WEATHER, "send_mail": MAIL}


def tool(name, **more):
    return {"type": "function", "function": {"name": name, "parameters": SCHEMAS[name], **more}}


TOOLS = [tool("get_weather"), tool("send_mail")]


@pytest.fixture(scope="module")
def server(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", TEMPLATE) as running:
        yield running


def ask(server, **options):
    return server.client(timeout=600).chat.completions.create(**{
        "model": "", "messages": [{"role": "user", "content": "Weather in Paris?"}], "tools": TOOLS, "temperature": 0,
        "max_tokens": 300, **options})


def checked(calls):
    """The calls as (name, arguments); checks that the arguments match their schemas."""
    made = []
    for call in calls:
        arguments = json.loads(call.function.arguments)
        jsonschema.validate(arguments, SCHEMAS[call.function.name], format_checker=jsonschema.FormatChecker())
        made.append((call.function.name, arguments))
    return made


def streamed(chunks):
    calls = {}
    finish = content = None
    for chunk in chunks:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            content = choice.delta.content or content
            for call in choice.delta.tool_calls or []:
                one = calls.setdefault(call.index, ["", ""])
                one[0] += call.function.name or ""
                one[1] += call.function.arguments or ""
    assert content is None
    return [(name, json.loads(arguments)) for name, arguments in calls.values()], finish


def called(chunks):
    """The one call of a stream, whatever text is around it."""
    pieces = [call.function for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    return [("".join(piece.name or "" for piece in pieces), json.loads("".join(piece.arguments or "" for piece in pieces)))]


def test_required_calls_are_made_streamed_or_not(server):
    choice = ask(server, tool_choice="required", n=1).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    made = checked(choice.message.tool_calls)
    assert made and all(call.id.startswith("call_") for call in choice.message.tool_calls)
    assert streamed(ask(server, tool_choice="required", stream=True)) == (made, "tool_calls")


def test_a_named_tool_is_called_once(server):
    named = {"type": "function", "function": {"name": "send_mail"}}
    for seed in range(3):
        choice = ask(server, tool_choice=named, temperature=0.8, seed=seed).choices[0]
        assert [name for name, _ in checked(choice.message.tool_calls)] == ["send_mail"]


def test_without_parallel_calls_there_is_one(server):
    messages = [{"role": "user", "content": "Weather in Paris and Lima?"}]
    for seed in range(3):
        message = ask(server, messages=messages, tool_choice="required", parallel_tool_calls=False, temperature=0.8,
                      seed=seed).choices[0].message
        assert len(checked(message.tool_calls)) == 1


def test_every_choice_of_n_calls(server):
    answer = ask(server, tool_choice="required", temperature=0.9, seed=4, n=3, parallel_tool_calls=False)
    assert all(len(checked(choice.message.tool_calls)) == 1 for choice in answer.choices)


def test_strict_tools_are_called_as_their_schema_says(server):
    free = json.loads(ask(server).choices[0].message.tool_calls[0].function.arguments)
    assert free == {"city": "Paris", "days": 2}  # as in the template's examples, but against its schema
    message = ask(server, tools=[tool("get_weather", strict=True), tool("send_mail")]).choices[0].message
    made = checked(message.tool_calls)
    assert made[0][0] == "get_weather" and made[0][1]["days"] >= 5
    assert message.reasoning_content == "I look it up for Paris."


@pytest.mark.parametrize("style", ["qwen3_coder", "glm45"])
def test_strict_tools_obey_between_tags_too(braid, default_model, style):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", TEMPLATE, "--tool-call-parser",
                style) as running:
        strict = [tool("get_weather", strict=True), tool("send_mail", strict=True)]

        def calls_of(seed, stream):
            # A model this small goes on with one call after another: the first one is complete.
            options = {"tools": strict, "temperature": 0.7, "seed": seed, "max_tokens": 200, "parallel_tool_calls": False}
            if stream:
                return called(ask(running, stream=True, **options))
            return checked(ask(running, **options).choices[0].message.tool_calls)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            made = list(pool.map(calls_of, [0, 1, 2], [False] * 3))
            assert [len(calls) for calls in made] == [1, 1, 1]
            assert list(pool.map(calls_of, [0, 1, 2], [True] * 3)) == made
        free = ask(running, max_tokens=60).choices[0].message
        assert not free.tool_calls and "<tool_call>" in free.content  # as in the template's examples, in another format
        unwritable = {"type": "object", "properties": {"</arg_key>": {}}}
        with pytest.raises(openai.BadRequestError) as caught:
            ask(running, tools=[{"type": "function", "function": {"name": "f", "strict": True, "parameters": unwritable}}])
        assert caught.value.body["param"] == "tools" and "cannot be written" in caught.value.body["message"]


def test_a_call_cut_by_max_tokens_keeps_its_beginning(server):
    named = {"type": "function", "function": {"name": "send_mail"}}
    whole = ask(server, tool_choice=named).choices[0].message.tool_calls[0].function
    num_calls = 0
    for max_tokens in range(1, 90, 6):
        options = {"tool_choice": named, "max_tokens": max_tokens}
        choice = ask(server, **options).choices[0]
        if choice.finish_reason == "tool_calls":
            break
        assert choice.finish_reason == "length" and not choice.message.content
        calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
        assert all(name == whole.name and whole.arguments.startswith(arguments) for name, arguments in calls)
        num_calls += len(calls)
        chunks = [chunk.choices[0] for chunk in ask(server, stream=True, **options)]
        assert chunks[-1].finish_reason == "length" and not any(chunk.delta.content for chunk in chunks)
        pieces = [call.function for chunk in chunks for call in chunk.delta.tool_calls or []]
        assert ("".join(piece.name or "" for piece in pieces), "".join(piece.arguments for piece in pieces)) == (
            calls[0] if calls else ("", ""))
    assert num_calls > 2


def test_structured_output_begins_after_the_thinking(braid, default_model, tmp_path):
    template = tmp_path / "thinking.jinja"
    source = TEMPLATE.read_text(encoding="utf-8")
    opened = source.replace("'<|im_start|>assistant\\n' if", "'<|im_start|>assistant\\n<think>\\n' if")
    assert opened != source
    template.write_text(opened, encoding="utf-8")
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": WEATHER}}
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", template) as running:
        message = ask(running, response_format=form).choices[0].message
        assert message.reasoning_content.startswith("I look it up for Paris.")
        jsonschema.validate(json.loads(message.content), WEATHER)
        forced = ask(running, tool_choice="required").choices[0].message
        assert forced.reasoning_content.startswith("I look it up for Paris.") and checked(forced.tool_calls)


def test_a_tool_that_cannot_be_obeyed_is_refused(server):
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"type": "object", "properties": {"x": {"type": "string", "pattern": "(a)\\1"}}}}}
    with pytest.raises(openai.BadRequestError) as caught:
        ask(server, tools=[odd], tool_choice="required")
    assert caught.value.body["param"] == "tools" and "back-reference" in caught.value.body["message"]
    with pytest.raises(openai.BadRequestError):
        ask(server, tool_choice={"type": "function", "function": {"name": "nobody"}})
