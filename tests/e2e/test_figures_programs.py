"""bench/run_all, bench/plot_streams and bench/compare_engines as commands: with stand-ins for the programs that they
run, whose reports take no time, and once with braid itself."""

import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"

# Refuses the mixture of experts and records each command.
FAKE_BRAID = """
import json, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(words) + "\\n")
flag = lambda name: words[words.index(name) + 1]
if "mixtral" in " ".join(words):
    sys.exit("a line of log\\nerror: 9 sequences take 99 KV pages, the pool has 1")
if words[1] == "roofline":
    report = {{"threads": 2}}
    for dtype in ("bf16", "f32"):
        report[dtype + "_instruction"] = "fma"
        report.update({{f"{{dtype}}_{{source}}_flops_per_s": 2e9 for source in ("register", "l1", "l2")}})
else:
    count, steps = int(flag("--batch-size")), int(flag("--output-len")) - 1
    work = [{{"count": max(steps, 1), "bytes": 1e6, "flops": 1.0, "arithmetic": "bfloat16"}}]
    report = {{"batch_size": count, "input_len": int(flag("--input-len")), "num_decode_steps": steps, "prefill_tokens_per_s": 10.0,
              "decode_tokens_per_s": 500.0 * count, "prefill_work": work, "decode_work": work, "prefill_floor_fraction": 0.5,
              "decode_floor_fraction": 0.5}}
report.update({{"isa": "avx512_bf16", "bf16_flops_per_s": 1e9, "f32_flops_per_s": 1e9, "read_bytes_per_s": 1e9}})
print(json.dumps(report))
"""

FAKE_LLAMA_BENCH = """
import json, sys
flag = lambda name: sys.argv[sys.argv.index(name) + 1]
assert flag("-o") == "json" and flag("-m").endswith(".gguf") and flag("-r") == "1"
print(json.dumps([{"model_type": "qwen3 0.6B BF16", "n_prompt": int(flag("-p")), "n_gen": int(flag("-n")), "avg_ts": 250.0}]))
"""

FAKE_BATCHED_BENCH = """
import json, sys
flag = lambda name: sys.argv[sys.argv.index(name) + 1]
assert flag("--output-format") == "jsonl" and int(flag("-c")) >= 8 * (int(flag("-npp")) + int(flag("-ntg")))
print("log")
for count in flag("-npl").split(","):
    print(json.dumps({"pp": 144, "tg": 32, "pl": int(count), "speed_tg": 1000.0}))
"""

FAKE_VLLM = """
class SamplingParams:
    def __init__(self, **options):
        assert options["ignore_eos"] and options["temperature"] == 0
        self.tokens = options["max_tokens"]
class LLM:
    def __init__(self, **options):
        assert options["dtype"] == "bfloat16" and options["max_num_seqs"] == 8 and options["max_model_len"] == 513
    def generate(self, prompts, sampling_params, use_tqdm):
        with open({log!r}, "a") as log:
            log.write(f"{{len(prompts)}}x{{len(prompts[0]['prompt_token_ids'])}}x{{sampling_params.tokens}}\\n")
"""

FAKE_OPENVINO = {
    "numpy": "int64 = int\ndef array(rows, dtype):\n    return rows\n",
    "openvino": "def Tensor(rows):\n    return rows\n",
    "openvino_genai": """
class SchedulerConfig: pass
class GenerationConfig: pass
class Output:
    def __init__(self, tokens):
        self.m_generation_ids = [list(range(tokens))]
class ContinuousBatchingPipeline:
    def __init__(self, model, scheduler, device, properties):
        assert device == "CPU" and not scheduler.enable_prefix_caching and properties == {{"INFERENCE_NUM_THREADS": 2}}
    def generate(self, tensors, configs):
        assert len(tensors) == len(configs) and all(len(rows) == 1 for rows in tensors), "Use multiple tensors to pass a batch."
        assert all(config.ignore_eos and config.max_new_tokens == config.min_new_tokens for config in configs)
        with open({log!r}, "a") as log:
            log.write(f"{{len(tensors)}}x{{len(tensors[0][0])}}x{{configs[0].max_new_tokens}}\\n")
        return [Output(config.max_new_tokens) for config in configs]
"""}


def script(path, text):
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def fake_braid(tmp_path):
    return script(tmp_path / "braid", FAKE_BRAID.format(log=str(tmp_path / "commands")))


