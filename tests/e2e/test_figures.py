"""bench/figures: computes rooflines, rows, table and plot from reports, and reads the output of other engines. Runs no program."""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from figures.comparison import comparison_table, streams_by_engine  # noqa: E402
from figures.engines import find_gguf, read_batched_bench, read_batches, read_llama_bench, shapes_of  # noqa: E402
from figures.rooflines import peaks_of, tier_of  # noqa: E402
from figures.programs import reason_of  # noqa: E402
from figures.rows import rows_of, streams_of  # noqa: E402
from figures.streams_svg import streams_svg, ticks_round  # noqa: E402
from figures.table import table_of  # noqa: E402
from figures.targets import TARGETS, target_of, verdict  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def roofline(isa="avx512_bf16", bf16=1000.0, f32=500.0, read=10.0):
    return {"isa": isa, "bf16_flops_per_s": bf16, "f32_flops_per_s": f32, "read_bytes_per_s": read}


def latency(streams=1, tokens_per_s=2.0, steps=4, **ceilings):
    """A step takes 5 bytes (half a second at 10 bytes/s) and, in its router, 250 operations of float32."""
    work = [{"count": steps, "bytes": 5, "flops": 10, "arithmetic": "bfloat16"},
            {"count": steps, "bytes": 0, "flops": 250, "arithmetic": "float32"}]
    return {**roofline(**ceilings), "batch_size": streams, "input_len": 16, "num_decode_steps": steps,
            "prefill_tokens_per_s": 8.0, "prefill_work": [{"count": 2, "bytes": 1, "flops": 800, "arithmetic": "bfloat16"}],
            "decode_tokens_per_s": tokens_per_s, "decode_work": work}


def product(m, seconds, n=6144, k=1024, read=1e9):
    """With 2 bytes for each weight."""
    return {"m": m, "n": n, "k": k, "seconds": seconds, "bytes_per_s": 2 * n * k / seconds, "flops_per_s": 2 * m * n * k / seconds,
            "read_bytes_per_s": read}


def kernels(*products, **ceilings):
    return {**roofline(**ceilings), "dtype": "bfloat16", "products": list(products)}


def onednn(ratio, peak=0.0, n=6144):
    return {"isa": "avx512_bf16", "dtype": "bfloat16", "read_bytes_per_s": 1e10, "braid_flops_per_s": 1.0, "onednn_flops_per_s": peak,
            "products": [{"k": 1024, "n": n, "m": m, "braid_s": 0.002, "onednn_s": 0.002 * ratio} for m in (128, 512)]}


def run_of(**measurements):
    """Names have __ in place of /."""
    return {"date": "2026-11-22 18:00 UTC", "commit": "abc", "processor": "A | B", "cores": 2, "threads": 2, "repeats": 5, "quick": False,
            "measurements": {name.replace("__", "/"): {"what": name, **measurement} for name, measurement in measurements.items()}}


def braid(*reports):
    return {"reports": {"braid": list(reports)}}


def row_of(results, row_id):
    return next(row for row in rows_of(results) if row["id"] == row_id)


def test_the_peak_is_the_best_product_of_the_run_and_tier_whoever_multiplied():
    results = run_of(decode__moe__1=braid(latency()), other=braid(roofline(isa="avx2", bf16=9e9)),
                     onednn={"reports": {"bfloat16": [onednn(1, peak=2000.0)]}})
    assert tier_of(results) == "avx512_bf16"
    none = {"flops_per_s": 0.0, "by": ""}
    assert peaks_of(results) == {"bfloat16": {"flops_per_s": 2000.0, "by": "oneDNN"}, "float32": {"flops_per_s": 500.0, "by": "braid"},
                                 "int8": none, "few_bits": none}


