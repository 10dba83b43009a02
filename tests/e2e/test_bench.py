"""braid bench prints its figures as one line of JSON. Tests only that they are present and plausible."""

import json
import pathlib
import sys

import pytest
from conftest import MODELS
from server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from figures.rooflines import ARITHMETICS, latency_phase  # noqa: E402


def test_roofline(braid):
    got = json.loads(braid.ok("bench", "roofline", "--json", timeout=300))
    assert got["bf16_flops_per_s"] > 0 and got["f32_flops_per_s"] > 0 and got["read_bytes_per_s"] > 0
    assert isinstance(got["isa"], str)
    for dtype in ("bf16", "f32", "int8"):
        assert got[f"{dtype}_instruction"]
        assert min(got[f"{dtype}_{source}_flops_per_s"] for source in ("register", "l1", "l2")) > 0
    table = braid.ok("bench", "roofline", timeout=300)
    assert table.count("GFLOP/s from registers") == 2 and got["bf16_instruction"] in table


def test_kernels(braid):
    got = json.loads(braid.ok("bench", "kernels", "--quick", "--json", timeout=300))
    assert {case["m"] for case in got["products"]} == {1, 8, 64}
    assert {(case["sequences"], case["new_tokens"]) for case in got["attention"]} == {(1, 1), (8, 1), (1, 512)}
    for case in got["products"] + got["attention"]:
        assert case["seconds"] > 0 and 0 < case["floor_fraction"] <= 1.000001
    table = braid.ok("bench", "kernels", "--quick", timeout=300)
    assert len([line for line in table.splitlines() if line.endswith("%")]) == len(got["products"] + got["attention"])


def test_kernels_over_a_cache_of_codes(braid):
    got = json.loads(braid.ok("bench", "kernels", "--kv-cache-dtype", "int8", "--quick", "--json", timeout=300))
    assert got["kv_cache_dtype"] == "int8" and len(got["attention"]) == 3 and not got["products"]
    assert "must be one of bfloat16" in braid.error("bench", "kernels", "--kv-cache-dtype", "int4")


def test_kernels_with_quantized_weights(braid):
    got = json.loads(braid.ok("bench", "kernels", "--weights", "q4_k", "--quick", "--json", timeout=300))
    assert got["weights"] == "q4_k" and {case["m"] for case in got["products"]} == {1, 8, 64} and not got["attention"]
    assert "must be one of q4_0" in braid.error("bench", "kernels", "--weights", "q9")


def test_latency_and_throughput_of_a_tiny_model(braid, tiny_model):
    got = braid.json("bench", "latency", "--model-path", tiny_model, "--batch-size", 2, "--input-len", 16,
                     "--output-len", 8, "--json", timeout=300)
    for key in ("prefill_tokens_per_s", "decode_tokens_per_s", "prefill_floor_fraction", "decode_floor_fraction"):
        assert got[key] > 0
    assert got["prefill_page_faults"] >= 0 and got["decode_page_faults_per_step"] >= 0
    # From the operations in the report, bench/run_all computes the same bound as the program.
    peaks = {arithmetic: {"flops_per_s": got[key]} for arithmetic, key in ARITHMETICS.items()}
    for phase in ("prefill", "decode"):
        assert latency_phase(got, phase, peaks)["fraction"] == pytest.approx(got[f"{phase}_floor_fraction"])
    got = braid.json("bench", "throughput", "--model-path", tiny_model, "--num-prompts", 4, "--input-len", 16,
                     "--output-len", 8, "--json", timeout=300)
    assert got["total_tokens_per_s"] > got["output_tokens_per_s"] > 0


def test_latency_beside_busy_loops_of_several_batch_sizes(braid, tiny_model):
    common = ("bench", "latency", "--model-path", tiny_model, "--batch-size", "1,3", "--input-len", 16, "--output-len", 8,
              "--repeats", 2)
    alone = [json.loads(line) for line in braid.ok(*common, "--json", timeout=300).splitlines()]
    assert [got["batch_size"] for got in alone] == [1, 3] and alone[1]["decode_tokens_per_s"] > 0
    beside = [json.loads(line) for line in braid.ok(*common, "--busy", 2, "--json", timeout=300).splitlines()]
    assert [got["batch_size"] for got in beside] == [1, 3]
    for got in beside:
        assert got["busy_loops"] == 2 and got["prefill"]["num_steps"] == 2 and got["decode"]["num_steps"] == 14
        for phase in (got["prefill"], got["decode"]):
            assert phase["ratio"] == pytest.approx(phase["busy"]["tokens_per_s"] / phase["quiet"]["tokens_per_s"])
            for steps in (phase["quiet"], phase["busy"]):
                assert steps["step_worst_ms"] >= steps["step_p99_ms"] >= steps["step_p50_ms"] > 0
    table = braid.ok(*common, "--busy", 2, timeout=300)
    assert table.count("beside 2 busy loops") == 2 and table.count("busy  ") == 4


