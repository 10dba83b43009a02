"""Every error in a flag or a file ends the program soon, with one line that names it, and never with a crash."""

import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import MODELS

COMMANDS = ["generate", "chat", "batch", "logits", "tokenize", "detokenize", "render", "inspect", "bench"]


def test_help_lists_the_commands_and_each_command_has_help(braid):
    text = braid.ok("--help")
    for command in COMMANDS:
        assert command in text
        help_text = braid.ok(command, "--help")
        assert "--" in help_text and " in [" not in help_text and "(default: [])" not in help_text
    assert "--max-new-tokens" in braid.ok("generate", "--help")


def test_without_a_command_all_are_named(braid):
    for command in ([], [""]):
        assert "one of: serve, doctor" in braid.error(*command) and "inspect" in braid.error(*command)


@pytest.mark.parametrize("wrong, near", [
    ("--max-new-token", "--max-new-tokens"), ("--temprature", "--temperature"), ("--model_path", "--model-path")])
def test_an_unknown_flag_suggests_the_nearest(braid, tiny_model, wrong, near):
    message = braid.error("generate", "--model-path", tiny_model, "--prompt", "a", wrong, "1")
    assert wrong in message and near in message


def test_an_unknown_command_suggests_the_nearest(braid):
    assert "generate" in braid.error("genrate")
    assert "generate" in braid.error("help", "genrate")
    assert "generate" in braid.error("genrate", "--help")


@pytest.mark.parametrize("flags, named", [
    (("--temperature", "-1"), "temperature"),
    (("--seed", "-1"), "--seed -1: must be a whole number from 0 to 18446744073709551615"),
    (("--seed", "18446744073709551616"), "18446744073709551615"),
    (("--log-level", "loud"), "warning"),
    (("--log-level", "info,db=debug"), "scheduler, worker, dp"),
    (("--kv-cache-memory-bytes", "1X"), "1.5GiB"),
    (("--kv-cache-memory-bytes", "100"), "--kv-cache-memory-bytes"),
    (("--max-total-tokens", "1"), "--max-total-tokens"),
    (("--temperature", "warm"), "temperature"),
    (("--top-p", "0"), "--top-p"),
    (("--max-new-tokens", "-5"), "--max-new-tokens"),
    (("--max-new-tokens", "99999999999999999999"), "max-new-tokens"),
    (("--dtype", "float8"), "float8"),
    (("--kv-cache-dtype", "int4"), "must be auto, bfloat16, float32, int8 or fp8-e4m3"),
    (("--attention-backend", "magic"), "--attention-backend magic: must be one of fa, native"),
    (("--override-generation-config", "temperature=0"), "must be a JSON object, like {"),
    (("--override-generation-config", '{"temprature": 0}'), 'unknown key "temprature"; known are temperature'),
    (("--override-generation-config", '{"top-p": 1.5}'), 'unknown key "top-p"'),
    (("--override-generation-config", '{"min_p": 1.5}'), "between 0 and 1"),
    (("--generation-config", "sampled"), "--generation-config sampled: must be auto, none, or a folder with a generation-config.json"),
    (("--page-size", "17"), "page-size"),
    (("--context-length", "100000"), "context-length"),
    (("--schedule-policy", "random"), "random"),
    (("--mem-fraction-static", "2"), "mem-fraction-static"),
])
def test_a_bad_value_is_named(braid, tiny_model, flags, named):
    message = braid.error("generate", "--model-path", tiny_model, "--prompt", "a", *flags)
    assert "\n" not in message and named in message.replace("_", "-")


@pytest.mark.parametrize("command", [
    ("serve",), ("chat", "--prompt", "a"), ("generate", "--prompt", "a"), ("logits", "--input-ids", "1", "--output", "/dev/null"),
    ("batch", "in", "out"), ("bench", "latency"), ("bench", "throughput"), ("bench", "idle")])
def test_an_unknown_attention_backend_is_named_before_ranks_are_made(braid, tiny_model, command):
    groups = ("--tp-size", "2", "--dp-size", "2", "--enable-dp-attention")
    message = braid.error(*command, "--model-path", tiny_model, *groups, "--attention-backend", "typo")
    assert message == "--attention-backend typo: must be one of fa, native"