def test_a_steps_roofline_takes_the_longer_of_bytes_and_operations_by_the_runs_peak():
    alone = run_of(decode__moe__1=braid(latency()))
    row = row_of(alone, "decode/moe/1")  # 0.5 s for bytes, 0.5 s for the router: one token a second
    assert row["judged"] == pytest.approx(200) and row["bound"] == "1.0 tokens/s" and row["figure"] == "2.0 tokens/s"
    faster = run_of(decode__moe__1=braid(latency()), prompt__any=braid(latency(f32=1000.0)))
    assert row_of(faster, "decode/moe/1")["judged"] == pytest.approx(150)
    assert row_of(faster, "prompt/any")["judged"] == pytest.approx(100 * 8.0 * 2 * 0.8 / 16)


def test_a_product_is_judged_by_its_worst_shape_and_each_shape_by_its_median():
    bytes_s = 2 * 6144 * 1024 / 1e9  # at 1 GB/s
    small_s = 2 * 1024 * 1024 / 1e9
    ceilings = {"read": 5e9, "bf16": 1e15}  # the bound uses the read rate measured in turns with the product
    reports = [kernels(product(8, bytes_s / share), product(8, small_s / small, n=1024), **ceilings)
               for share, small in ((0.99, 0.5), (0.9, 0.8), (0.2, 0.9))]
    row = row_of(run_of(kernels=braid(*reports)), "kernels/8")
    assert row["judged"] == pytest.approx(80) and "1024 x 1024" in row["note"] and "1024 x 6144 90.0 %" in row["note"]
    assert (row["at_least"], row["aim"], row["verdict"]) == (90, 92, "below")
    assert [row["id"] for row in rows_of(run_of(kernels=braid(*reports)))] == ["kernels/8"]


def test_a_product_beside_onednn_is_judged_by_the_least_ratio():
    results = run_of(onednn={"reports": {"bfloat16": [onednn(0.9), onednn(0.98), onednn(1.2), onednn(1.3, n=512)], "float32": []}})
    row = row_of(results, "onednn/128")
    assert row["judged"] == pytest.approx(0.98) and row["verdict"] == "met" and "1024 x 512 1.30x" in row["note"]


def test_ranks_and_serving_and_start_are_medians_beside_what_they_are_held_to():
    serving = {"reports": {"throughput": [{"output_tokens_per_s": rate} for rate in (100, 90, 200)],
                           "serving": [{"output_throughput": rate, "median_ttft_ms": 5, "p99_ttft_ms": 9} for rate in (99, 10, 300)]}}
    results = run_of(ranks__moe={"reports": {"one_rank": [latency(tokens_per_s=rate) for rate in (10, 11, 30)],
                                             "tp2_dp2": [latency(tokens_per_s=rate) for rate in (1, 10, 12)]}},
                     serving__moe__8=serving)
    results["measurements"]["ready/0.6b"] = {"what": "ready", **braid(*({"seconds": s} for s in (9.0, 1.5, 1.25)))}
    assert row_of(results, "ranks/moe")["judged"] == pytest.approx(100 * 12 / 30)  # of 10, 91 and 40 % in the turns
    assert row_of(results, "serving/moe/8")["judged"] == pytest.approx(99)
    ready = row_of(results, "ready/0.6b")
    assert ready["judged"] == 1.5 and ready["verdict"] == "met" and ready["unit"] == "s"


def test_page_faults_are_a_row_where_they_are_counted():
    assert not [row for row in rows_of(run_of(decode__moe__1=braid(latency()))) if row["id"] == "faults"]
    counted = [{**latency(), "decode_page_faults_per_step": faults} for faults in (0, 2.5)]
    results = run_of(decode__moe__1=braid(counted[0]), decode__moe__32=braid(counted[1]))
    assert row_of(results, "faults")["figure"] == "2.5 (most: moe, 32 streams)"


