"""braid batch: OpenAI's batch lines in and out; after an interruption nothing is lost or done twice."""

import json
import math
import os
import signal
import subprocess
import time

from test_logits import read_npy


def completion(custom_id, **body):
    body = {"model": "any", "temperature": 0, "max_tokens": 4, **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/completions", "body": body}


def chat(custom_id, text, **body):
    body = {"model": "any", "temperature": 0, "max_tokens": 4, "messages": [{"role": "user", "content": text}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def write_lines(path, lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_id(path):
    lines = read_lines(path)
    ids = [line["custom_id"] for line in lines]
    assert len(set(ids)) == len(ids), "a request was done twice"
    return {line["custom_id"]: line for line in lines}


def body_of(line):
    assert line["error"] is None and line["response"]["status_code"] == 200, line
    return line["response"]["body"]


def is_error(line):
    return line.get("error") is not None or line["response"]["status_code"] >= 400


def run_batch(braid, model, requests, results, *flags):
    return braid.ok("batch", requests, results, "--model-path", model, "--dtype", "float32", *flags, timeout=300)


def test_completions_and_chats(braid, default_model, expected, tmp_path):
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = []
    for i, case in enumerate(expected["cases"]):
        limit = expected["max_new_tokens"]
        if case["chat"]:
            lines.append(chat(f"r{i}", case["prompt"], max_tokens=limit, return_token_ids=True))
        else:
            lines.append(completion(f"r{i}", prompt=case["prompt"], max_tokens=limit, return_token_ids=True))
            lines.append(completion(f"ids{i}", prompt=case["prompt_ids"], max_tokens=limit, return_token_ids=True))
    write_lines(requests, lines)
    run_batch(braid, default_model, requests, results)
    got = by_id(results)
    assert set(got) == {line["custom_id"] for line in lines}
    for i, case in enumerate(expected["cases"]):
        for name in [f"r{i}"] + ([] if case["chat"] else [f"ids{i}"]):
            body = body_of(got[name])
            choice = body["choices"][0]
            text = choice["message"]["content"] if case["chat"] else choice["text"]
            assert text == case["text"]
            assert choice["token_ids"] == case["output_ids"]
            assert choice["finish_reason"] == ("stop" if case["ends"] else "length")
            assert body["usage"]["prompt_tokens"] == len(case["prompt_ids"])
            assert body["usage"]["completion_tokens"] == len(case["output_ids"])
            assert body["object"] == ("chat.completion" if case["chat"] else "text_completion")


def test_logprobs_of_a_greedy_choice_are_the_largest(braid, tiny_model, tmp_path):
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(requests, [completion("c", prompt="self", logprobs=2, ignore_eos=True),
                           chat("m", "self", logprobs=True, top_logprobs=2, ignore_eos=True)])
    run_batch(braid, tiny_model, requests, results)
    got = by_id(results)
    logprobs = body_of(got["c"])["choices"][0]["logprobs"]
    assert len(logprobs["token_logprobs"]) == 4
    for value, top in zip(logprobs["token_logprobs"], logprobs["top_logprobs"]):
        assert value <= 0 and value == max(top.values())
    for entry in body_of(got["m"])["choices"][0]["logprobs"]["content"]:
        assert entry["logprob"] == entry["top_logprobs"][0]["logprob"] and len(entry["top_logprobs"]) == 2


def test_echoed_logprobs_are_the_log_softmax_of_the_prompts_logits(braid, tiny_model, tmp_path):
    requests, results, npy = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "logits.npy"
    ids = [40 + 7 * i % 90 for i in range(50)]
    write_lines(requests, [completion("score", prompt=ids, echo=True, logprobs=3, max_tokens=0),
                           completion("again", prompt=ids, echo=True, logprobs=3, max_tokens=2, n=2, ignore_eos=True)])
    run_batch(braid, tiny_model, requests, results, "--chunked-prefill-size", 16)
    braid.ok("logits", "--model-path", tiny_model, "--dtype", "float32", "--output", npy, "--input-ids",
             ",".join(map(str, ids)))
    (_, vocab), logits = read_npy(npy)
    got = by_id(results)
    scored = body_of(got["score"])["choices"][0]["logprobs"]
    assert body_of(got["score"])["usage"]["completion_tokens"] == 0
    assert len(scored["token_logprobs"]) == len(ids) == len(scored["tokens"]) == len(scored["text_offset"])
    assert scored["token_logprobs"][0] is None and scored["top_logprobs"][0] is None
    for i in range(1, len(ids)):
        row = logits[(i - 1) * vocab:i * vocab]
        total = math.log(sum(map(math.exp, row)))
        assert abs(scored["token_logprobs"][i] - (row[ids[i]] - total)) < 1e-4
        top = sorted(scored["top_logprobs"][i].values(), reverse=True)
        assert abs(top[0] - (max(row) - total)) < 1e-4
    for choice in body_of(got["again"])["choices"]:
        assert choice["logprobs"]["token_logprobs"][:len(ids)] == scored["token_logprobs"]
        assert len(choice["logprobs"]["token_logprobs"]) == len(ids) + 2


def test_a_bad_line_becomes_an_error_line_and_the_batch_goes_on(braid, tiny_model, tmp_path):
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(requests, [
        completion("good1", prompt="self"), "this is not JSON", completion("hot", prompt="a", temperature=-3),
        completion("none"), {**completion("where", prompt="a"), "url": "/v1/nowhere"},
        completion("long", prompt=[1] * 100_000), completion("ids", prompt=[1, 280]), '{"custom_id": "half"',
        completion("good2", prompt="self")])
    run_batch(braid, tiny_model, requests, results)
    lines = read_lines(results)
    assert len(lines) == 9
    good = {line["custom_id"]: body_of(line) for line in lines if not is_error(line)}
    assert set(good) == {"good1", "good2"}
    assert good["good1"]["choices"][0]["text"] == good["good2"]["choices"][0]["text"]
    named = {line["custom_id"]: json.dumps(line) for line in lines if is_error(line)}
    assert "temperature" in named["hot"] and "/v1/nowhere" in named["where"] and "280" in named["ids"]
    assert "100" in named["long"]  # it has both numbers: the prompt's tokens and the context


def test_after_a_kill_it_resumes_without_losing_or_repeating_lines(braid, default_model, tmp_path):
    requests, results, whole = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    lines = [completion(f"r{i}", prompt=f"The number {i} is", max_tokens=24) for i in range(48)]
    write_lines(requests, lines)
    run_batch(braid, default_model, requests, whole, "--max-running-requests", "4")
    complete = by_id(whole)
    assert set(complete) == {line["custom_id"] for line in lines}

    for wanted in (3, 12):  # kill it twice, each time after some more lines
        command = braid.command("batch", requests, results, "--model-path", default_model, "--dtype", "float32",
                                "--max-running-requests", "4")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while (not results.exists() or results.read_bytes().count(b"\n") < wanted) and time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert wanted <= results.read_bytes().count(b"\n") < len(lines)
    kept = results.read_bytes().splitlines(keepends=True)
    torn = b"".join(kept[:-1]) + kept[-1][:len(kept[-1]) // 2]  # as if the last write was interrupted
    results.write_bytes(torn)

    run_batch(braid, default_model, requests, results, "--max-running-requests", "4")
    assert results.read_bytes().startswith(b"".join(kept[:-1])), "lines that were whole were redone"
    again = by_id(results)
    assert set(again) == set(complete)
    for name, line in complete.items():
        assert body_of(again[name])["choices"] == body_of(line)["choices"]

    before = results.read_bytes()
    run_batch(braid, default_model, requests, results)  # everything is answered: nothing to do
    assert results.read_bytes() == before
