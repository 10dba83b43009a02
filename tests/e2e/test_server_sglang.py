"""The endpoints of SGLang's API: /generate, /tokenize, /flush_cache and others."""

import concurrent.futures
import http.client
import json
import time
import urllib.parse

import pytest
from server import Server, stream_data


@pytest.fixture(scope="module")
def server(braid, tiny_model):
    with Server(braid, tiny_model, "--served-model-name", "tiny") as running:
        yield running


PARAMS = {"temperature": 0, "max_new_tokens": 10, "ignore_eos": True}


def generate(server, **body):
    answer = server.post("/generate", {"sampling_params": PARAMS, **body})
    assert answer.status == 200, answer.body
    return answer.events() if body.get("stream") else answer.json()


def test_generate_says_what_a_completion_says(server):
    completed = server.post("/v1/completions", {"prompt": "The quick", "temperature": 0, "max_tokens": 10,
                                                "ignore_eos": True, "return_token_ids": True}).json()
    choice = completed["choices"][0]
    answer = generate(server, text="The quick")
    assert answer["text"] == choice["text"] and answer["output_ids"] == choice["token_ids"]
    meta = answer["meta_info"]
    assert meta["finish_reason"] == {"type": "length", "length": 10}
    assert meta["prompt_tokens"] == completed["usage"]["prompt_tokens"] and meta["completion_tokens"] == 10
    assert generate(server, input_ids=choice["prompt_token_ids"])["text"] == choice["text"]
    events = generate(server, text="The quick", stream=True)
    assert events[-1]["text"] == choice["text"] and events[-1]["meta_info"]["finish_reason"]["type"] == "length"
    for earlier, later in zip(events, events[1:]):
        assert later["text"].startswith(earlier["text"])
        assert later["output_ids"][:len(earlier["output_ids"])] == earlier["output_ids"]
        assert earlier["meta_info"]["finish_reason"] is None


def test_lists_bring_their_own_parameters(server):
    answers = generate(server, text=["The quick", "hello"], rid=["a", "b"],
                       sampling_params=[PARAMS, {**PARAMS, "max_new_tokens": 3}])
    assert [a["meta_info"]["id"] for a in answers] == ["a", "b"]
    assert [a["meta_info"]["completion_tokens"] for a in answers] == [10, 3]
    assert answers[0]["text"] == generate(server, text="The quick")["text"]
    events = generate(server, text=["The quick", "hello"], stream=True)
    last = {event["index"]: event for event in events}
    assert last[0]["text"] == answers[0]["text"] and set(last) == {0, 1}
    drawn = generate(server, text="x", sampling_params={**PARAMS, "temperature": 1, "n": 3, "sampling_seed": 1})
    assert len({a["text"] for a in drawn}) == 3


