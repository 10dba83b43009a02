"""The server, tested with the official `openai` client."""

import asyncio
import json

import openai
import pytest
from server import Server


@pytest.fixture(scope="module")
def server(braid, tiny_model):
    with Server(braid, tiny_model, "--served-model-name", "tiny") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return server.client()


HELLO = [{"role": "user", "content": "hello"}]
GREEDY = {"model": "tiny", "temperature": 0, "max_tokens": 12, "extra_body": {"ignore_eos": True}}


def chat(client, **options):
    return client.chat.completions.create(**{"messages": HELLO, **GREEDY, **options})


def complete(client, **options):
    return client.completions.create(**{"prompt": "The quick", **GREEDY, **options})


def joined(chunks, index=0):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


def test_a_chat_and_its_stream_say_the_same(client):
    whole = chat(client)
    assert whole.object == "chat.completion" and whole.model == "tiny"
    assert whole.choices[0].message.role == "assistant"
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 12
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + 12

    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    assert len({chunk.id for chunk in chunks}) == 1 and chunks[0].id != whole.id
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in chunks[1:-1])
    assert joined(chunks) == whole.choices[0].message.content != ""
    assert chunks[-2].choices[0].finish_reason == "length" and chunks[-2].choices[0].delta.content is None
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 12
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_completion_and_its_stream_say_the_same(client):
    whole = complete(client)
    chunks = list(complete(client, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text != ""
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert complete(client, max_tokens=None).usage.completion_tokens == 16


def test_prompts_come_as_text_ids_and_lists_of_them(client):
    text = complete(client, extra_body={"ignore_eos": True, "return_token_ids": True}).choices[0]
    ids = text.prompt_token_ids
    assert complete(client, prompt=ids).choices[0].text == text.text
    several = complete(client, prompt=["The quick", "hello", "The quick"])
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    assert several.choices[0].text == several.choices[2].text == text.text
    assert several.usage.completion_tokens == 36
    assert [choice.text for choice in complete(client, prompt=[ids, ids]).choices] == [text.text] * 2
    echoed = complete(client, echo=True, max_tokens=0)
    assert echoed.choices[0].text == "The quick" and echoed.usage.completion_tokens == 0


def test_choices_differ_and_the_first_is_that_of_one(client):
    drawn = {"temperature": 1.0, "seed": 7}
    alone = chat(client, **drawn).choices[0].message.content
    whole = [choice.message.content for choice in chat(client, n=3, **drawn).choices]
    assert whole[0] == alone and len(set(whole)) == 3
    chunks = list(chat(client, n=3, stream=True, **drawn))
    assert [joined(chunks, index) for index in range(3)] == whole


def test_logprobs_of_chats(client):
    choice = chat(client, logprobs=True, top_logprobs=3).choices[0]
    entries = choice.logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in entries).decode(errors="replace") == choice.message.content
    for entry in entries:
        assert len(entry.top_logprobs) == 3 and entry.logprob == entry.top_logprobs[0].logprob <= 0
    chunks = list(chat(client, logprobs=True, top_logprobs=3, stream=True))
    streamed = [entry for chunk in chunks if chunk.choices and chunk.choices[0].logprobs
                for entry in chunk.choices[0].logprobs.content]
    assert streamed == entries


def test_logprobs_of_completions(client):
    whole = complete(client, logprobs=2).choices[0]
    assert len(whole.logprobs.tokens) == len(whole.logprobs.token_logprobs) == 12
    assert whole.logprobs.text_offset[0] == 0
    assert all(value == max(top.values()) for value, top in zip(whole.logprobs.token_logprobs, whole.logprobs.top_logprobs))
    echoed = complete(client, logprobs=2, echo=True, max_tokens=4)
    logprobs = echoed.choices[0].logprobs
    assert len(logprobs.tokens) == echoed.usage.prompt_tokens + 4
    assert logprobs.token_logprobs[0] is None and all(value <= 0 for value in logprobs.token_logprobs[1:])
    chunks = list(complete(client, logprobs=2, echo=True, max_tokens=4, stream=True))
    values = [value for chunk in chunks if chunk.choices[0].logprobs for value in chunk.choices[0].logprobs.token_logprobs]
    assert values == logprobs.token_logprobs


def test_a_stop_string_ends_the_text_before_it(client):
    whole = complete(client, max_tokens=40).choices[0].text
    stop = next(whole[i:i + 3] for i in range(4, len(whole)) if "\ufffd" not in whole[i:i + 3])
    stopped = complete(client, max_tokens=40, stop=[stop]).choices[0]
    assert stopped.finish_reason == "stop" and stopped.text == whole[:whole.index(stop)]
    kept = complete(client, max_tokens=40, stop=stop, extra_body={"ignore_eos": True, "no_stop_trim": True})
    assert kept.choices[0].text == whole[:whole.index(stop) + 3]
    chunks = complete(client, max_tokens=40, stop=[stop], stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == stopped.text


def test_usage_counts_the_prefix_caches_tokens(client, server):
    prompt = list(range(5, 105))
    first = complete(client, prompt=prompt).usage
    again = complete(client, prompt=prompt).usage
    assert first.prompt_tokens_details.cached_tokens == 0
    assert again.prompt_tokens_details.cached_tokens == 96
    streamed = list(complete(client, prompt=prompt, stream=True, stream_options={"include_usage": True}))
    assert streamed[-1].usage.prompt_tokens_details.cached_tokens == 96


def test_token_ids_are_returned(client):
    options = {"extra_body": {"ignore_eos": True, "return_token_ids": True}}
    whole = chat(client, **options)
    assert len(whole.choices[0].token_ids) == 12 and len(whole.prompt_token_ids) == whole.usage.prompt_tokens
    chunks = list(chat(client, stream=True, **options))
    assert chunks[0].prompt_token_ids == whole.prompt_token_ids
    ids = [i for chunk in chunks for choice in chunk.choices for i in getattr(choice, "token_ids", None) or []]
    assert ids == whole.choices[0].token_ids


def test_models(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "braid"
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("some/other")
    assert error.value.code == "model_not_found"


def test_another_model_is_not_found(client):
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as error:
            chat(client, model="gpt-4", stream=stream)
        assert error.value.code == "model_not_found" and "gpt-4" in str(error.value)


@pytest.mark.parametrize("options, param", [
    ({"temperature": -1}, "temperature"), ({"n": 0}, "n"), ({"top_p": 2}, "top_p"),
    ({"presence_penalty": 2.5}, "presence_penalty"), ({"logit_bias": {"99999": 1}}, "logit_bias"),
    ({"logit_bias": {"5": 101}}, "logit_bias"), ({"top_logprobs": 3}, "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"), ({"functions": [{"name": "f g"}]}, "functions"),
    ({"extra_body": {"min_tokens": 13}}, "min_tokens"), ({"extra_body": {"seed": True}}, "seed"),
    ({"extra_body": {"ignore_eos": 1}}, "ignore_eos"), ({"extra_body": {"stop_token_ids": ["x"]}}, "stop_token_ids"),
    ({"messages": []}, "messages"), ({"messages": [{"role": "user", "content": 5}]}, "messages"),
    ({"messages": HELLO + [{"role": "assistant", "content": "a"}] * 2}, "messages"),
])
def test_an_invalid_parameter_is_named(client, options, param):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            chat(client, stream=stream, **options)
        assert error.value.param == param and error.value.type == "invalid_request_error"


def test_unknown_parameters_and_nulls_are_ignored(client):
    plain = chat(client).choices[0].message.content
    assert chat(client, extra_body={"ignore_eos": True, "some_new_parameter": {"x": 1}, "stop": None,
                                    "logit_bias": None, "user": None}).choices[0].message.content == plain


def test_absent_parameters_are_as_the_flags_say(braid, tiny_model, client):
    greedy = chat(client).choices[0].message.content
    drawn = chat(client, temperature=1, seed=3).choices[0].message.content
    with Server(braid, tiny_model, "--served-model-name", "tiny", "--override-generation-config", '{"temperature": 0, "top_p": 0.9}') as server:
        own = server.client()
        assert chat(own, temperature=openai.NOT_GIVEN).choices[0].message.content == greedy
        assert chat(own, temperature=1, top_p=1, seed=3).choices[0].message.content == drawn != greedy
        assert server.get("/get_model_info").json()["preferred_sampling_params"] == {"temperature": 0, "top_p": 0.9}
        assert server.get("/get_server_info").json()["override_generation_config"] == '{"temperature": 0, "top_p": 0.9}'
        text = server.post("/generate", {"text": "The quick", "sampling_params": {"max_new_tokens": 12, "ignore_eos": True}}).json()["text"]
    assert text == complete(client).choices[0].text


def test_a_prompt_over_the_context_is_refused_before_any_event(client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            complete(client, prompt=[5] * 100_000, stream=stream)
        assert error.value.code == "context_length_exceeded" and "100000 tokens" in str(error.value)


def test_a_prompt_and_max_tokens_over_the_context_are_accepted(client, server):
    context = server.get("/v1/models").json()["data"][0]["max_model_len"]
    answer = complete(client, prompt=[5] * (context - 3), max_tokens=context)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens <= 4


def test_unsupported_endpoints_and_methods_say_so(server):
    for path in ("/v1/embeddings", "/v1/responses", "/v1/messages"):
        answer = server.post(path, {})
        assert answer.status == 501 and answer.error()["code"] == "not_implemented"
    assert server.get("/nowhere").status == 404
    answer = server.get("/v1/chat/completions")
    assert answer.status == 405 and "POST" in answer.headers["Allow"]
    assert answer.error()["type"] == "invalid_request_error"


def test_the_final_message_can_be_continued(server, client):
    messages = HELLO + [{"role": "assistant", "content": "so it"}]
    options = {"ignore_eos": True, "return_token_ids": True}
    closed = chat(client, messages=messages, extra_body=options)
    open_ = chat(client, messages=messages, extra_body={**options, "continue_final_message": True})
    assert len(open_.prompt_token_ids) < len(closed.prompt_token_ids)
    assert closed.prompt_token_ids[:len(open_.prompt_token_ids)] == open_.prompt_token_ids
    with pytest.raises(openai.BadRequestError):
        chat(client, messages=messages, extra_body={"continue_final_message": True, "add_generation_prompt": True})


def test_a_developer_is_the_system_and_parts_are_joined(client):
    options = {"extra_body": {"return_token_ids": True}}
    def ids(role, content):
        messages = [{"role": role, "content": content}] + HELLO
        return chat(client, messages=messages, **options).prompt_token_ids
    assert ids("developer", "be brief") == ids("system", "be brief")
    parts = [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]
    assert ids("system", parts) == ids("system", "be\nbrief")


def test_many_streams_at_once_are_each_as_alone(server):
    prompts = [f"number {i} " * (1 + i % 5) for i in range(96)]

    async def text_of(client, prompt):
        stream = await client.completions.create(prompt=prompt, stream=True, **{**GREEDY, "max_tokens": 20})
        return "".join([chunk.choices[0].text async for chunk in stream])

    async def all_of(together):
        async with server.async_client() as client:
            if together:
                return await asyncio.gather(*(text_of(client, prompt) for prompt in prompts))
            return [await text_of(client, prompt) for prompt in prompts]

    assert asyncio.run(all_of(True)) == asyncio.run(all_of(False))


def test_the_default_model_says_what_transformers_says(braid, default_model, expected):
    with Server(braid, default_model, "--dtype", "float32", "--kv-cache-memory-bytes", "500MB") as server:
        client = server.client()
        name = client.models.list().data[0].id
        assert name == default_model.stem
        for case in expected["cases"]:
            options = {"model": name, "temperature": 0, "max_tokens": expected["max_new_tokens"],
                       "extra_body": {"return_token_ids": True}}
            if case["chat"]:
                answer = client.chat.completions.create(messages=[{"role": "user", "content": case["prompt"]}], **options)
                text = answer.choices[0].message.content
                assert answer.prompt_token_ids == case["prompt_ids"]
            else:
                answer = client.completions.create(prompt=case["prompt"], **options)
                text = answer.choices[0].text
            assert text == case["text"] and answer.choices[0].token_ids == case["output_ids"]
            assert answer.choices[0].finish_reason == ("stop" if case["ends"] else "length")


def test_a_stop_token_is_in_no_logprobs(braid, default_model, expected):
    case = next(case for case in expected["cases"] if case["chat"] and case["ends"])
    with Server(braid, default_model, "--dtype", "float32", "--kv-cache-memory-bytes", "500MB") as server:
        answer = server.post("/v1/chat/completions", {
            "messages": [{"role": "user", "content": case["prompt"]}], "temperature": 0, "logprobs": True,
            "max_tokens": expected["max_new_tokens"]}).json()
        choice = answer["choices"][0]
        assert choice["finish_reason"] == "stop"
        text = b"".join(bytes(entry["bytes"]) for entry in choice["logprobs"]["content"]).decode()
        assert text == choice["message"]["content"]
        assert answer["usage"]["completion_tokens"] == len(choice["logprobs"]["content"]) + 1


def test_json_is_read_within_limits(server):
    for body in (b"{", b"[]", b"{\"messages\": NaN}", b"\xff", b"[" * 10_000 + b"]" * 10_000,
                 json.dumps({"messages": HELLO, "metadata": {"x": "y" * 2_000_000}}).encode()[:-1]):
        answer = server.post("/v1/chat/completions", body)
        assert answer.status == 400 and answer.error()["type"] == "invalid_request_error"
    large = {"messages": HELLO, "max_tokens": 1, "metadata": {"x": "y" * 2_000_000}}
    assert server.post("/v1/chat/completions", large).status == 200
