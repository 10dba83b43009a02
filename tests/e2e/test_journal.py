"""The journal on disk: a server is killed in the middle of streams, and another one goes on with them."""

import concurrent.futures
import contextlib
import json
import signal

from conftest import MODELS
from picture import image_part, message
from server import Server

ASK = {"prompt": "Once upon a time, in a small village", "max_tokens": 48, "ignore_eos": True, "stream": True}
REQUESTS = {
    "greedy": ("/v1/completions", {**ASK, "temperature": 0}),
    "sampled": ("/v1/completions", {**ASK, "temperature": 0.9, "seed": 7, "repetition_penalty": 1.2, "logprobs": 2}),
    "grammar": ("/v1/completions", {**ASK, "temperature": 1, "seed": 8, "regex": "([a-c]{4}-[0-9]{3},){30}"}),
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Tell me a story."}], "max_tokens": 48,
                                      "ignore_eos": True, "stream": True, "seed": 9, "stop": ["no such text"]}),
    "sglang": ("/generate", {"text": "The sea is", "stream": True,
                             "sampling_params": {"max_new_tokens": 48, "temperature": 0.8, "seed": 5}}),
}


def flags(folder):
    return "--kv-cache-memory-bytes", "200MB", "--journal", folder / "journal"


def open_journaled(server, rid):
    path, body = REQUESTS[rid]
    connection = server.connect()
    connection.request("POST", path, json.dumps({**body, "rid": rid}), {"Content-Type": "application/json"})
    return contextlib.closing(connection), connection.getresponse()


def read_events(response, most):
    """The data of at most so many events."""
    events = []
    while len(events) < most and (line := response.readline()):
        if line.startswith(b"data: "):
            events.append(line.removeprefix(b"data: ").decode().strip())
    return events


def rest(server, rid, num_had):
    answer = server.get(f"/v1/streams/{rid}?resume_from={num_had}")
    assert answer.status == 200, answer.body
    return [event.removeprefix("data: ") for event in answer.body.split("\n\n") if event.startswith("data: ")]


def content(events):
    """What events say, but for the time of the answer and what a prefix cache had."""
    assert events[-1] == "[DONE]"
    said = []
    for event in map(json.loads, events[:-1]):
        for key in ("created", "id", "usage"):
            event.pop(key, None)
        if meta := event.get("meta_info"):
            event["meta_info"] = {key: meta[key] for key in ("finish_reason", "completion_tokens")}
        said.append(event)
    return said


def test_a_killed_servers_streams_go_on_in_the_next_one(braid, default_model, tmp_path):
    with Server(braid, default_model, *flags(tmp_path / "undisturbed")) as server:
        expected = {}
        for rid in REQUESTS:
            connection, response = open_journaled(server, rid)
            with connection:
                expected[rid] = read_events(response, 1000)
            assert len(expected[rid]) > 20
    had = {}
    with Server(braid, default_model, *flags(tmp_path)) as server, contextlib.ExitStack() as connections:
        opened = {}
        for rid in REQUESTS:
            connection, opened[rid] = open_journaled(server, rid)
            connections.enter_context(connection)
        for number, (rid, response) in enumerate(opened.items()):
            had[rid] = read_events(response, 2 + 3 * number)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with Server(braid, default_model, *flags(tmp_path)) as server:
        server.wait_for_log("journal: 5 requests of an earlier process go on")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            rests = dict(zip(REQUESTS, pool.map(lambda rid: rest(server, rid, len(had[rid])), REQUESTS)))
        for rid in REQUESTS:
            assert content(had[rid] + rests[rid]) == content(expected[rid]), rid
        assert rest(server, "greedy", 0)[-1] == "[DONE]", "what has ended is kept"
        assert server.metric("journal_bytes") > 0 and server.metric("num_dropped_journal_records_total") == 0
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with Server(braid, default_model, *flags(tmp_path)) as server:
        server.wait_for_log("0 requests of an earlier process go on, 5 have ended and are kept")
        for rid in REQUESTS:
            assert content(rest(server, rid, 0)) == content(expected[rid]), rid


VL = MODELS / "vl_demo"


