"""Answers of both of OpenAI's endpoints, whole and as events, held to OpenAI's own description of them; and requests with
every parameter of it."""

import json
import random

import pytest
from openai_description import problems
from server import Server

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
HELLO = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 6, "ignore_eos": True}
QUICK = {"prompt": "The quick", "max_tokens": 6, "ignore_eos": True}
FUNCTION = {"name": "look_up", "description": "Looks it up.",
            "parameters": {"type": "object", "properties": {"word": {"enum": ["a", "b"]}}, "required": ["word"], "additionalProperties": False}}
TOOL = {"type": "function", "function": FUNCTION}
CALLS = {**HELLO, "max_tokens": 100, "ignore_eos": False}


@pytest.fixture(scope="module")
def server(braid, tiny_model):
    with Server(braid, tiny_model, "--served-model-name", "tiny") as running:
        yield running


def counts(usage):
    """A usage without what the prefix cache had, which depends on what ran before."""
    return {key: value for key, value in usage.items() if key != "prompt_tokens_details"}


def ask(server, path, body):
    """The answer, or the events of a stream. All are checked."""
    answer = server.post(path, body)
    assert answer.status == 200, answer.body
    name = {CHAT: "CreateChatCompletionResponse", COMPLETIONS: "CreateCompletionResponse"}[path]
    if not body.get("stream"):
        whole = answer.json()
        assert problems(name, whole) == [] and len(whole["choices"]) == body.get("n", 1)
        assert whole["usage"] and all(choice["finish_reason"] for choice in whole["choices"])
        return whole
    events = answer.events()
    for event in events:
        assert problems(name.replace("ChatCompletion", "ChatCompletionStream"), event) == [], event
    # Every chunk but the usage's has a choice, and each choice ends once.
    ends = [choice["index"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    assert sorted(ends) == list(range(body.get("n", 1)))
    return events


def message_of(events):
    """The deltas of a stream's first choice, joined as clients do it: texts grow, calls by their index."""
    message = {}
    for event in events:
        for choice in event["choices"]:
            for key, piece in choice["delta"].items() if choice["index"] == 0 else ():
                if key == "function_call":
                    known = message.setdefault(key, {})
                    known.update({part: known.get(part, "") + text for part, text in piece.items()})
                elif isinstance(piece, str) and key != "role":
                    message[key] = message.get(key, "") + piece
                elif key != "tool_calls":
                    message[key] = piece
    return message


def test_the_description_finds_what_is_missing_or_wrong(server):
    whole = ask(server, CHAT, HELLO)
    for path, change in ((["choices", 0, "message"], {"refusal": 5}), (["choices", 0], {"finish_reason": "done"}),
                         (["usage"], {"total_tokens": "7"}), ([], {"object": "chat"}), ([], {"created": 1.5})):
        wrong = json.loads(json.dumps(whole))
        part = wrong
        for step in path:
            part = part[step]
        part.update(change)
        assert problems("CreateChatCompletionResponse", wrong), change
    for path, key in (([], "created"), (["choices", 0], "logprobs"), (["choices", 0, "message"], "refusal"), (["usage"], "prompt_tokens")):
        wrong = json.loads(json.dumps(whole))
        part = wrong
        for step in path:
            part = part[step]
        del part[key]
        assert problems("CreateChatCompletionResponse", wrong), key


@pytest.mark.parametrize("more", [
    {}, {"n": 3, "temperature": 1}, {"logprobs": True}, {"logprobs": True, "top_logprobs": 3, "n": 2}, {"stop": ["e", "a"]},
    {"max_tokens": 0}, {"ignore_eos": False, "max_tokens": 200}, {"response_format": {"type": "json_object"}, "ignore_eos": False},
    {"tools": [TOOL], "tool_choice": "none"}, {"return_token_ids": True, "separate_reasoning": False}], ids=json.dumps)
def test_chats_are_as_described(server, more):
    whole = ask(server, CHAT, {**HELLO, "seed": 3, **more})
    events = ask(server, CHAT, {**HELLO, "seed": 3, **more, "stream": True, "stream_options": {"include_usage": True}})
    message = message_of(events)
    assert message == whole["choices"][0]["message"]
    assert events[-1]["choices"] == [] and counts(events[-1]["usage"]) == counts(whole["usage"])


@pytest.mark.parametrize("more", [
    {}, {"n": 3, "temperature": 1}, {"logprobs": 0}, {"logprobs": 3, "n": 2}, {"echo": True, "logprobs": 2}, {"echo": True, "max_tokens": 0},
    {"max_tokens": 0}, {"stop": "e"}, {"ignore_eos": False, "max_tokens": 200}, {"return_token_ids": True}], ids=json.dumps)
def test_completions_are_as_described(server, more):
    whole = ask(server, COMPLETIONS, {**QUICK, "seed": 3, **more})
    events = ask(server, COMPLETIONS, {**QUICK, "seed": 3, **more, "stream": True, "stream_options": {"include_usage": True}})
    text = "".join(choice["text"] for event in events for choice in event["choices"] if choice["index"] == 0)
    assert text == whole["choices"][0]["text"]
    assert events[-1]["choices"] == [] and counts(events[-1]["usage"]) == counts(whole["usage"])


def test_calls_are_as_described(server):
    body = {**CALLS, "tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
    choice = ask(server, CHAT, body)["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    [call] = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "look_up" and json.loads(call["function"]["arguments"])["word"] in ("a", "b")
    events = ask(server, CHAT, {**body, "stream": True})
    assert any("tool_calls" in choice["delta"] for event in events for choice in event["choices"])


def test_functions_of_older_clients_are_called_in_their_old_form(server):
    body = {**CALLS, "temperature": 0, "functions": [FUNCTION], "function_call": {"name": "look_up"}}
    choice = ask(server, CHAT, body)["choices"][0]
    assert choice["finish_reason"] == "function_call" and "tool_calls" not in choice["message"]
    call = choice["message"]["function_call"]
    assert call["name"] == "look_up" and json.loads(call["arguments"])["word"] in ("a", "b")
    as_tool = ask(server, CHAT, {**CALLS, "temperature": 0, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look_up"}}})
    assert as_tool["choices"][0]["message"]["tool_calls"][0]["function"] == call, "the model sees the same prompt"
    events = ask(server, CHAT, {**body, "stream": True})
    assert message_of(events)["function_call"] == call
    assert all("tool_calls" not in one["delta"] for event in events for one in event["choices"])
    assert [one["finish_reason"] for event in events for one in event["choices"] if one["finish_reason"]] == ["function_call"]


def test_a_conversation_of_an_older_client_goes_on(server):
    old = [*HELLO["messages"], {"role": "assistant", "content": "", "function_call": {"name": "look_up", "arguments": "{}"}},
           {"role": "function", "name": "look_up", "content": "found"}]
    new = [*HELLO["messages"], {"role": "assistant", "content": "", "tool_calls": [
        {"id": "call00001", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]},
           {"role": "tool", "name": "look_up", "tool_call_id": "call00001", "content": "found"}]
    assert server.post("/tokenize", {"messages": old}).json() == server.post("/tokenize", {"messages": new}).json()
    ask(server, CHAT, {**HELLO, "messages": old, "functions": [FUNCTION]})


def test_models_and_errors_are_as_described(server):
    assert problems("ListModelsResponse", server.get("/v1/models").json()) == []
    assert problems("Model", server.get("/v1/models/tiny").json()) == []
    for answer in (server.get("/v1/models/other"), server.post(CHAT, {}), server.post(CHAT, b"{"), server.post(COMPLETIONS, {"prompt": 5}),
                   server.get(CHAT), server.get("/nowhere"), server.post("/v1/embeddings", {})):
        assert answer.status >= 400 and problems("ErrorResponse", answer.json()) == [], answer.body


# Every parameter that OpenAI describes, with a value that this server can follow or that changes nothing here.
SHARED = {"model": "tiny", "frequency_penalty": -2, "logit_bias": {"foo": 0, "5": 1}, "n": 1, "presence_penalty": -2, "seed": -9007199254740991,
          "stop": "\n", "stream_options": {"include_obfuscation": True, "include_usage": True}, "temperature": 1, "top_p": 1, "user": "user-1234"}
ALL_OF_A_CHAT = {
    **SHARED, "messages": [{"role": "developer", "content": "Answer.", "name": "me"}, {"role": "user", "content": "hello", "name": "you"}],
    "audio": {"format": "wav", "voice": "alloy"}, "function_call": "none", "functions": [{**FUNCTION, "parameters": {"foo": "bar"}}],
    "logprobs": True, "max_completion_tokens": 4, "max_tokens": 0, "metadata": {"a": "b"}, "modalities": ["text"], "parallel_tool_calls": True,
    "prediction": {"content": "hello", "type": "content"}, "prompt_cache_key": "key", "prompt_cache_retention": "in-memory",
    "reasoning_effort": "none", "response_format": {"type": "text"}, "safety_identifier": "someone", "service_tier": "auto", "store": True,
    "tool_choice": "none", "tools": [{"type": "function", "function": {**FUNCTION, "strict": True}}], "top_logprobs": 0, "verbosity": "low",
    "web_search_options": {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": {"city": "Paris"}}}}
ALL_OF_A_COMPLETION = {**SHARED, "prompt": "This is a test.", "best_of": 0, "echo": True, "logprobs": 0, "max_tokens": 4, "suffix": None}


def test_requests_with_all_parameters_are_answered(server):
    client = server.client(_strict_response_validation=True)
    for stream in (False, True):
        ask(server, CHAT, {**ALL_OF_A_CHAT, "stream": stream})
        ask(server, COMPLETIONS, {**ALL_OF_A_COMPLETION, "stream": stream})
        # The official client refuses what is not as it expects.
        answer = client.chat.completions.create(**ALL_OF_A_CHAT, stream=stream)
        assert not stream or list(answer)[-1].usage.completion_tokens == 4
    # It knows no null among log-probabilities either, which the first token of an echoed prompt has at OpenAI too.
    for more in ({"echo": False}, {"logprobs": None}):
        assert client.completions.create(**{**ALL_OF_A_COMPLETION, **more}).usage.completion_tokens == 4
    # As the official client's own tests have them: nothing is asked for.
    ask(server, CHAT, {**ALL_OF_A_CHAT, "max_completion_tokens": 0, "max_tokens": 0})


ODD_VALUES = [None, True, False, 0, -1, 1, 0.5, 1e300, -1e300, 2**31, 2**63, -(2**63), 10**30, "", "x", "\u0000", "é\ud83d\ude42", "1" * 300, [], [[]], [None],
              [1], [-1], ["a", 1], {}, {"a": 1}, {"type": "x"}, {"type": "function"}, [{"role": "user"}], [{"type": "text", "text": "x"}]]


def altered(draw, value, depth=0):
    """A JSON value with one part replaced, dropped or doubled."""
    if isinstance(value, dict) and value and (depth == 0 or draw.random() < 0.7):
        key = draw.choice(list(value))
        kind = draw.random()
        if kind < 0.1:
            return {other: one for other, one in value.items() if other != key}
        if kind < 0.2:
            return {**value, draw.choice(["x", "stream", "n", "tools", "functions", "regex", "dp_rank", "min_tokens"]): draw.choice(ODD_VALUES)}
        return {**value, key: altered(draw, value[key], depth + 1)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], altered(draw, value[at], depth + 1), *value[at:][draw.randrange(2):]]
    return draw.choice(ODD_VALUES)


@pytest.mark.parametrize("seed", range(4))
def test_no_request_is_the_servers_fault(server, seed):
    """Random requests, most of them wrong: each is answered as described, or refused by an error that is."""
    draw = random.Random(seed)
    valid = [(CHAT, {**HELLO, "max_tokens": 3}), (CHAT, {**ALL_OF_A_CHAT, "max_completion_tokens": 3}), (COMPLETIONS, {**QUICK, "max_tokens": 3}),
             (COMPLETIONS, {**ALL_OF_A_COMPLETION, "max_tokens": 3}),
             (CHAT, {**CALLS, "max_tokens": 5, "functions": [FUNCTION], "function_call": {"name": "look_up"}}),
             (CHAT, {**CALLS, "max_tokens": 5, "tools": [TOOL], "tool_choice": "required"})]
    statuses = []
    for _ in range(150):
        path, body = draw.choice(valid)
        for _ in range(draw.choice((1, 1, 2, 3))):
            body = altered(draw, body)
            if not isinstance(body, dict):
                break
        if isinstance(body, dict) and not isinstance(body.get("max_tokens"), int) and "max_completion_tokens" not in body:
            body["max_tokens"] = 3  # an answer to the end of the context would take long
        answer = server.post(path, json.dumps(body).encode())
        statuses.append(answer.status)
        assert answer.status in (200, 400, 404), (body, answer.body)
        if answer.status != 200:
            assert problems("ErrorResponse", answer.json()) == [], (body, answer.body)
        elif answer.headers["Content-Type"].startswith("text/event-stream"):
            assert answer.events(), body
        else:
            name = "CreateChatCompletionResponse" if path == CHAT else "CreateCompletionResponse"
            assert problems(name, answer.json()) == [], (body, answer.body)
    assert statuses.count(200) > 10 and statuses.count(400) > 10
    assert server.get("/health").status == 200
