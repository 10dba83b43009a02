"""Tools and thinking with the official client. Examples in a template make the default model think and call."""

import json
import pathlib

import openai
import pytest
from server import Server

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}}}]
ONE = [{"role": "user", "content": "Weather in Paris?"}]
TWO = [{"role": "user", "content": "Weather in Paris and Madrid?"}]


@pytest.fixture(scope="module")
def server(braid, default_model):
    template = pathlib.Path(__file__).parent / "tool_template.jinja"
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", template) as running:
        yield running


def ask(server, messages, **options):
    return server.client().chat.completions.create(
        **{"model": "", "messages": messages, "tools": TOOLS, "temperature": 0, "max_tokens": 120, **options})


def arguments_of(message):
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]


def test_calls_and_thinking_are_found(server):
    choice = ask(server, ONE).choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert choice.message.reasoning_content == "I look it up for Paris."
    assert arguments_of(choice.message) == [("get_weather", {"city": "Paris", "days": 2})]
    assert choice.message.tool_calls[0].id.startswith("call_") and choice.message.tool_calls[0].type == "function"
    both = ask(server, TWO).choices[0].message
    assert arguments_of(both) == [("get_weather", {"city": city, "days": 2}) for city in ("Paris", "Madrid")]
    assert both.tool_calls[0].id != both.tool_calls[1].id
    first = ask(server, TWO, parallel_tool_calls=False).choices[0].message
    assert arguments_of(first) == arguments_of(both)[:1]


def test_a_function_of_an_older_client_is_called(server):
    old = {"tools": openai.NOT_GIVEN, "functions": [TOOLS[0]["function"]]}
    choice = ask(server, TWO, **old).choices[0]
    made = choice.message.function_call
    assert choice.finish_reason == "function_call" and choice.message.content is None and choice.message.tool_calls is None
    assert (made.name, json.loads(made.arguments)) == ("get_weather", {"city": "Paris", "days": 2})
    pieces = [chunk.choices[0].delta.function_call for chunk in ask(server, TWO, stream=True, **old)]
    pieces = [piece for piece in pieces if piece]
    assert [piece.name for piece in pieces if piece.name] == ["get_weather"] and len(pieces) > 5
    assert "".join(piece.arguments for piece in pieces) == made.arguments
    # The conversation goes on as with a tool.
    called = [*TWO, choice.message.model_dump(exclude_none=True), {"role": "function", "name": "get_weather", "content": "sunny"}]
    as_tool = [*TWO, {"role": "assistant", "tool_calls": [{"id": "call00001", "type": "function", "function": made.model_dump()}]},
               {"role": "tool", "tool_call_id": "call00001", "content": "sunny"}]
    assert ask(server, called, **old).choices[0].message.content == ask(server, as_tool).choices[0].message.content != ""
    assert ask(server, ONE, function_call="none", **old).choices[0].finish_reason != "function_call"


def test_a_stream_says_the_same_in_pieces(server):
    whole = ask(server, TWO).choices[0].message
    thinking, calls, pieces, reason = "", {}, 0, None
    for chunk in ask(server, TWO, stream=True):
        choice = chunk.choices[0]
        thinking += getattr(choice.delta, "reasoning_content", None) or ""
        assert not choice.delta.content
        for call in choice.delta.tool_calls or []:
            pieces += 1
            if call.index not in calls:
                assert call.id and call.function.name
                calls[call.index] = [call.function.name, ""]
            else:
                assert call.id is None and call.function.name is None
            calls[call.index][1] += call.function.arguments
        reason = choice.finish_reason or reason
    assert thinking == whole.reasoning_content and reason == "tool_calls"
    assert list(calls.values()) == [[call.function.name, call.function.arguments] for call in whole.tool_calls]
    assert pieces > 10


def test_a_conversation_goes_on_after_a_call(server):
    called = ask(server, ONE).choices[0].message
    answer = ask(server, [*ONE, called.model_dump(exclude_none=True), {
        "role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "sunny"}])
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls") and answer.usage.completion_tokens > 0


def test_a_call_can_be_forced(server):
    other = {"type": "function", "function": {"name": "set_alarm", "parameters": {
        "type": "object", "properties": {"hour": {"type": "integer", "minimum": 0, "maximum": 23}}, "required": ["hour"]}}}
    named = {"tools": [*TOOLS, other], "tool_choice": {"type": "function", "function": {"name": "set_alarm"}}}
    message = ask(server, ONE, **named).choices[0].message
    [(name, arguments)] = arguments_of(message)
    assert name == "set_alarm" and list(arguments) == ["hour"] and 0 <= arguments["hour"] <= 23 and message.content is None
    streamed = "".join(call.function.arguments or "" for chunk in ask(server, ONE, stream=True, **named)
                       for call in chunk.choices[0].delta.tool_calls or [])
    assert streamed == message.tool_calls[0].function.arguments
    greeting = [{"role": "user", "content": "Hello, how are you?"}]
    choice = ask(server, greeting, tool_choice="required", parallel_tool_calls=False).choices[0]
    [(name, arguments)] = arguments_of(choice.message)
    assert choice.finish_reason == "tool_calls" and name == "get_weather" and "city" in arguments


def test_without_tools_none_are_called(server):
    for options in ({"tool_choice": "none"}, {"tools": openai.NOT_GIVEN}):
        message = ask(server, ONE, max_tokens=20, **options).choices[0].message
        assert message.tool_calls is None and message.content
    assert ask(server, ONE, tool_choice="none", max_tokens=1).usage.prompt_tokens < 50, "the template sees no tools"


def test_thinking_stays_in_the_content_on_demand(server):
    message = ask(server, ONE, extra_body={"separate_reasoning": False}).choices[0].message
    assert message.content.startswith("<think>\nI look it up for Paris.\n</think>")
    assert arguments_of(message) == [("get_weather", {"city": "Paris", "days": 2})]


def test_parsers_can_be_switched_off(braid, default_model):
    template = pathlib.Path(__file__).parent / "tool_template.jinja"
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", template,
                "--tool-call-parser", "none", "--reasoning-parser", "none") as plain:
        message = ask(plain, ONE).choices[0].message
    assert message.tool_calls is None and "<think>" in message.content and "<tool_call>" in message.content


@pytest.mark.parametrize("options, param", [
    ({"tools": [{"type": "function"}]}, "tools"), ({"tools": TOOLS * 2}, "tools"), ({"tools": "x"}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools"),
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, "tools"),
    ({"tool_choice": "always"}, "tool_choice"), ({"tools": [], "tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
    ({"tool_choice": "required", "extra_body": {"regex": "a"}}, "tool_choice"), ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
])
def test_an_invalid_parameter_is_named(server, options, param):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(server, ONE, **options)
    assert caught.value.body["param"] == param


def test_unknown_parsers_are_named(braid, default_model):
    for flag in ("--tool-call-parser", "--reasoning-parser"):
        said = braid.error("serve", "--model-path", default_model, flag, "other")
        assert flag in said and "other" in said and "auto" in said and "none" in said