def test_a_long_stream_with_many_alternatives_waits_for_a_slow_client(server):
    body = {"text": "x", "stream": True, "return_logprob": True, "top_logprobs_num": 100,
            "sampling_params": {"temperature": 1, "max_new_tokens": 400, "n": 8, "ignore_eos": True, "sampling_seed": 3}}
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=120)
    connection.request("POST", "/generate", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    time.sleep(3)  # generates far more than the buffer holds
    events_data = stream_data(answer.read().decode())
    connection.close()
    events = [json.loads(data) for data in events_data]
    last = {event["index"]: event for event in events}
    assert len(last) == 8 and max(map(len, events_data)) > 1_000_000
    for event in last.values():
        meta = event["meta_info"]
        assert meta["finish_reason"] == {"type": "length", "length": 400}
        assert len(meta["output_token_logprobs"]) == 400 and {len(top) for top in meta["output_top_logprobs"]} == {100}


def test_logprobs_of_prompt_and_output(server):
    ids = server.post("/tokenize", {"prompt": "The quick"}).json()["tokens"]
    meta = generate(server, input_ids=ids, return_logprob=True, logprob_start_len=0, top_logprobs_num=2)["meta_info"]
    assert [entry[1] for entry in meta["input_token_logprobs"]] == ids
    assert meta["input_token_logprobs"][0][0] is None and meta["input_token_logprobs"][1][0] <= 0
    for (logprob, token, text), top in zip(meta["output_token_logprobs"], meta["output_top_logprobs"]):
        assert [logprob, token, text] == top[0] and len(top) == 2
    output_alone = generate(server, input_ids=ids, return_logprob=True)["meta_info"]
    assert output_alone["input_token_logprobs"] == []
    assert output_alone["output_token_logprobs"] == meta["output_token_logprobs"]
    tail = generate(server, input_ids=ids, return_logprob=True, logprob_start_len=len(ids) - 1)["meta_info"]
    assert tail["input_token_logprobs"] == meta["input_token_logprobs"][-1:]
    scored = generate(server, input_ids=ids, return_logprob=True, logprob_start_len=0,
                      sampling_params={"max_new_tokens": 0})
    assert scored["text"] == "" and scored["meta_info"]["input_token_logprobs"] == meta["input_token_logprobs"]


def test_stop_tokens_stay_in_the_ids(server):
    whole = generate(server, text="The quick")
    stop = whole["output_ids"][4]
    stopped = generate(server, text="The quick", return_logprob=True, sampling_params={**PARAMS, "stop_token_ids": [stop]})
    assert stopped["meta_info"]["finish_reason"] == {"type": "stop", "matched": stop}
    assert stopped["output_ids"] == whole["output_ids"][:whole["output_ids"].index(stop) + 1]
    assert len(stopped["meta_info"]["output_token_logprobs"]) == len(stopped["output_ids"])


@pytest.mark.parametrize("body, param", [
    ({}, "text"), ({"text": ""}, "text"), ({"text": "a", "input_ids": [1]}, "text"), ({"input_ids": [99999]}, "input_ids"),
    ({"text": "a", "sampling_params": {"top_p": 2}}, "sampling_params.top_p"), ({"text": "a", "lora_path": "x"}, "lora_path"),
    ({"text": "a", "return_logprob": True, "logprob_start_len": 99}, "logprob_start_len"),
    ({"input_ids": [5] * 100_000}, "input_ids"),
])
def test_an_invalid_parameter_is_named(server, body, param):
    answer = server.post("/generate", body)
    assert answer.status == 400 and answer.error()["param"] == param


def test_tokenize_and_detokenize(server):
    tokens = server.post("/tokenize", {"prompt": "The quick brown fox"}).json()
    assert tokens["count"] == len(tokens["tokens"]) > 0 and tokens["max_model_len"] > 0
    assert server.post("/detokenize", {"tokens": tokens["tokens"]}).json() == {"text": "The quick brown fox"}
    chat = server.post("/tokenize", {"messages": [{"role": "user", "content": "hello"}]}).json()
    asked = server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1,
                                                 "return_token_ids": True}).json()
    assert chat["tokens"] == asked["prompt_token_ids"]
    assert server.post("/tokenize", {}).status == 400 and server.post("/detokenize", {"tokens": [-1]}).status == 400


def test_a_flushed_cache_is_empty(server):
    ids = list(range(7, 107))
    def cached():
        return generate(server, input_ids=ids)["meta_info"]["cached_tokens"]
    assert (cached(), cached()) == (0, 96)
    assert server.post("/flush_cache", None).json()["num_tokens"] >= 96
    assert cached() == 0


def test_the_server_reports_its_settings(server, tiny_model):
    info = server.get("/get_server_info").json()
    assert info["served_model_name"] == "tiny" and info["version"] and info["context_length"] > 0
    assert info["max_total_num_tokens"] > 0 and len(info["internal_states"]) == 1
    cpu = info["cpu_seconds"]
    front = sum(cpu[role] for role in ("http", "worker", "output", "control", "masks", "log"))
    assert cpu["rank"] > 0 and cpu["http"] > 0 and cpu["front"] == pytest.approx(front)
    model = server.get("/get_model_info").json()
    assert model["model_path"] == str(tiny_model) and model["is_generation"] is True


def test_an_aborted_request_says_so(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        endless = {"messages": [{"role": "user", "content": "hello"}], "ignore_eos": True}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            stream = pool.submit(server.post, "/v1/chat/completions", {**endless, "rid": "stream", "stream": True})
            whole = pool.submit(server.post, "/v1/chat/completions", {**endless, "rid": "whole"})
            native = pool.submit(server.post, "/generate", {"text": "Once", "rid": "native", "sampling_params": {
                "max_new_tokens": 2000, "ignore_eos": True}})
            server.wait_for_metric("num_running_reqs", 3)
            assert server.post("/v1/completions", {"prompt": "x", "rid": "whole"}).error()["param"] == "rid"
            for rid in ("stream", "whole", "native"):
                assert server.post("/abort_request", {"rid": rid}).json() == {"num_aborted": 1}
            assert stream.result().events()[-1]["choices"][0]["finish_reason"] == "abort"
            assert whole.result().json()["choices"][0]["finish_reason"] == "abort"
            assert native.result().json()["meta_info"]["finish_reason"]["type"] == "abort"
        assert server.post("/abort_request", {"rid": "whole"}).json() == {"num_aborted": 0}
        server.wait_for_metric("num_running_reqs", 0)
