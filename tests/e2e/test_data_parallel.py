"""Many ranks: every layout generates what one rank generates, groups serve side by side, and a request gets the same
bits in each group."""

import concurrent.futures
import json
import re

import pytest
from server import Server
from test_batch import body_of, by_id, chat, completion, run_batch, write_lines

LAYOUTS = {
    "tp3": ("--tp-size", 3),
    "tp2_dp2": ("--tp-size", 2, "--dp-size", 2, "--enable-dp-attention"),
    "tp4_dp4": ("--tensor-parallel-size", 4, "--data-parallel-size", 4, "--enable-dp-attention"),
    "tp6_dp2": ("--attn-tp-size", 3, "--dp-size", 2),
    "replicas": ("--dp-size", 2),
}
TWO_GROUPS = LAYOUTS["tp2_dp2"]


def says_what_transformers_says(braid, model, expected, folder, flags, num_cases=None):
    """One engine for all prompts: a layout's greedy float32 texts are those of transformers."""
    requests, results = folder / "in.jsonl", folder / "out.jsonl"
    limit = expected["max_new_tokens"]
    cases = expected["cases"][:num_cases]
    lines = [chat(str(i), case["prompt"], max_tokens=limit) if case["chat"] else
             completion(str(i), prompt=case["prompt"], max_tokens=limit) for i, case in enumerate(cases)]
    write_lines(requests, lines)
    run_batch(braid, model, requests, results, *flags)
    got = by_id(results)
    for i, case in enumerate(cases):
        choice = body_of(got[str(i)])["choices"][0]
        assert (choice["message"]["content"] if case["chat"] else choice["text"]) == case["text"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_says_what_transformers_says(braid, default_model, expected, tmp_path, layout):
    says_what_transformers_says(braid, default_model, expected, tmp_path, LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("moe_parallel", ["tp", "ep"])
def test_every_layout_of_a_mixture_says_what_transformers_says(braid, moe_model, expected, tmp_path, layout, moe_parallel):
    flags = (*LAYOUTS[layout], "--moe-parallel", moe_parallel)
    if moe_parallel == "ep" and layout in ("tp3", "tp6_dp2"):
        message = braid.error("generate", "--model-path", moe_model, *flags, "--prompt", "x")
        assert "8" in message and "divisible" in message
        return
    says_what_transformers_says(braid, moe_model, expected, tmp_path, flags, num_cases=3)


def test_sizes_that_do_not_fit_name_those_that_do(braid, default_model):
    def error(*flags):
        return braid.error("generate", "--model-path", default_model, "--prompt", "x", *flags)
    message = error("--tp-size", 2)
    assert "divisible" in message and "9" in message
    assert "3" in message.split("--tp-size")[-1]
    assert "divisible" in error("--tp-size", 3, "--dp-size", 2, "--enable-dp-attention")
    assert "--dp-size" in error("--tp-size", 4, "--dp-size", 2, "--attn-tp-size", 1)
    assert "0" in error("--tp-size", 0)
    assert "tp" in error("--moe-parallel", "both")
    assert "published" in error("--dp-padding", "some")
    assert "round_robin" in error("--load-balance-method", "best")
    assert "direct" in error("--dp-dispatch", "all")
    assert "--dp-size" in error("--kv-rebalance")
    assert "--dp-size" in error("--share-prefixes")
    assert "--disable-radix-cache" in error(*TWO_GROUPS, "--share-prefixes", "--disable-radix-cache")
    assert "--enable-dp-attention" in error("--dp-size", 2, "--prefill-alignment", 4)
    assert "1000" in error(*TWO_GROUPS, "--prefill-alignment", 1001)


@pytest.fixture(scope="module")
def server(braid, default_model):
    with Server(braid, default_model, *TWO_GROUPS, "--kv-cache-memory-bytes", "200MB") as running:
        yield running


def ask(server, text, max_tokens=12, **body):
    answer = server.post("/v1/completions", {"prompt": text, "temperature": 0, "max_tokens": max_tokens, "logprobs": 2,
                                             **body})
    assert answer.status == 200, answer.body
    choice = answer.json()["choices"][0]
    return choice["text"], choice["logprobs"]["token_logprobs"]


def test_the_layout_is_logged(server):
    assert re.search(r"group 1: ranks? 1\*", server.read_log())
    info = server.get("/get_server_info").json()
    assert info["tp_size"] == 2 and info["dp_size"] == 2 and info["enable_dp_attention"] is True


def test_a_request_gets_the_same_bits_in_each_group_and_beside_others(server):
    prompts = [f"Item {i}: the history of {word} is" for i, word in enumerate(
        ["bread", "glass", "the sea", "a small town that nobody knows", "iron", "paper", "salt", "rain"])]
    alone = [[ask(server, prompt, dp_rank=group, dp_rank_strict=True) for prompt in prompts] for group in (0, 1)]
    assert alone[0] == alone[1]
    server.post("/flush_cache", {})
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda prompt: ask(server, prompt), prompts * 3))
    assert together == alone[0] * 3


def test_both_groups_work_when_many_ask(server):
    def steps():
        return [state["num_steps"] for state in server.get("/get_server_info").json()["internal_states"]]
    before = steps()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ask(server, f"Question {i}?", max_tokens=8, ignore_eos=True), range(8)))
    for group in (0, 1):  # the last answer may arrive before its step is counted
        server.wait_for_metric("num_running_reqs", 0, group=group)
    assert all(b >= a + 8 for a, b in zip(before, steps()))