def numbers_of(help_text):
    return re.findall(r"^ +(--[a-z-]+)(?:,--[a-z-]+)* [NX]\b", help_text, re.MULTILINE)


@pytest.mark.parametrize("command", [("serve",), ("generate",), ("chat",), ("logits",), ("batch", "in", "out"),
                                     ("bench", "kernels"), ("bench", "latency"), ("bench", "throughput"),
                                     ("bench", "serving"), ("bench", "planning"), ("bench", "simulate")])
def test_every_number_names_its_range(braid, command):
    words = [word for word in command if word not in ("in", "out")]
    flags = numbers_of(braid.ok(*words, "--help"))
    assert flags
    for flag in flags:
        is_rate = flag in ("--request-rate", "--long-prompt-rate")  # these may be infinite
        for value in ("x", "-99", "nan") + (() if is_rate else ("99999999999999999999",)):
            message = braid.error(*command, flag, value)
            assert message.startswith(f"{flag} {value}: must be ") and re.search(r" (from|above) ", message), message


@pytest.mark.parametrize("command, flags", [
    (("logits", "--input-ids", "1", "--output", "/dev/null"), ("--tokenizer-path", "--chat-template",
                                                               "--disable-radix-cache", "--schedule-policy")),
    (("bench", "latency"), ("--tokenizer-path", "--chat-template", "--disable-radix-cache", "--schedule-policy")),
    (("bench", "throughput"), ("--chat-template", "--disable-radix-cache")),
    (("tokenize",), ("--chat-template",)), (("detokenize",), ("--chat-template",)), (("render",), ("--tokenizer-path",))])
def test_a_flag_is_known_only_where_it_acts(braid, tiny_model, command, flags):
    for flag in flags:
        assert f"unknown flag {flag}" in braid.error(*command, "--model-path", tiny_model, flag, "x")


def test_a_template_without_a_conversation_is_an_error(braid, tiny_model):
    message = braid.error("generate", "--model-path", tiny_model, "--prompt", "a", "--chat-template", "none.jinja")
    assert "--chat-template needs --chat" in message


def test_an_error_is_one_line_whatever_is_in_a_name(braid, tmp_path):
    assert "a\\x0ab\\x1b[31m" in braid.error("generate", "--model-path", tmp_path / "a\nb\x1b[31m", "--prompt", "x")


