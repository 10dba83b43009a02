"""The server from start to end: loading, keys, limits, aborts, drain."""

import concurrent.futures
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import time

import openai
import pytest
from server import Server

HELLO = [{"role": "user", "content": "hello"}]
# Generates to the end of the context.
ENDLESS = {"messages": HELLO, "temperature": 0, "ignore_eos": True}


@contextlib.contextmanager
def open_stream(server, body, path="/v1/chat/completions"):
    """A stream whose head and first event have arrived. Leaving the context closes the connection."""
    with contextlib.closing(server.connect()) as connection:
        connection.request("POST", path, json.dumps({**body, "stream": True}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        line = response.readline()
        while not line.startswith(b"data: "):
            line = response.readline()
        yield response


def test_while_it_loads_it_says_so(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", wait_until_ready=False) as server:
        health = server.get("/health")
        refused = server.post("/v1/chat/completions", {"messages": HELLO, "max_tokens": 1})
        for answer in (health, refused):
            assert answer.status == 503, "it takes seconds to load, and milliseconds to be asked"
            assert answer.error()["code"] == "model_loading" and int(answer.headers["Retry-After"]) > 0
        server.wait_until_ready()
        assert server.get("/health").status == 200
        assert server.get("/health_generate").status == 200
        assert f"page: {server.url}/\n" in server.said and f"API:  {server.url}/v1" in server.said


def test_a_signal_ends_it_while_it_loads(braid, default_model):
    with Server(braid, default_model, wait_until_ready=False) as server:
        assert server.stop(timeout=20) == 0


def test_a_model_that_cannot_be_loaded_is_an_error(braid, tmp_path):
    message = braid.error("serve", "--model-path", tmp_path, "--port", "0", "--log-level", "error")
    assert str(tmp_path) in message


def test_a_port_in_use_is_an_error(braid, tiny_model):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in braid.error("serve", "--model-path", tiny_model, "--port", port, "--log-level", "error")


@pytest.mark.parametrize("flags, named", [
    (["--port", "70000"], "--port"), (["--ssl-certfile", "x"], "--ssl-keyfile"),
    (["--ssl-certfile", "/nowhere/c", "--ssl-keyfile", "/nowhere/k"], "/nowhere/c"),
    (["--api-key-file", "/nowhere/keys"], "--api-key-file"), (["--log-format", "xml"], "--log-format"),
    (["--metrics-prefix", "a-b"], "--metrics-prefix"), (["--drain-timeout", "-1"], "--drain-timeout"),
    (["--journal-keep", "-1"], "--journal-keep"), (["--journal", "/proc/none"], "--journal /proc/none"),
    (["--max-body-size", "5"], "--max-body-size"), (["--host", "no such host"], "no such host"),
    (["--api-key", ""], "--api-key"), (["--max-restarts", "-1"], "--max-restarts"),
])
def test_bad_flags_are_named(braid, tiny_model, flags, named):
    assert named in braid.error("serve", "--model-path", tiny_model, "--port", "0", "--log-level", "error", *flags)


def test_keys_open_everything_but_health(braid, tiny_model, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("from-a-file\n\n")
    with Server(braid, tiny_model, "--api-key", "one", "--api-key", "two", "--api-key-file", keys) as server:
        assert server.get("/health").status == 200
        assert "text/html" in server.get("/").headers["Content-Type"]
        for path in ("/v1/models", "/metrics", "/health_generate"):
            answer = server.get(path)
            assert answer.status == 401 and answer.error()["type"] == "authentication_error"
        with pytest.raises(openai.AuthenticationError):
            server.client("wrong").models.list()
        for key in ("one", "two", "from-a-file"):
            assert server.client(key).models.list().data
        assert server.get("/metrics", headers={"X-Api-Key": "two"}).status == 200


def test_the_status_names_layout_worlds_and_load(braid, tiny_model):
    with Server(braid, tiny_model, "--tp-size", 1, "--dp-size", 2, "--max-restarts", 5) as server:
        with open_stream(server, ENDLESS):
            status = server.get("/v1/status").json()
        assert status["state"] == "running" and status["version"] and status["uptime_s"] > 0
        assert status["layout"] == {"tp_size": 1, "dp_size": 2, "attn_tp_size": 1, "enable_dp_attention": False,
                                    "num_worlds": 2}
        assert [world["state"] for world in status["worlds"]] == ["running"] * 2
        assert [world["dp_ranks"] for world in status["worlds"]] == [[0], [1]]
        assert [group["world"] for group in status["groups"]] == [0, 1]
        assert sum(group["num_running_reqs"] + group["num_waiting_reqs"] for group in status["groups"]) <= 1
        assert status["num_restarts"] == 0 and status["last_error"] is None
        assert server.get("/get_server_info").json()["max_restarts"] == 5
        assert 'braid_num_world_restarts_total{model_name="' in server.get("/metrics").body


def test_other_origins_only_where_they_are_allowed(braid, tiny_model):
    headers = {"Origin": "https://chat.example"}
    with Server(braid, tiny_model, "--allowed-origins", "https://chat.example") as server:
        answer = server.get("/v1/models", headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example"
        preflight = server.send("OPTIONS", "/v1/chat/completions", headers={
            **headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
        assert preflight.status == 204
        assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    with Server(braid, tiny_model) as server:
        answer = server.get("/v1/models", headers=headers)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_limits(braid, tiny_model):
    with Server(braid, tiny_model, "--max-body-size", "10KB", "--max-n", "2", "--max-stop-strings", "1",
                "--max-logit-bias", "1", "--max-json-depth", "4") as server:
        assert server.post("/v1/completions", {"prompt": "x" * 20_000}).status == 413
        for more in ({"n": 3}, {"stop": ["a", "b"]}, {"logit_bias": {"1": 1, "2": 1}}, {"x": [[[[1]]]]}):
            assert server.post("/v1/completions", {"prompt": "x", **more}).status == 400, more
        for more in ({"n": 2}, {"stop": ["a"]}, {"logit_bias": {"1": 1}}, {"x": [[1]]}):
            assert server.post("/v1/completions", {"prompt": "x", **more}).status == 200, more


def test_a_client_that_goes_away_ends_its_request(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        with open_stream(server, ENDLESS) as response:
            response.readline()
            server.wait_for_metric("num_running_reqs", 1)
        left = time.monotonic()
        server.wait_for_metric("num_running_reqs", 0)
        # One second, plus what a loaded machine takes for a step.
        assert time.monotonic() - left < 5
        # Another thread counts it, a moment after its slot is free.
        server.wait_for_metric("num_aborted_requests_total", 1)
        assert server.metric("num_used_tokens") == 0


def test_a_client_that_leaves_before_its_whole_answer_ends_its_request(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        with contextlib.closing(server.connect()) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(ENDLESS))
            server.wait_for_metric("num_running_reqs", 1)
        server.wait_for_metric("num_running_reqs", 0)
        server.wait_for_metric("num_aborted_requests_total", 1)


def test_a_request_that_takes_too_long_ends_with_an_error(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--request-timeout", "30") as server:
        answer = server.post("/v1/chat/completions", {**ENDLESS, "timeout": 0.3})
        assert answer.status == 408 and "timeout of 0.3 s" in answer.error()["message"]
        events = server.post("/v1/chat/completions", {**ENDLESS, "timeout": 0.3, "stream": True}).events()
        assert events[-1]["error"]["code"] == "request_timeout"
        server.wait_for_metric("num_running_reqs", 0)


def test_a_full_queue_turns_requests_away(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--max-running-requests", "1",
                "--max-queued-requests", "1", "--drain-timeout", "0.1") as server:
        with open_stream(server, ENDLESS), concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(server.post, "/v1/chat/completions", {"messages": HELLO, "max_tokens": 1})
            server.wait_for_metric("num_queue_reqs", 1)
            with pytest.raises(openai.RateLimitError) as error:
                server.client().chat.completions.create(model="", messages=HELLO)
            assert error.value.response.headers["Retry-After"] == "1"
            assert not waiting.done()
            server.process.send_signal(signal.SIGTERM)  # or it would wait for the other two


def test_drain_finishes_running_requests_and_refuses_new_ones(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        with open_stream(server, {**ENDLESS, "max_tokens": 40}) as response:
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_log("ending: 1 requests")
            assert server.get("/health").status == 503
            refused = server.post("/v1/chat/completions", {"messages": HELLO})
            assert refused.status == 503 and int(refused.headers["Retry-After"]) > 0
            rest = response.read().decode()
            assert rest.endswith("data: [DONE]\n\n") and '"finish_reason":"length"' in rest
        assert server.process.wait(60) == 0


def test_requests_not_finished_in_time_end_with_abort(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--drain-timeout", "0.2") as server:
        with open_stream(server, ENDLESS) as response:
            server.process.send_signal(signal.SIGTERM)
            rest = response.read().decode()
            assert rest.endswith("data: [DONE]\n\n") and '"finish_reason":"abort"' in rest
        assert server.process.wait(60) == 0


def test_a_second_signal_ends_at_once(braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        with open_stream(server, ENDLESS):
            server.process.send_signal(signal.SIGINT)
            server.wait_for_log("ending: 1 requests")
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(20) == 130


def test_parts_of_the_log_have_levels_that_change_while_it_serves(braid, tiny_model):
    def configure(body, key="k"):
        return server.post("/configure_logging", body, headers={"X-Api-Key": key})
    body = {"prompt": "x", "max_tokens": 2}
    with Server(braid, tiny_model, "--tp-size", "2", "--dp-size", "2", "--enable-dp-attention", "--api-key", "k",
                "--log-level", "info,dp=debug") as server:
        server.wait_for_log("debug DP attention is active on rank 0")
        assert server.post("/v1/completions", body, headers={"X-Api-Key": "k"}).status == 200
        server.wait_for_log("debug step ")
        assert "debug http: " not in server.read_log() and "request cmpl" not in server.read_log()

        assert configure({"log_level": "debug"}, key="wrong").status == 401
        assert configure({}).json() == {"log_level": "info,dp=debug", "log_requests": False}
        changed = configure({"log_level": "info,server=debug", "log_requests": True})
        assert changed.json() == {"log_level": "info,server=debug", "log_requests": True}
        # Lines are in order: behind this request's no line is of an earlier step.
        assert server.post("/v1/completions", body, headers={"X-Api-Key": "k"}).status == 200
        server.wait_for_log("request cmpl-.* ended")
        num_steps = server.read_log().count("debug step ")
        assert server.post("/v1/completions", {**body, "rid": "later"}, headers={"X-Api-Key": "k"}).status == 200
        server.wait_for_log("debug http: .*/v1/completions")
        server.wait_for_log("request later from .* ended")
        assert server.read_log().count("debug step ") == num_steps

        refused = configure({"log_level": "info,attention=debug"})
        assert refused.status == 400 and refused.error()["param"] == "log_level"
        assert "scheduler, worker, dp" in refused.error()["message"]


def test_a_body_with_a_nul_behind_it_is_no_json(braid, tiny_model):
    with Server(braid, tiny_model) as server:
        for path in ("/v1/completions", "/v1/chat/completions", "/generate", "/tokenize", "/abort_request"):
            assert server.post(path, b'{"prompt": "x", "max_tokens": 1}\0').status == 400
            assert server.post(path, b'{"prompt": "x", "max_tokens": 1}\0 {').status == 400


def test_the_log_of_requests_cannot_be_forged(braid, tiny_model):
    with Server(braid, tiny_model, "--log-requests", "--log-format", "json") as server:
        rid = "mine\n{\"level\": \"error\"}\x1b[31m"
        assert server.post("/v1/completions", {"prompt": "x", "max_tokens": 2, "rid": rid}).json()["id"] == rid
        assert server.post("/v1/completions", {"prompt": 5}).status == 400
        server.wait_for_log("ended: length")
        server.wait_for_log("refused /v1/completions")
        lines = [json.loads(line) for line in server.read_log().splitlines()]
        assert all(set(line) == {"time", "level", "message"} for line in lines)
        messages = [line["message"] for line in lines]
        assert any(rid in message and "max_tokens 2" in message for message in messages)
        assert any(message.startswith("refused /v1/completions") for message in messages)


def test_tls(braid, tiny_model, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    import httpx
    with Server(braid, tiny_model, "--ssl-certfile", certificate, "--ssl-keyfile", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        import ssl
        context = ssl.create_default_context(cafile=certificate)
        client = server.client(http_client=httpx.Client(verify=context))
        chunks = list(client.completions.create(model="", prompt="x", max_tokens=3, stream=True))
        assert chunks[-1].choices[0].finish_reason in ("length", "stop")


def test_counters_are_the_sums_of_usage(braid, tiny_model):
    with Server(braid, tiny_model) as server:
        client = server.client()
        prompt_tokens = output_tokens = cached_tokens = 0
        for stream in (False, True):
            for n in (1, 3):
                options = {"model": "", "prompt": ["the prompt " * 30, "x"], "n": n, "max_tokens": 5}
                if stream:
                    usage = list(client.completions.create(stream=True, stream_options={"include_usage": True},
                                                           **options))[-1].usage
                else:
                    usage = client.completions.create(**options).usage
                prompt_tokens += usage.prompt_tokens
                output_tokens += usage.completion_tokens
                cached_tokens += usage.prompt_tokens_details.cached_tokens
        assert cached_tokens > 0
        assert server.metric("prompt_tokens_total") == prompt_tokens
        assert server.metric("generation_tokens_total") == output_tokens
        assert server.metric("cached_tokens_total") == cached_tokens
        assert server.metric("num_requests_total") == 8
        for name in ("num_running_reqs", "num_queue_reqs", "num_used_tokens"):
            server.wait_for_metric(name, 0)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not installed")
def test_promtool_finds_nothing_wrong_with_the_metrics(braid, tiny_model):
    with Server(braid, tiny_model) as server:
        assert server.post("/v1/completions", {"prompt": "x", "n": 2, "max_tokens": 4}).status == 200
        metrics = server.get("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
