"""What is measured, and how: the programs of each measurement. Several programs take turns."""

import contextlib
import dataclasses
import pathlib
import sys
import time
import urllib.request

from .programs import ROOT, Failure, read_once, reason_of, run_json
from .rows import MODEL_NAMES, ONEDNN_ROWS

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Program, Server  # noqa: E402

KINDS = ["roofline", "kernels", "onednn", "prefill", "decode", "context", "prompt", "ready", "ranks", "serving"]
DENSE_STREAMS = [1, 8, 32, 64]
MOE_STREAMS = [1, 32]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Lengths in tokens, and numbers of repeats."""
    repeats: int = 5
    prefill_len: int = 512
    decode_input_len: int = 144   # together with 32 steps, a context of 160 tokens on average
    decode_output_len: int = 33
    context_streams: int = 8
    context_input_len: int = 8176
    prompt_len: int = 8192
    serving_input_len: int = 64
    serving_output_len: int = 32
    serving_vocab_size: int = 30000
    kernel_flags: tuple = ()
    onednn_flags: tuple = ("--batch-sizes", "128,512")


QUICK_SIZES = Sizes(repeats=1, prefill_len=24, decode_input_len=12, decode_output_len=5, context_streams=2,
                    context_input_len=40, prompt_len=48, serving_input_len=8, serving_output_len=4, serving_vocab_size=280,
                    kernel_flags=("--quick",),
                    onednn_flags=("--batch-sizes", "128,512", "--shapes", "256x256", "--seconds", "0.05"))


@dataclasses.dataclass
class Context:
    """The programs, and what they run on. A model that is not available is the Failure that says why."""
    braid: pathlib.Path
    onednn: pathlib.Path | Failure
    models: dict  # "0.6b" and "moe": path or Failure
    threads: int
    sizes: Sizes
    isa: str = ""  # of BRAID_CPU_ISA

    def model(self, name):
        if isinstance(self.models[name], Failure):
            raise self.models[name]
        return self.models[name]


@dataclasses.dataclass
class Measurement:
    """`measure(context, turn)` returns {label: report}; it is called `turns` times."""
    name: str
    what: str
    measure: object
    turns: int = 1


def latency_command(context, model, *flags, threads=None):
    return [context.braid, "bench", "latency", "--model-path", context.model(model), "--threads-per-rank",
            threads or context.threads, "--json", *flags]


def latency(name, what, model, make_flags):
    def measure(context, _turn):
        command = latency_command(context, model, "--repeats", context.sizes.repeats, *make_flags(context.sizes))
        return {"braid": run_json(command)}
    return Measurement(name, what, measure)


def roofline():
    def measure(context, _turn):
        return {"braid": run_json([context.braid, "bench", "roofline", "--threads", context.threads, "--json"])}
    return Measurement("roofline", "ceilings", measure)


def kernels(sizes):
    def measure(context, _turn):
        return {"braid": run_json([context.braid, "bench", "kernels", "--threads", context.threads, "--json",
                                   *context.sizes.kernel_flags])}
    return Measurement("kernels", "products from memory", measure, sizes.repeats)


def onednn(sizes):
    """oneDNN's products in turns with braid's. Float32 only for its peak, which the roofline of routers needs."""
    def measure(context, _turn):
        if isinstance(context.onednn, Failure):
            raise context.onednn
        command = [context.onednn, "--threads", context.threads, "--json"] + (["--isa", context.isa] if context.isa else [])
        return {"bfloat16": run_json([*command, *context.sizes.onednn_flags]),
                "float32": run_json([*command, *context.sizes.onednn_flags, "--dtype", "float32"])}
    return Measurement("onednn", f"products beside oneDNN, M = {' and '.join(map(str, ONEDNN_ROWS))}", measure, sizes.repeats)


def prefill(model):
    return latency(f"prefill/{model}", f"{MODEL_NAMES[model]} prefill of 512", model,
                   lambda sizes: ("--batch-size", 1, "--input-len", sizes.prefill_len, "--output-len", 1))


def decode(model, streams):
    return latency(f"decode/{model}/{streams}", f"{MODEL_NAMES[model]} decode, {streams} streams at 160 tokens", model,
                   lambda sizes: ("--batch-size", streams, "--input-len", sizes.decode_input_len, "--output-len",
                                  sizes.decode_output_len))


def context_row():
    return latency("context/0.6b", "0.6b decode, 8 streams of 8 192 tokens each", "0.6b",
                   lambda sizes: ("--batch-size", sizes.context_streams, "--input-len", sizes.context_input_len,
                                  "--output-len", sizes.decode_output_len, "--skip-prefill"))


def prompt():
    return latency("prompt/0.6b", "0.6b prompt of 8 192 tokens", "0.6b",
                   lambda sizes: ("--batch-size", 1, "--input-len", sizes.prompt_len, "--output-len", 1))


def is_healthy(url):
    try:
        with urllib.request.urlopen(url + "/health", timeout=60) as response:
            return response.status == 200
    except OSError:  # 503 until it is ready; no answer if it has ended
        return False


@contextlib.contextmanager
def serving_model(context, model, *flags):
    """A new server, ready."""
    try:
        server = Server(Program(str(context.braid)), context.model(model), "--threads-per-rank", context.threads, *flags,
                        wait_until_ready=False)
    except (AssertionError, OSError) as error:
        raise Failure(f"braid serve: {reason_of(1, str(error).removeprefix('it ended: '))}") from error
    with server:
        while not is_healthy(server.url):
            if server.process.poll() is not None:
                raise Failure(f"braid serve: {reason_of(server.process.returncode, server.read_log())}")
            time.sleep(0.005)
        yield server


def ready(sizes):
    def measure(context, turn):
        if turn == 0:
            read_once(context.model("0.6b"))
        start = time.monotonic()
        with serving_model(context, "0.6b"):
            seconds = time.monotonic() - start
        return {"braid": {"seconds": seconds}}
    return Measurement("ready/0.6b", "0.6b ready to serve, from start to /health, page cache warm", measure, sizes.repeats)


def in_turns(turn, runs):
    """The result of each of `runs`, {label: run}. Every other turn goes backwards, because a machine that has rested is faster at first."""
    order = list(runs) if turn % 2 == 0 else list(reversed(runs))
    return {label: runs[label]() for label in order}


def ranks(sizes):
    def measure(context, turn):
        flags = ("--batch-size", 32, "--input-len", context.sizes.decode_input_len, "--output-len",
                 context.sizes.decode_output_len, "--repeats", 1)
        layout = ("--tp-size", 2, "--dp-size", 2, "--enable-dp-attention")
        return in_turns(turn, {"one_rank": lambda: run_json(latency_command(context, "moe", *flags, threads=2)),
                               "tp2_dp2": lambda: run_json(latency_command(context, "moe", *flags, *layout, threads=1))})
    return Measurement("ranks/moe", "4l MoE decode, 32 streams, tp 2 dp 2 beside one rank of 2 threads", measure, sizes.repeats)


def serving(model, streams, sizes):
    """The same requests through a server and without one, in turns: twice as many as run at once, at least four."""
    num_prompts = max(4, 2 * streams)
    counts = ("--num-prompts", num_prompts)
    limits = ("--max-running-requests", streams, "--max-total-tokens", 4096 + 4 * streams * (sizes.serving_input_len +
                                                                                            sizes.serving_output_len))

    def measure(context, turn):
        def plain():
            return run_json([context.braid, "bench", "throughput", "--model-path", context.model(model), "--threads-per-rank",
                             context.threads, *counts, *limits, "--input-len", sizes.serving_input_len, "--output-len",
                             sizes.serving_output_len, "--seed", turn, "--json"])

        def served():
            with serving_model(context, model, *limits) as server:
                return run_json([context.braid, "bench", "serving", "--base-url", server.url, *counts, "--max-concurrency", streams,
                                 "--random-input-len", sizes.serving_input_len, "--random-output-len", sizes.serving_output_len,
                                 "--random-range-ratio", 1, "--vocab-size", sizes.serving_vocab_size, "--seed", turn, "--json"])

        return in_turns(turn, {"throughput": plain, "serving": served})
    return Measurement(f"serving/{model}/{streams}", f"{MODEL_NAMES[model]} over HTTP, {streams} streams of "
                       f"{sizes.serving_input_len} + {sizes.serving_output_len} tokens", measure, sizes.repeats)


def measurements_of(kind, sizes):
    """The measurements of a kind, in order."""
    return {
        "roofline": lambda: [roofline()],
        "kernels": lambda: [kernels(sizes)],
        "onednn": lambda: [onednn(sizes)],
        "prefill": lambda: [prefill("0.6b"), prefill("moe")],
        "decode": lambda: [decode("0.6b", n) for n in DENSE_STREAMS] + [decode("moe", n) for n in MOE_STREAMS],
        "context": lambda: [context_row()],
        "prompt": lambda: [prompt()],
        "ready": lambda: [ready(sizes)],
        "ranks": lambda: [ranks(sizes)],
        "serving": lambda: [serving(model, n, sizes) for model in MODEL_NAMES for n in DENSE_STREAMS],
    }[kind]()


def take(measurement, context, say):
    """Measures. Returns its part of the JSON: the reports of its programs, turn by turn, or why it failed."""
    result = {"what": measurement.what, "reports": {}}
    try:
        for turn in range(measurement.turns):
            say(f"{measurement.name}" + (f", turn {turn + 1} of {measurement.turns}" if measurement.turns > 1 else ""))
            for label, report in measurement.measure(context, turn).items():
                result["reports"].setdefault(label, []).append(report)
    except Failure as failure:
        result["failure"] = str(failure)
        say(f"{measurement.name}: {failure}")
    return result