def test_an_output_that_is_full_is_an_error(braid, tiny_model):
    for args in (["--help"], ["--version"], ["inspect", "--json", tiny_model], ["bench", "kernels", "--help"],
                 ["generate", "--model-path", tiny_model, "--prompt", "a"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(braid.command(*args), stdout=full, stderr=subprocess.PIPE, timeout=20)
        assert (done.returncode, done.stderr) == (1, b"error: standard output: cannot be written\n")


def test_a_standard_input_that_cannot_be_read_is_an_error(braid, tiny_model, tmp_path):
    for command in ("tokenize", "detokenize", "render", "chat"):
        folder = os.open(tmp_path, os.O_RDONLY)
        done = subprocess.run(braid.command(command, "--model-path", tiny_model), stdin=folder, capture_output=True,
                              timeout=20)
        os.close(folder)
        assert (done.returncode, done.stderr) == (1, b"error: standard input: cannot be read\n")


def test_a_file_without_end_is_an_error(braid, tiny_model):
    for flags in (("--prompt-file", "/dev/zero"), ("--config", "/dev/zero")):
        assert f"{flags[0]} /dev/zero: has more than" in braid.error("generate", "--model-path", tiny_model, *flags)


def test_a_batch_makes_no_file_before_its_model_is_loaded(braid, tmp_path):
    requests, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    requests.write_text("{}\n")
    assert "nowhere" in braid.error("batch", requests, results, "--model-path", tmp_path / "nowhere")
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_file_of_a_checkpoint_that_is_a_link_to_nothing_is_an_error(braid, tmp_path):
    """As an interrupted download leaves it in Hugging Face's cache."""
    shutil.copy(MODELS / "qwen3_tied" / "config.json", tmp_path)
    for name in ("generation_config.json", "model.safetensors.index.json", "tokenizer_config.json"):
        (tmp_path / name).symlink_to(tmp_path / "blobs" / "none")
        args = ("tokenize",) if name.startswith("tok") else ("generate", "--input-ids", "1")
        assert f"cannot open {tmp_path / name}" in braid.error(*args, "--model-path", tmp_path)
        (tmp_path / name).unlink()


def test_an_output_that_is_a_link_stays_a_link(braid, tiny_model, tmp_path):
    link, target = tmp_path / "link.npy", tmp_path / "folder" / "logits.npy"
    link.symlink_to(target)
    logits = ("logits", "--model-path", tiny_model, "--input-ids", "1", "--output", link)
    assert "link" in braid.error(*logits) and link.is_symlink()
    target.parent.mkdir()
    target.write_bytes(b"")
    braid.ok(*logits)
    assert link.is_symlink() and target.read_bytes()[:6] == b"\x93NUMPY"
    assert [file.name for file in target.parent.iterdir()] == ["logits.npy"]


def test_an_index_without_weights_says_so(braid, tmp_path):
    shutil.copy(MODELS / "qwen3_tied" / "config.json", tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text('{"metadata": {}, "weight_map": {}}')
    message = braid.error("generate", "--model-path", tmp_path, "--input-ids", "1")
    assert "model.safetensors.index.json" in message and "weight_map" in message and "empty" in message


def test_a_forced_instruction_set_that_the_machine_lacks_is_an_error(braid, tiny_model):
    message = braid.error("generate", "--model-path", tiny_model, "--prompt", "a", env={"BRAID_CPU_ISA": "mmx"})
    assert "mmx" in message and "portable" in message


@pytest.mark.parametrize("ids", ["1,2,x", "1,,2", "-1", "280", "99999999999999999999", ""])
def test_bad_input_ids_are_an_error(braid, tiny_model, ids):
    braid.error("generate", "--model-path", tiny_model, "--input-ids", ids)


def test_a_prompt_beyond_the_context_names_both_numbers(braid, tiny_model):
    message = braid.error("generate", "--model-path", tiny_model, "--input-ids", ",".join(["1"] * 513))
    assert "513" in message and "512" in message


def test_a_prompt_is_needed(braid, tiny_model):
    assert "--prompt" in braid.error("generate", "--model-path", tiny_model)


def test_a_missing_models_error_says_how_to_get_one(braid, tmp_path):
    assert "nowhere" in braid.error("generate", "--model-path", tmp_path / "nowhere", "--prompt", "a")
    message = braid.error("generate", "--model-path", "no-such-org/no-such-model", "--prompt", "a",
                          env={"HF_HOME": str(tmp_path)})
    assert "no-such-org/no-such-model" in message and "download" in message


def test_a_file_that_is_not_a_model_is_an_error(braid, tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not a model at all")
    assert "model.gguf" in braid.error("generate", "--model-path", file, "--prompt", "a")
    file.write_bytes(b"")
    assert "model.gguf" in braid.error("generate", "--model-path", file, "--prompt", "a")


def test_a_folder_of_gguf_files_names_one(braid, tiny_model):
    assert str(tiny_model) in braid.error("generate", "--model-path", tiny_model.parent, "--prompt", "x")


def test_the_cache_is_found_as_hugging_faces_tools_find_it(braid, tiny_model, tmp_path):
    nothing = {"HF_HOME": "", "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "XDG_CACHE_HOME": ""}
    snapshot = tmp_path / "huggingface" / "hub" / "models--org--name" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    for variable, value in (("XDG_CACHE_HOME", tmp_path), ("HF_HOME", tmp_path / "huggingface"),
                            ("HF_HUB_CACHE", tmp_path / "huggingface" / "hub"),
                            ("HUGGINGFACE_HUB_CACHE", tmp_path / "huggingface" / "hub")):
        message = braid.error("generate", "--model-path", "org/name", "--prompt", "x",
                              env={**nothing, variable: str(value)})
        assert f"whole in the Hugging Face cache ({tmp_path / 'huggingface' / 'hub'})" in message


@pytest.mark.parametrize("key, value", [
    ("num_hidden_layers", 10**9), ("num_attention_heads", 0), ("hidden_size", -64), ("vocab_size", 2**63),
    ("num_key_value_heads", 3), ("hidden_size", "64"), ("rope_theta", "x"), ("head_dim", 33),
    ("hidden_act", "gelu_new"), ("rope_scaling", {"rope_type": "yarn", "factor": -4.0}),
    ("rope_scaling", {"rope_type": "spiral"}), ("partial_rotary_factor", 0.5)])
def test_an_absurd_configuration_is_named(braid, tmp_path, key, value):
    config = json.loads((MODELS / "qwen3_tied" / "config.json").read_text())
    config[key] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    shutil.copy(MODELS / "qwen3_tied" / "config.json", tmp_path / "unrelated.json")
    message = braid.error("generate", "--model-path", tmp_path, "--input-ids", "1")
    assert key in message or "rope" in message


def test_a_reader_that_goes_away_ends_the_program(braid, tiny_model):
    for args, text in ((("generate", "--prompt", "a", "--max-new-tokens", 500, "--ignore-eos"), b""),
                       (("tokenize",), b'"a"\n' * 100_000)):
        process = subprocess.Popen(braid.command(*args, "--model-path", tiny_model), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        try:
            process.stdin.write(text)
            process.stdin.close()
        except BrokenPipeError:  # it ended before it read everything
            pass
        errors = process.stderr.read()
        assert errors.splitlines() == [b"error: standard output: cannot be written"]
        assert process.wait(timeout=20) == 1


def test_a_batch_checks_its_files_first(braid, tiny_model, tmp_path):
    requests = tmp_path / "in.jsonl"
    requests.write_text("")
    for source, target, named in ((tmp_path / "none", "out", "none"), (tmp_path, "out", "directory"),
                                  ("/dev/null", "out", "/dev/null"), ("-", "out", "-"), ("", "out", "empty"),
                                  (requests, "no/such/out", "no/such/out"), (requests, requests, "both")):
        assert named in braid.error("batch", source, tmp_path / target, "--model-path", tiny_model)


def test_an_error_of_the_engine_is_one_line_even_with_the_log_on(braid, tiny_model, tmp_path):
    requests = tmp_path / "in.jsonl"
    requests.write_text("")
    for flags in (("--kv-cache-memory-bytes", "100"), ("--max-total-tokens", "1"), ("--context-length", "100000")):
        assert flags[0] in braid.error("batch", requests, tmp_path / "out", "--model-path", tiny_model, *flags)
    for flags in (("--repeats", "0"), ("--batch-size", "257"), ("--batch-size", "0")):
        assert flags[0] in braid.error("bench", "latency", "--model-path", tiny_model, *flags)


def test_a_benchmark_beyond_the_context_names_both_numbers(braid, tiny_model):
    for command in ("latency", "throughput"):
        message = braid.error("bench", command, "--model-path", tiny_model, "--input-len", "500", "--output-len", "13",
                              "--log-level", "error")
        assert "513" in message and "512" in message


def test_logits_of_bad_ids_leave_no_file_and_do_not_change_an_older_one(braid, tiny_model, tmp_path):
    out = tmp_path / "logits.npy"
    for before in (None, b"older"):
        if before is not None:
            out.write_bytes(before)
        assert "280" in braid.error("logits", "--model-path", tiny_model, "--input-ids", "1,280", "--output", out)
        assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == \
            ([] if before is None else [("logits.npy", before)])
    braid.ok("logits", "--model-path", tiny_model, "--input-ids", "1,2", "--output", out)
    assert [file.name for file in tmp_path.iterdir()] == ["logits.npy"] and out.read_bytes()[:6] == b"\x93NUMPY"


def test_an_output_that_cannot_be_written_is_an_error(braid, tiny_model, tmp_path):
    out = tmp_path / "no" / "such" / "folder.npy"
    assert "folder.npy" in braid.error("logits", "--model-path", tiny_model, "--input-ids", "1", "--output", out)