def test_mm_broadcast_makes_images_once_and_locally_by_each(braid):
    got = json.loads(braid.ok("bench", "mm-broadcast", "--processes", 3, "--batches", "1,4", "--image-size", "96x64",
                              "--hidden", 16, "--json"))
    assert [(run["strategy"], run["images"]) for run in got["runs"]] == [
        (strategy, images) for images in (1, 4) for strategy in ("local", "per_request", "batch", "sharded", "auto")]
    for run in got["runs"]:
        assert run["images_made"] == run["images"] * (3 if run["strategy"] == "local" else 1)
        assert run["total_s"] > 0 and run["cpu_s"] > 0 and run["broadcasts"] >= 1
    assert "must be from 1 to" in braid.error("bench", "mm-broadcast", "--batches", "2000")


@pytest.mark.parametrize("flags", [("--transport", "ipc"), ("--transport", "tcp", "--curve")])
def test_dispatch_reaches_processes(braid, flags):
    report = json.loads(braid.ok("bench", "dispatch", "--groups", "2", "--prompt-lens", "32", "--between", "processes",
                                 "--num-requests", "20", "--batch", "4", "--json", *flags))
    assert [row["dispatch"] for row in report["rows"]] == ["broadcast", "direct"]
    for row in report["rows"]:
        assert row["single"]["requests_per_s"] > 0 and row["batched"]["p50_us"] > 0
        ways = 2 if row["dispatch"] == "broadcast" else 1
        assert row["single"]["sent_bytes_per_request"] == ways * row["single"]["bytes_per_request"]


def test_idle_ranks_cost_next_to_nothing(braid, tiny_model):
    got = braid.json("bench", "idle", "--model-path", tiny_model, "--tp-size", 2, "--dp-size", 2, "--enable-dp-attention",
                     "--seconds", 1, "--pause", 0.05, "--repeats", 5, "--json")
    # Ranks that spin take what they get of a core each, ranks that sleep a ten thousandth. The machine itself may count
    # a little more: 0.02 once, where it had lost its processor meanwhile.
    assert got["num_ranks"] == 2 and 0 <= got["core_share"] < 0.2
    assert got["first_token_at_once_s"] > 0 and got["first_token_after_pause_s"] > 0


def test_serving_below_capacity_and_beside_long_prompts(braid, tiny_model):
    with Server(braid, tiny_model, "--max-running-requests", 8, "--chunked-prefill-size", 64) as server:
        common = ("bench", "serving", "--base-url", server.url, "--json", "--vocab-size", 280, "--num-prompts", 4,
                  "--random-range-ratio", 1, "--random-input-len", 20, "--return-token-ids")
        got = braid.json(*common, "--random-output-len", 12, "--capacity-share", 0.7)
        assert got["completed"] == 4 and got["total_output_tokens"] == 48 and got["prefix_hit_rate"] == 0
        assert float(got["request_rate"]) == pytest.approx(0.7 * got["capacity_request_throughput"])
        assert 0 < got["front_cpu_seconds"] < got["duration"] * 8
        assert got["front_cpu_us_per_output_token"] == pytest.approx(1e6 * got["front_cpu_seconds"] / 48)

        got = braid.json(*common, "--random-output-len", 400, "--seed", 2, "--long-prompts", 2, "--long-prompt-len", 300,
                         "--long-prompt-rate", "inf")
        assert got["num_steady_itl"] > 0 and got["p99_steady_itl_ms"] >= got["median_steady_itl_ms"] > 0
        long = got["long_prompts"]
        assert long["completed"] == 2 and long["tokens"] == 300 and long["num_itl"] > 0
        assert long["chunk_and_step_ms"] == pytest.approx(long["chunk_ms"] + long["step_ms"])
        assert 0 < long["chunk_ms"] < long["median_ttft_ms"], "one of five chunks"

        assert "--random-output-len 1 ends too early for --long-prompt-rate inf" in braid.error(
            *common, "--random-output-len", 1, "--seed", 3, "--long-prompts", 1, "--long-prompt-len", 300,
            "--long-prompt-rate", "inf")


def test_without_prefix_cache_serving_reports_no_chunk(braid, tiny_model):
    with Server(braid, tiny_model, "--chunked-prefill-size", 64, "--disable-radix-cache") as server:
        got = braid.json("bench", "serving", "--base-url", server.url, "--json", "--vocab-size", 280, "--num-prompts", 2,
                         "--random-range-ratio", 1, "--random-input-len", 20, "--random-output-len", 400, "--long-prompts", 1,
                         "--long-prompt-len", 300, "--long-prompt-rate", "inf")
        assert got["long_prompts"]["num_itl"] > 0 and "chunk_ms" not in got["long_prompts"]