def test_a_bench_reports_how_even_the_groups_were(braid, server):
    report = braid.json("bench", "serving", "--base-url", server.url, "--dataset-name", "generated-shared-prefix",
                        "--gsp-num-groups", 2, "--gsp-prompts-per-group", 4, "--gsp-system-prompt-len", 64,
                        "--gsp-question-len", 8, "--gsp-output-len", 4, "--json")
    assert report["dp_size"] == 2 and 0.5 <= report["balance_ratio"] <= 1
    assert 0 < report["prefix_hit_rate"] < 1
    assert 0.5 <= server.get("/get_server_info").json()["dp_balance_ratio"] <= 1
    assert re.search(r"^braid_dp_balance_ratio{[^}]*} 0\.[5-9]", server.get("/metrics").body, re.MULTILINE)


def test_requests_move_from_a_full_group_without_changing_a_bit(braid, default_model, server):
    prompts = [f"Tell me {i} things about {word}." for i, word in enumerate(
        ["bread", "glass", "the sea", "iron", "paper", "salt", "rain", "wool", "light", "moss", "brick", "snow"])]
    body = {"max_tokens": 60, "ignore_eos": True}
    alone = [ask(server, prompt, **body) for prompt in prompts]
    with Server(braid, default_model, *TWO_GROUPS, "--kv-cache-memory-bytes", "200MB", "--kv-rebalance",
                "--log-level", "debug") as moving:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            # A routing hint is no guarantee: a request that has one may still move.
            assert list(pool.map(lambda prompt: ask(moving, prompt, dp_rank=0, **body), prompts)) == alone
        states = moving.get("/get_server_info").json()["internal_states"]
        assert states[0]["num_moved_out_reqs"] >= 2 and states[1]["num_moved_in_reqs"] >= 2
        metrics = moving.get("/metrics").body
        assert re.search(r'^braid_num_moved_out_requests_total{[^}]*dp_rank="0"} [1-9]', metrics, re.MULTILINE)
        moving.wait_for_log(r"request \d+ with \d+ tokens moves from group 0 to group 1, \d+ pages")
        before = [state["num_moved_out_reqs"] for state in states]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            assert list(pool.map(lambda prompt: ask(moving, prompt, dp_rank=0, dp_rank_strict=True, **body),
                                 prompts)) == alone
        states = moving.get("/get_server_info").json()["internal_states"]
        assert [state["num_moved_out_reqs"] for state in states] == before


def test_a_group_takes_a_prefix_from_another_without_changing_a_bit(braid, default_model, server):
    beginning = "You answer questions about a ship and those who sail it, in one sentence each. " * 30
    prompts = [beginning + question for question in ("Who is the captain?", "How tall is the mast?")]
    body = {"max_tokens": 20, "ignore_eos": True}
    alone = [ask(server, prompt, **body) for prompt in prompts]
    with Server(braid, default_model, *TWO_GROUPS, "--kv-cache-memory-bytes", "400MB", "--share-prefixes",
                "--log-level", "debug") as sharing:
        answers = [ask(sharing, prompt, dp_rank=group, dp_rank_strict=True, **body)
                   for group, prompt in enumerate(prompts)]
        assert answers == alone
        states = sharing.get("/get_server_info").json()["internal_states"]
        assert [state["num_prefixes_copied_out"] for state in states] == [1, 0]
        assert [state["num_prefixes_copied_in"] for state in states] == [0, 1]
        copied = states[1]["num_prefix_tokens_copied_in"]
        assert copied >= 256 and states[1]["num_cached_tokens"] == copied
        metrics = sharing.get("/metrics").body
        assert re.search(rf'^braid_num_prefix_tokens_copied_in_total{{[^}}]*dp_rank="1"}} {copied}$', metrics,
                         re.MULTILINE)
        sharing.wait_for_log(rf"request \d+ takes {copied} tokens of its prompt from group 0 to group 1, \d+ pages")


def test_an_invalid_group_is_named_with_the_allowed_range(server):
    for name in ("dp_rank", "routed_dp_rank", "data_parallel_rank"):
        answer = server.post("/v1/completions", {"prompt": "x", "max_tokens": 1, name: 2})
        assert answer.status == 400 and "0 to 1" in answer.error()["message"], answer.body
    answer = server.post("/v1/completions", {"prompt": "x", "max_tokens": 1}, headers={"X-data-parallel-rank": "7"})
    assert answer.status == 400 and "0 to 1" in answer.error()["message"]
    ok = server.post("/v1/completions", {"prompt": "x", "max_tokens": 1}, headers={"X-data-parallel-rank": "1"})
    assert ok.status == 200


def test_padding_and_dispatch_change_no_bit(braid, default_model, tmp_path):
    requests = tmp_path / "in.jsonl"
    requests.write_text("".join(json.dumps({
        "custom_id": str(i), "method": "POST", "url": "/v1/completions",
        "body": {"model": "m", "prompt": "one two three " * (1 + 5 * i), "max_tokens": 6, "temperature": i % 2, "seed": i,
                 "logprobs": 3}}) + "\n" for i in range(12)))
    answers = {}
    for i, flags in enumerate([(), ("--dp-padding", "max_len", "--dp-dispatch", "direct"),
                               ("--dp-padding", "sum_len", "--load-balance-method", "round_robin"),
                               ("--dp-padding", "exact", "--load-balance-method", "minimum_tokens"),
                               ("--disable-radix-cache", "--dp-dispatch", "broadcast"), ("--kv-rebalance",),
                               ("--share-prefixes",), ("--prefill-alignment", "4")]):
        out = tmp_path / f"out{i}.jsonl"
        braid.ok("batch", requests, out, "--model-path", default_model, *TWO_GROUPS, *flags)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        answers[flags] = {line["custom_id"]: line["response"]["body"]["choices"] for line in lines}
    assert all(answer == answers[()] for answer in answers.values())
