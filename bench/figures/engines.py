"""The engines that bench/compare_engines compares with braid: how to find each, run it once over all shapes, and read its output.

One round of an engine is {"prefill": tokens/s, "decode": {streams: tokens/s}}.
"""

import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
from statistics import median_low

from .programs import Failure, run, run_json

PREFILL_LEN = 512
DECODE_INPUT_LEN = 144  # together with the steps, a context of 160 tokens on average
DECODE_STEPS = 32
DRIVERS = pathlib.Path(__file__).parent / "drivers"


class NotInstalled(Exception):
    """The engine is not on this machine."""


# ---- braid

class Braid:
    name = "braid"

    def __init__(self, program, model, threads):
        self.command = [program, "bench", "latency", "--model-path", model, "--threads-per-rank", threads, "--repeats", 1, "--json"]

    def round(self, streams):
        """Also has the roofline fraction of each figure, as reported by braid."""
        report = run_json([*self.command, "--batch-size", 1, "--input-len", PREFILL_LEN, "--output-len", 1])
        got = {"prefill": report["prefill_tokens_per_s"], "prefill_floor_fraction": report["prefill_floor_fraction"], "decode": {},
               "decode_floor_fraction": {}}
        for count in streams:
            report = run_json([*self.command, "--batch-size", count, "--input-len", DECODE_INPUT_LEN, "--output-len", DECODE_STEPS + 1])
            got["decode"][count] = report["decode_tokens_per_s"]
            got["decode_floor_fraction"][count] = report["decode_floor_fraction"]
        return got


# ---- llama.cpp: llama-bench for one stream, llama-batched-bench for more

def read_llama_bench(text):
    """From `llama-bench -o json`: (tokens/s of the prompt test, of the generation test, the model's type); None for a missing one."""
    prefill = decode = model_type = None
    for test in json.loads(text):
        rate = median_low(test["samples_ts"]) if test.get("samples_ts") else test["avg_ts"]
        model_type = test.get("model_type", model_type)
        if test["n_prompt"] > 0 and test["n_gen"] == 0:
            prefill = rate
        elif test["n_gen"] > 0 and test["n_prompt"] == 0:
            decode = rate
    return prefill, decode, model_type


def read_batched_bench(text):
    """From `llama-batched-bench --output-format jsonl`: {streams: tokens/s of generation}. Other lines are its log."""
    rates = {}
    for line in text.splitlines():
        if line.startswith("{"):
            test = json.loads(line)
            rates[test["pl"]] = test["speed_tg"]
    return rates


def find_gguf(model):
    """A GGUF file of the model: itself, in its folder, or beside it."""
    if model.suffix == ".gguf":
        return model
    beside = model.with_name(model.name + ".gguf")
    return next(iter(sorted(model.glob("*.gguf"))), beside if beside.exists() else None)


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, model, threads, program=None, gguf=None):
        found = program or shutil.which("llama-bench")
        if found is None:
            raise NotInstalled("llama.cpp (llama-bench)")
        self.program = pathlib.Path(found)
        self.threads = threads
        self.gguf = gguf or find_gguf(model)
        if self.gguf is None:
            raise Failure(f"no GGUF file in or beside {model} (--gguf)")
        beside = self.program.with_name("llama-batched-bench")
        self.batched = beside if beside.exists() else shutil.which("llama-batched-bench")

    def round(self, streams):
        common = ["-m", self.gguf, "-t", self.threads]
        once = [self.program, *common, "-r", 1, "-o", "json"]
        prefill, _, _ = read_llama_bench(run([*once, "-p", PREFILL_LEN, "-n", 0]))
        got = {"prefill": prefill, "decode": {}}
        if 1 in streams:
            _, got["decode"][1], model_type = read_llama_bench(run([*once, "-p", 0, "-n", DECODE_STEPS, "-d", DECODE_INPUT_LEN]))
            if model_type:
                self.name = f"llama.cpp, {model_type}"
        more = [count for count in streams if count > 1]
        if more and self.batched:
            tokens = max(more) * (DECODE_INPUT_LEN + DECODE_STEPS)
            rates = read_batched_bench(run([self.batched, *common, "-c", tokens, "-npp", DECODE_INPUT_LEN, "-ntg", DECODE_STEPS, "-npl",
                                            ",".join(map(str, more)), "--output-format", "jsonl"]))
            got["decode"].update({count: rates[count] for count in more if count in rates})
        return got


# ---- vLLM and OpenVINO GenAI: our driver runs in their Python and times whole batches

def shapes_of(streams):
    """(sequences, tokens of each prompt, generated tokens of each) for every batch that a driver times."""
    shapes = [(1, PREFILL_LEN, 1)]
    for count in streams:
        shapes += [(count, DECODE_INPUT_LEN, 1), (count, DECODE_INPUT_LEN, DECODE_STEPS + 1)]
    return shapes


def read_batches(text):
    """From a driver's lines. Prefill is the batch that generates one token; decode is the time that further tokens add to the first."""
    seconds = {}
    for line in text.splitlines():
        if line.startswith('{"batch_size"'):
            batch = json.loads(line)
            seconds[batch["batch_size"], batch["input_len"], batch["output_len"]] = batch["seconds"]
    got = {"prefill": None, "decode": {}}
    for (count, input_len, output_len), time in seconds.items():
        if (count, input_len, output_len) == (1, PREFILL_LEN, 1):
            got["prefill"] = PREFILL_LEN / time
        elif output_len > 1:
            steps_s = time - seconds[count, input_len, 1]
            got["decode"][count] = count * (output_len - 1) / steps_s if steps_s > 0 else None
    return got


def has_module(python, module):
    if python == sys.executable:
        return importlib.util.find_spec(module) is not None
    command = [python, "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Driven:
    def __init__(self, python, module, driver, model, threads):
        self.python = python or sys.executable
        if not has_module(self.python, module):
            raise NotInstalled(self.name)
        self.command = [self.python, DRIVERS / driver, model, threads]

    def round(self, streams):
        shapes = ["x".join(map(str, shape)) for shape in shapes_of(streams)]
        return read_batches(run([*self.command, *shapes]))


class Vllm(Driven):
    name = "vLLM"

    def __init__(self, model, threads, python=None):
        super().__init__(python, "vllm", "vllm_batches.py", model, threads)


class OpenVino(Driven):
    name = "OpenVINO GenAI"

    def __init__(self, model, threads, python=None, converted=None):
        folders = [converted] if converted else [model, model / "openvino", model.with_name(model.name + "-openvino")]
        found = next((folder for folder in folders if (folder / "openvino_model.xml").exists()), None)
        super().__init__(python, "openvino_genai", "openvino_batches.py", found, threads)
        if found is None:
            raise Failure(f"no openvino_model.xml in {', '.join(map(str, folders))} (optimum-cli export openvino; --openvino-model)")