def test_serving_with_images_and_answers_checked_alone(braid):
    with Server(braid, MODELS / "vl_demo", "--kv-cache-memory-bytes", "64MB", "--mm-cache-size", 4) as server:
        common = ("bench", "serving", "--base-url", server.url, "--dataset-name", "random-image", "--image-size", "120x70",
                  "--random-input-len", 6, "--random-output-len", 12, "--random-range-ratio", 1, "--num-prompts", 12)
        got = braid.json(*common, "--image-count", 2, "--image-share", 0.5, "--check-answers", 12, "--json")
        assert got["backend"] == "openai-chat" and got["completed"] == 12 and got["failed"] == 0
        assert got["checked_answers"] == got["equal_answers"] == 12
        mixed, text = got["with_images"], got["text_only"]
        assert mixed["completed"] + text["completed"] == 12 and min(mixed["completed"], text["completed"]) > 0
        for kind in (mixed, text):
            assert kind["p99_ttft_ms"] >= kind["median_ttft_ms"] > 0 and kind["p99_itl_ms"] > 0 and kind["p99_tpot_ms"] > 0
        # Each image was made, and none was known but those of the first request, which warmed the server up.
        assert server.metric("mm_cache_misses_total") >= 2 * (mixed["completed"] - 1)
        table = braid.ok(*common, "--image-format", "png", "--check-answers", 3)
        assert "Equal answers:                           3" in table and "of Text Alone" not in table
        images = server.metric("mm_cache_entries")
        assert 0 < images <= 4 and server.metric("mm_cache_entries_in_use") == 0


def test_serving_refuses_invalid_images(braid):
    images = ("bench", "serving", "--base-url", "http://127.0.0.1:1", "--dataset-name", "random-image")
    assert "must be WIDTHxHEIGHT" in braid.error(*images, "--image-size", "12")
    assert "must be jpeg or png" in braid.error(*images, "--image-format", "gif")
    assert "must be openai-chat" in braid.error(*images, "--backend", "sglang")
    assert "--temperature must be 0" in braid.error(*images, "--check-answers", 1, "--temperature", 1)


def test_serving_refuses_invalid_combinations(braid, tiny_model):
    serving = ("bench", "serving", "--base-url", "http://127.0.0.1:1")
    assert "excludes" in braid.error(*serving, "--request-rate", 1, "--capacity-share", 0.5)
    assert braid.error(*serving, "--long-prompts", 1, "--max-concurrency", 2, "--num-prompts", 3) == (
        "--long-prompts come when all other requests decode: --max-concurrency 2 does not let 3 run at once")
    assert "openai-chat does not take them" in braid.error(*serving, "--long-prompts", 1, "--backend", "openai-chat",
                                                           "--tokenizer-path", tiny_model)


def test_planning_needs_no_model(braid):
    got = braid.json("bench", "planning", "--cached-prompts", 50, "--running", 8, "--waiting", 8, "--num-prefixes", 4,
                     "--prefix-len", 32, "--prompt-len", 128, "--output-len", 32, "--steps", 50, "--json")
    assert {part["name"] for part in got["parts"]} == {"queue", "take", "plan", "commit", "all", "view", "plan, held"}
    assert all(part["median_us"] > 0 for part in got["parts"] if part["name"] != "queue")
    assert braid.error("bench", "planning", "--prefix-len", 2000).startswith("--prefix-len 2000: must be below")


def test_simulate_needs_no_model_and_repeats_itself(braid):
    command = ("bench", "simulate", "--request-rate", 0.5, "--duration", 300, "--longest-prompt", 2000,
               "--longest-output", 64, "--prefill-alignment", "0,8", "--faults", 2)
    def run_it(*more):
        got = braid.json(*command, "--json", *more)
        for run in got["runs"]:
            controller = run["controller"]
            assert controller["cpu_us_a_request"] > 0 and controller["broadcast_bytes"] > 0
            del run["controller"]  # has processor times
        return got

    got = run_it()
    assert [run["prefill_alignment"] for run in got["runs"]] == [0, 8]
    for run in got["runs"]:
        assert sum(group["requests"] for group in run["groups"]) == run["requests"] > 100
        assert 0 < run["between_tokens_s"]["p50"] <= run["between_tokens_s"]["p99"]
        assert len(run["fullest_over_mean"]) == 7
    assert run_it() == got
    assert run_it("--seed", 2) != got
    assert "first token, prompts of 16 to 255" in braid.ok(*command)
    assert braid.error("bench", "simulate", "--kv-tokens", 1000).startswith("--kv-tokens 1000: the longest request has")