def test_verdicts():
    assert [verdict(value, 80, 90) for value in (79.9, 80, 90)] == ["below", "met", "aim met"]
    assert [verdict(value, 2, None, smaller_is_better=True) for value in (2.1, 2)] == ["below", "met"]
    assert verdict(5, None, None) == "" and verdict(None, 80, 90) == ""
    assert target_of("avx2", "prefill/moe") == (None, None) and target_of("amx_bf16", "prefill/moe") == (74, 82)
    assert TARGETS["AMX"].keys() == TARGETS["AVX-512 BF16"].keys()


def test_the_table_says_the_machine_each_row_and_why_one_is_missing():
    ceilings = {f"{dtype}_{source}_flops_per_s": 1e9 for dtype in ("bf16", "f32") for source in ("register", "l1", "l2")}
    results = run_of(roofline=braid({**roofline(), **ceilings, "bf16_instruction": "vdpbf16ps", "f32_instruction": "fma"}),
                     decode__moe__1=braid(latency(tokens_per_s=0.5)), prefill__moe={"reports": {}, "failure": "no\nmodel"})
    lines = table_of(results).splitlines()
    assert lines[0].startswith("A | B, 2 threads of 2 cores, tier `avx512_bf16`; 2026-11-22") and "medians of 5" in lines[0]
    assert lines[1] == "Targets: those for AVX-512 BF16."
    assert "- bf16, vdpbf16ps: 1.0 GFLOP/s from registers, 1.0 GFLOP/s from L1, 1.0 GFLOP/s from L2" in lines
    assert lines[-2:] == ["| decode__moe__1 | 0.5 tokens/s | 1.0 tokens/s | 50.0 % | 88 % | 92 % | below | read 0.0 GB/s |",
                          "| prefill__moe | not measured |  |  | 72 % | 79 % |  | no model |"]
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {9}
    smoke_test = table_of({**results, "quick": True})
    assert "no figures" in smoke_test and "88 %" not in smoke_test


def test_the_plot_has_every_point_and_both_color_schemes():
    series = {"0.6b": [(1, 20.0, 25.0), (8, 100.0, 160.0), (64, 300.0, 320.0)], "4l MoE": [(1, 50.0, 60.0)]}
    root = ElementTree.fromstring(streams_svg("A < B", series, {"x & y": {"0.6b": [(1, 10.0), (64, 150.0)]}}))
    dots = {kind: [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(SVG + "circle") if dot.get("class") == kind]
            for kind in ("braid-dot", "roofline-dot", "other-0-dot")}
    # Each series has its points, and one in the legend.
    assert [len(points) for points in dots.values()] == [5, 5, 3]
    for (x, y), (bound_x, bound_y) in zip(dots["braid-dot"][:4], dots["roofline-dot"][:4]):
        assert x == bound_x and bound_y < y
    xs = [x for x, _ in dots["braid-dot"][:3]]
    assert (xs[1] - xs[0]) == pytest.approx(xs[2] - xs[1], abs=0.2)  # 8 is half way from 1 to 64 in the logarithm
    words = [node.text for node in root.iter(SVG + "text")]
    assert {"A < B", "x & y", "braid", "0.6b", "4l MoE", "80 %", "94 %", "tokens/s", "streams", "64"} <= set(words)
    width, height = (float(root.get(key)) for key in ("width", "height"))
    for node in root.iter(SVG + "text"):
        assert 0 < float(node.get("x")) < width and 0 < float(node.get("y")) < height
    assert "prefers-color-scheme: dark" in root.find(SVG + "style").text


def test_ticks_enclose_the_values():
    assert ticks_round(17, 790) == [10, 20, 50, 100, 200, 500, 1000]
    assert ticks_round(0.2, 1.1) == pytest.approx([0.2, 0.5, 1, 2])


def test_the_plots_series_are_the_decode_rows():
    results = run_of(decode__moe__32=braid(latency(streams=32)), decode__moe__1=braid(latency()), prefill__moe=braid(latency()),
                     decode__moe__8={"reports": {}, "failure": "why"})
    assert streams_of(results) == {"4l MoE": [(1, 2.0, pytest.approx(1)), (32, 2.0, pytest.approx(32))]}