def run_tool(name, *words, code=0, **environment):
    """stdout and stderr of a command in bench/."""
    done = subprocess.run([sys.executable, BENCH / name, *map(str, words)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PATH": "/usr/bin:/bin", **environment})
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def test_a_run_writes_figures_and_a_table_and_goes_on_after_a_failure(fake_braid, tmp_path):
    output = tmp_path / "out" / "figures.json"
    table, _ = run_tool("run_all", "roofline", "decode", "onednn", "--quick", "--braid", fake_braid, "--threads", 3, "--output", output, code=1)
    results = json.loads(output.read_text())
    assert list(results["measurements"]) == ["roofline", "onednn", *(f"decode/0.6b/{n}" for n in (1, 8, 32, 64)), "decode/moe/1", "decode/moe/32"]
    assert results["threads"] == 3 and results["repeats"] == 1 and results["commit"] and results["processor"]
    commands = [json.loads(line) for line in (tmp_path / "commands").read_text().splitlines()]
    assert len(commands) == 7 and all("3" in words for words in commands)
    assert output.with_suffix(".md").read_text() == table
    rows = [line for line in table.splitlines() if line.startswith("| 0.6b") or line.startswith("| 4l") or "oneDNN" in line]
    assert [("not measured" in row) for row in rows] == [True, False, False, False, False, True, True]
    assert "500.0 tokens/s | 1000.0 tokens/s | 50.0 %" in rows[1] and "99 KV pages, the pool has 1" in rows[-1]
    # The table and the plot of that run.
    assert run_tool("run_all", "--from", output, code=1)[0] == table
    plot = tmp_path / "plot.svg"
    run_tool("plot_streams", output, "--output", plot)
    assert plot.read_text().count("50 %") == 4


def test_a_run_without_failures_is_a_success(fake_braid, tmp_path):
    run_tool("run_all", "prompt", "--quick", "--braid", fake_braid, "--output", tmp_path / "figures.json")


def test_bad_arguments_are_named(tmp_path):
    assert "unknown group speed" in run_tool("run_all", "speed", code=2)[1]
    assert "--repeats 0" in run_tool("run_all", "--repeats", 0, code=2)[1]
    assert "--streams 1,x" in run_tool("compare_engines", "--model-path", tmp_path, "--streams", "1,x", code=2)[1]
    empty = tmp_path / "figures.json"
    empty.write_text('{"measurements": {}}')
    assert "has no decode figures" in run_tool("plot_streams", empty, "--output", tmp_path / "plot.svg", code=1)[1]


def test_engines_that_are_installed_are_compared_and_the_others_named(fake_braid, tmp_path):
    model = tmp_path / "qwen3-0.6b"
    model.mkdir()
    (model / "model.gguf").touch()
    script(tmp_path / "llama-batched-bench", FAKE_BATCHED_BENCH)
    words = ["--model-path", model, "--braid", fake_braid, "--llama-bench", script(tmp_path / "llama-bench", FAKE_LLAMA_BENCH), "--streams", "1,8",
             "--rounds", 2, "--threads", 2, "--output", tmp_path / "engines.json"]
    table, said = run_tool("compare_engines", *words)
    assert "not installed: vLLM, OpenVINO GenAI" in said
    assert said.index("round 1 of 2: llama.cpp") < said.index("round 2 of 2: braid")
    assert table.splitlines()[0] == "| tokens/s | braid | of the floor | llama.cpp, qwen3 0.6B BF16 | braid is |"
    assert table.splitlines()[2:] == ["| prefill | 10.0 | 50 % | 250.0 | 0.04x |", "| decode, 1 streams | 500.0 | 50 % | 250.0 | 2.00x |",
                                      "| decode, 8 streams | 4000.0 | 50 % | 1000.0 | 4.00x |"]
    compared = json.loads((tmp_path / "engines.json").read_text())
    assert compared["model"] == "0.6b" and compared["streams"] == {"llama.cpp, qwen3 0.6B BF16": [[1, 250.0], [8, 1000.0]]}
    # An engine without a model is left out, and the exit code says so.
    (model / "model.gguf").unlink()
    assert "llama.cpp is left out: no GGUF file" in run_tool("compare_engines", *words, code=1)[1]


@pytest.mark.parametrize("engine", ["vllm", "openvino"])
def test_drivers_run_each_batch_once_before_it_counts(fake_braid, tmp_path, engine):
    model, log, modules = tmp_path / "model", tmp_path / "batches", tmp_path / "modules"
    for folder in (model, modules):
        folder.mkdir()
    if engine == "vllm":
        (modules / "vllm.py").write_text(FAKE_VLLM.format(log=str(log)))
    else:
        (model / "openvino_model.xml").touch()
        for name, text in FAKE_OPENVINO.items():
            (modules / f"{name}.py").write_text(text.format(log=str(log)) if name == "openvino_genai" else text)
    run_tool("compare_engines", "--model-path", model, "--braid", fake_braid, "--streams", "1,8", "--rounds", 1, "--threads", 2, "--output",
             tmp_path / "engines.json", PYTHONPATH=str(modules))
    batches = ["1x512x1", "1x144x1", "1x144x33", "8x144x1", "8x144x33"]
    assert log.read_text().split() == [batch for batch in batches for _ in range(2)]
    rounds = json.loads((tmp_path / "engines.json").read_text())["rounds"]
    [(name, [own])] = [item for item in rounds.items() if item[0] != "braid"]
    assert name == {"vllm": "vLLM", "openvino": "OpenVINO GenAI"}[engine]
    assert own["prefill"] > 0 and list(own["decode"]) == ["1", "8"]


def test_a_run_starts_braid_itself_and_says_why_that_fails(braid, tmp_path):
    output = tmp_path / "figures.json"
    words = ["run_all", "ready", "--quick", "--threads", 2, "--output", output, "--braid"]
    table, _ = run_tool(*words, braid.path)
    assert json.loads(output.read_text())["measurements"]["ready/0.6b"]["reports"]["braid"][0]["seconds"] > 0
    assert "not measured" not in table and "a smoke test" in table
    refuses = script(tmp_path / "refuses", "import sys\nsys.exit('a line of log\\nerror: the port is taken')\n")
    assert "not measured |  |  |  |  |  | braid serve: the port is taken |" in run_tool(*words, refuses, code=1)[0]