def ask_about(urls, *more):
    body = {"messages": message(*map(image_part, urls), *more, "What is in the image?"), "max_tokens": 200, "ignore_eos": True,
            "temperature": 0, "stream": True}
    return "/v1/chat/completions", body


def test_a_request_goes_on_with_its_images_when_their_files_are_gone(braid, tmp_path):
    """The journal keeps what a URL named then: after the restart there is nothing, or something else, under it."""
    path = tmp_path / "image.jpg"
    image, other = ((VL / "questions" / name).read_bytes() for name in ("00.jpg", "01.jpg"))
    serve = ("--kv-cache-memory-bytes", "64MB", "--allowed-local-media-path", tmp_path)
    video = {"type": "video", "video": [path.as_uri()] * 3}
    path.write_bytes(image)
    with Server(braid, VL, *serve) as server:
        expected = content_of_stream(server.post(*ask_about([path.as_uri()], video)).body)
    had = {}
    with Server(braid, VL, *serve, "--journal", tmp_path / "journal") as server, contextlib.ExitStack() as connections:
        for rid in ("gone", "changed"):
            named, body = ask_about([path.as_uri()], video)
            connection = connections.enter_context(contextlib.closing(server.connect()))
            connection.request("POST", named, json.dumps({**body, "rid": rid}), {"Content-Type": "application/json"})
            had[rid] = read_events(connection.getresponse(), 3)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    path.unlink()
    with Server(braid, VL, *serve, "--journal", tmp_path / "journal") as server:
        server.wait_for_log("journal: 2 requests of an earlier process go on")
        assert content(had["gone"] + rest(server, "gone", len(had["gone"]))) == expected
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    path.write_bytes(other)
    with Server(braid, VL, *serve, "--journal", tmp_path / "journal") as server:
        assert content(had["changed"] + rest(server, "changed", len(had["changed"]))) == expected
        assert content_of_stream(server.post(*ask_about([path.as_uri()], video)).body) != expected, "another image"


def content_of_stream(text):
    return content([event.removeprefix("data: ") for event in text.split("\n\n") if event.startswith("data: ")])


def test_images_beyond_the_journals_limit_do_not_survive(braid, tmp_path):
    image = (VL / "questions" / "00.jpg").read_bytes()
    (tmp_path / "image.jpg").write_bytes(image)
    with Server(braid, VL, "--kv-cache-memory-bytes", "64MB", "--allowed-local-media-path", tmp_path, "--journal",
                tmp_path / "journal", "--journal-max-image-size", len(image)) as server:
        url = (tmp_path / "image.jpg").as_uri()
        for rid, urls, status in (("one", [url], 200), ("two", [url, url], 404)):
            path, body = ask_about(urls)
            assert content_of_stream(server.post(path, {**body, "rid": rid}).body)
            assert server.get(f"/v1/streams/{rid}").status == status
        server.wait_for_log(f"request two does not survive this process: its images have {2 * len(image)} bytes")


def test_a_client_that_leaves_may_come_back(braid, tiny_model, tmp_path):
    with Server(braid, tiny_model, *flags(tmp_path)) as server:
        body = {"prompt": "x", "max_tokens": 300, "ignore_eos": True, "stream": True, "temperature": 0}
        whole = [event.removeprefix("data: ") for event in
                 server.post("/v1/completions", body).body.split("\n\n") if event.startswith("data: ")]
        with contextlib.closing(server.connect()) as connection:
            connection.request("POST", "/v1/completions", json.dumps({**body, "rid": "mine"}),
                               {"Content-Type": "application/json"})
            had = read_events(connection.getresponse(), 3)
        assert content(had + rest(server, "mine", 3)) == content(whole)
        assert server.get("/v1/streams/other").status == 404
        assert server.get("/v1/streams/mine?resume_from=-1").error()["param"] == "resume_from"
        assert server.get("/v1/streams/mine?x=1").status == 400


def test_a_journal_belongs_to_one_server(braid, tiny_model, tmp_path):
    with Server(braid, tiny_model, *flags(tmp_path)):
        done = braid.run("serve", "--model-path", tiny_model, "--port", "0", *flags(tmp_path))
        assert done.returncode == 1 and "another process writes there" in done.stderr