# In the format of tools/llama-bench/README.md: the fields that matter and some others.
LLAMA_BENCH = """[
  {"build_commit": "8cf427ff", "cpu_info": "x", "model_type": "qwen3 0.6B BF16", "n_threads": 2, "n_prompt": 512, "n_gen": 0,
   "n_depth": 0, "avg_ns": 72135640, "avg_ts": 7100.002165, "stddev_ts": 140.34, "samples_ts": [6863.1, 7147.55, 7136.37]},
  {"build_commit": "8cf427ff", "cpu_info": "x", "model_type": "qwen3 0.6B BF16", "n_threads": 2, "n_prompt": 0, "n_gen": 128,
   "n_depth": 0, "avg_ns": 1076767880, "avg_ts": 118.881588, "stddev_ts": 1.041811}
]"""

BATCHED_BENCH = """
main: n_kv_max = 11264
{"n_kv_max": 11264, "n_batch": 2048, "pp": 144, "tg": 32, "pl": 8, "n_kv": 1408, "t_pp": 1.5, "speed_pp": 768.0, "t_tg": 2.0, "speed_tg": 128.0}
{"n_kv_max": 11264, "n_batch": 2048, "pp": 144, "tg": 32, "pl": 32, "n_kv": 5632, "t_pp": 6.0, "speed_pp": 768.0, "t_tg": 4.0, "speed_tg": 256.0}

llama_perf_context_print: load time = 1 ms
"""


def test_llama_cpps_output_is_read():
    assert read_llama_bench(LLAMA_BENCH) == (7136.37, 118.881588, "qwen3 0.6B BF16")
    assert read_batched_bench(BATCHED_BENCH) == {8: 128.0, 32: 256.0}


def test_a_gguf_file_is_found_in_the_folder_or_beside_it(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    assert find_gguf(folder) is None
    beside = tmp_path / "model.gguf"
    beside.touch()
    assert find_gguf(folder) == beside and find_gguf(beside) == beside
    (folder / "own.gguf").touch()
    assert find_gguf(folder) == folder / "own.gguf"


def test_decode_is_what_further_tokens_add_to_the_time_of_the_first():
    seconds = {(1, 512, 1): 2.0, (1, 144, 1): 0.5, (1, 144, 33): 2.5, (8, 144, 1): 4.0, (8, 144, 33): 3.0}
    assert list(seconds) == shapes_of([1, 8])
    text = "log\n" + "".join(f'{{"batch_size": {b}, "input_len": {i}, "output_len": {o}, "seconds": {s}}}\n'
                             for (b, i, o), s in seconds.items())
    assert read_batches(text) == {"prefill": 256.0, "decode": {1: 16.0, 8: None}}


def test_a_comparison_is_of_medians():
    own = [{"prefill": rate, "prefill_floor_fraction": 0.5, "decode": {1: 30.0, 8: 100.0}, "decode_floor_fraction": {1: 0.9, 8: 0.8}}
           for rate in (900.0, 1000.0, 5000.0)]
    other = [{"prefill": None, "decode": {1: rate}} for rate in (10.0, 20.0, 15.0)]
    lines = comparison_table({"braid": own, "other": other}).splitlines()
    assert lines[2:] == ["| prefill | 1000.0 | 50 % | – |  |", "| decode, 1 streams | 30.0 | 90 % | 15.0 | 2.00x |",
                         "| decode, 8 streams | 100.0 | 80 % | – |  |"]
    assert streams_by_engine({"braid": own, "other": other}) == {"other": [[1, 15.0]]}


def test_a_failed_programs_reason_is_one_line():
    assert reason_of(1, "noise\nerror: no such file: x\n") == "no such file: x"
    assert reason_of(-9, "") == "ended by SIGKILL (not enough memory?)"
    assert reason_of(3, "a\nlast words\n") == "exit code 3: last words"
