"""Malicious files of a checkpoint: each ends in one clear line that names the file, soon and in little memory, or does
no harm."""

import contextlib
import json
import os
import resource
import shutil
import signal
import struct
import subprocess

import pytest
from conftest import MODELS, ROOT
from seeded_checkpoint import write_checkpoint
from test_gguf_parts import split

JSON_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
              "model.safetensors.index.json")
GENERATE = ("generate", "--input-ids", "1,2,3", "--max-new-tokens", 1, "--temperature", 0, "--log-level", "error")
MOST_BYTES = 2 << 30  # of memory in total: a normal run of a small model takes less
KINDS = {"dangling": "No such file", "cyclic": "Too many levels", "device": "not a regular file",
         "directory": "not a regular file", "pipe": "not a regular file"}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A directory with one file of every kind."""
    folder = tmp_path_factory.mktemp("good")
    write_checkpoint(MODELS / "qwen3_moe_normalized", folder)
    (folder / "generation_config.json").write_text('{"temperature": 0.5}')
    names = json.loads(header_of(folder / "model.safetensors")[0])
    names.pop("__metadata__", None)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, "model.safetensors")}))
    return folder


@pytest.fixture
def folder(good, tmp_path):
    target = tmp_path / "model"
    shutil.copytree(good, target)
    return target


def header_of(path):
    """(the JSON's bytes, the tensors' bytes)"""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return data[8:8 + length], data[8 + length:]


def make_no_file(path, kind):
    path.unlink(missing_ok=True)
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"dangling": "nowhere", "cyclic": path.name, "device": "/dev/zero"}[kind])


def limited():
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))


def error_of(braid, *args, stdin="", timeout=20):
    """The one line of a run that must fail, in little memory."""
    done = subprocess.run(braid.command(*args), input=stdin.encode(), capture_output=True, timeout=timeout, cwd=ROOT,
                          env={**os.environ, "HF_HUB_OFFLINE": "1"}, preexec_fn=limited)
    text = done.stderr.decode("utf-8", "replace")
    assert 0 < done.returncode < 126, f"exit {done.returncode}\n{text[-2000:]}"
    assert text.startswith("error: ") and len(text.splitlines()) == 1 and len(text) < 4000, text[-2000:]
    return text.removeprefix("error: ").strip()


def command_for(name):
    return ("tokenize",) if name.startswith("tokenizer") else GENERATE


@pytest.mark.parametrize("name", (*JSON_FILES, "model.safetensors", "chat_template.jinja"))
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_garbage_is_named(braid, folder, name, kind):
    make_no_file(folder / name, kind)
    command = ("render",) if name == "chat_template.jinja" else command_for(name)
    message = error_of(braid, *command, "--model-path", folder)
    assert name in message and KINDS[kind] in message


@pytest.mark.parametrize("kind", KINDS)
def test_a_gguf_file_of_garbage_is_named(braid, tiny_model, tmp_path, kind):
    paths = split(tiny_model, tmp_path, 2)
    make_no_file(paths[1], kind)
    message = error_of(braid, *GENERATE, "--model-path", paths[0])
    assert f"{paths[0].name}: part 2 of 2: " in message and KINDS[kind] in message
    make_no_file(paths[0], kind)
    for command in (GENERATE, ("tokenize",)):
        message = error_of(braid, *command, "--model-path", paths[0])
        expected = {"directory": " no ", "device": "regular file", "pipe": "regular file"}.get(kind, KINDS[kind])
        assert str(paths[0]) in message and expected in message


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize("text, part", [
    ("", ""), ("[]", "object"), ("null", "object"), ("{", ""), ('{"a": 1, "a": 2}', '"a" occurs twice'),
    ("[" * 10**6, "nested"), ('{"a":' * 10**6, "nested"), ('{"a": ' + "9" * 10**6 + "}", ""),
    ('{"a": "' + "\\ud800" + '"}', ""), ("\xff{}", ""), ('{"a": NaN}', ""), ("\0" * 1000, "")])
def test_json_that_is_wrong_is_named(braid, folder, name, text, part):
    (folder / name).write_bytes(text.encode("latin-1"))
    message = error_of(braid, *command_for(name), "--model-path", folder)
    assert name in message and part in message


@pytest.mark.parametrize("file, part", [
    ("absent.safetensors", "absent.safetensors"), ("../x", "plain file name"), ("/etc/passwd", "plain file name"),
    ("..", "plain file name"), ("", "plain file name"), ("a\0b", "plain file name"), (7, "a file name"),
    ("config.json", "config.json")])
def test_an_indexs_wrong_names_are_named(braid, folder, file, part):
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    index["weight_map"][next(iter(index["weight_map"]))] = file
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert part in error_of(braid, *GENERATE, "--model-path", folder)


def test_shards_that_overlap_and_tensors_elsewhere_are_named(braid, folder):
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensor = next(iter(index["weight_map"]))
    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    index["weight_map"][tensor] = "other.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "is in model.safetensors and in other.safetensors" in error_of(braid, *GENERATE, "--model-path", folder)
    index["weight_map"] = dict.fromkeys(index["weight_map"], "model.safetensors") | {"extra.weight": "model.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert '"extra.weight" is not in model.safetensors' in error_of(braid, *GENERATE, "--model-path", folder)


def test_tensors_of_ten_gigabytes_in_a_kilobyte_are_refused(braid, folder, tiny_model, tmp_path):
    header = {f"t{i}": {"dtype": "F32", "shape": [10**9], "data_offsets": [i * 4 * 10**9, (i + 1) * 4 * 10**9]}
              for i in range(3)}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    assert "model.safetensors" in error_of(braid, *GENERATE, "--model-path", folder)
    gguf = tmp_path / "claims.gguf"
    tensor = struct.pack("<Q", 1) + b"a" + struct.pack("<IQQIQ", 2, 10**5, 10**5, 0, 0)
    gguf.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + tensor + b"\0" * 500)
    assert "claims.gguf" in error_of(braid, *GENERATE, "--model-path", gguf)
    gguf.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 2**60, 2**60))
    assert "claims.gguf" in error_of(braid, *GENERATE, "--model-path", gguf)


def test_a_header_as_long_as_the_file_claims_takes_no_memory_for_it(braid, folder, tmp_path):
    for path, head in ((folder / "model.safetensors", struct.pack("<Q", 10**10)),
                       (tmp_path / "long.gguf", struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 1) + b"k"
                        + struct.pack("<IQ", 8, 10**10 - 100))):
        with open(path, "wb") as file:
            file.write(head)
            file.truncate(10**10)  # a hole: takes nothing on the disk
        model = path if path.suffix == ".gguf" else folder
        assert path.name in error_of(braid, *GENERATE, "--model-path", model)
        path.unlink()


@pytest.mark.parametrize("key, value", [
    ("num_hidden_layers", 10**9), ("num_hidden_layers", -1), ("vocab_size", 2**62), ("hidden_size", 2**31),
    ("num_attention_heads", 0), ("max_position_embeddings", 2**70), ("rope_theta", "1e9999"), ("head_dim", 1e300),
    ("num_experts", 10**9), ("layer_types", ["x"] * 10**5), ("architectures", ["../x" * 1000]), ("eos_token_id", 10**30)])
def test_absurd_configurations_are_named(braid, folder, key, value):
    config = json.loads((folder / "config.json").read_text())
    config[key] = value
    (folder / "config.json").write_text(json.dumps(config))
    message = error_of(braid, *GENERATE, "--model-path", folder)
    assert "config.json" in message or key in message


@pytest.mark.parametrize("name, key, value", [
    ("generation_config.json", "eos_token_id", "x"), ("generation_config.json", "eos_token_id", 10**9),
    ("generation_config.json", "eos_token_id", [-1]), ("generation_config.json", "eos_token_id", {}),
    ("generation_config.json", "temperature", -1), ("generation_config.json", "temperature", 10**400),
    ("generation_config.json", "top_p", "much"), ("generation_config.json", "top_k", 2**63),
    ("generation_config.json", "do_sample", 1), ("generation_config.json", "repetition_penalty", 0),
    ("tokenizer_config.json", "chat_template", 7), ("tokenizer_config.json", "chat_template", [7]),
    ("tokenizer_config.json", "chat_template", [{"name": "default"}]),
    ("tokenizer_config.json", "chat_template", [{"name": 1, "template": "x"}]),
    ("tokenizer_config.json", "chat_template", "{% if %}")])
def test_absurd_values_beside_the_configuration_are_named(braid, folder, name, key, value):
    path = folder / name
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | {key: value}))
    command = ("render",) if key == "chat_template" else GENERATE
    message = error_of(braid, *command, "--model-path", folder)
    assert name in message or value == "{% if %}"
    assert key in message or value in ("{% if %}", 10**400), message


def tokenizer_with(folder, change):
    content = json.loads((folder / "tokenizer.json").read_text())
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content))


def replace_pre_tokenizer(pattern):
    def change(content):
        content["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                                    "invert": False}
    return change


@pytest.mark.parametrize("change, part", [
    (lambda c: c["model"]["merges"].append("q zzz"), '"zzz", which is not in the vocabulary'),
    (lambda c: c["model"]["merges"].append(["q"]), "not 2"),
    (lambda c: c["model"]["vocab"].update({"twice": 5}), "5"),
    (lambda c: c["model"]["vocab"].update({"far": 2**40}), '"far"'),
    (lambda c: c["model"]["vocab"].update({"far": -1}), '"far"'),
    (lambda c: c["added_tokens"].append({"id": 5, "content": "again"}), "again"),
    (lambda c: c["added_tokens"].append(dict(c["added_tokens"][0])), "two added tokens have the id"),
    (lambda c: c["added_tokens"].append({"id": 9999, "content": "x" * 10**6}), "at most"),
    (lambda c: c["model"].update({"type": "Unigram"}), '"Unigram"'),
    (lambda c: c["model"].update({"type": "WordPiece"}), '"WordPiece"'),
    (lambda c: c["model"].update({"dropout": 0.5}), "dropout"),
    (replace_pre_tokenizer("("), "("), (replace_pre_tokenizer("a{1,99999}"), "a{1,99999}"),
    (replace_pre_tokenizer("(" * 10**5), "pattern"), (replace_pre_tokenizer(r"(a)\1"), "pre_tokenizer"),
    (replace_pre_tokenizer("(?R)"), "pre_tokenizer"), (replace_pre_tokenizer("((((a{1,1000}){1,1000}){1,1000}))"), "")])
def test_an_invalid_tokenizer_is_named(braid, folder, change, part):
    tokenizer_with(folder, change)
    message = error_of(braid, "tokenize", "--model-path", folder)
    assert "tokenizer.json" in message and part in message


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(a|a)*b", r"(.*)*x", r"(?=(a+))a*b", r"(a*)*b"])
def test_a_regex_that_blows_up_ends_soon(braid, folder, pattern):
    tokenizer_with(folder, replace_pre_tokenizer(pattern))
    (ids,) = braid.lines("tokenize", "--model-path", folder, inputs=["a" * 5000 + "!"], timeout=20)
    assert isinstance(ids, list)


def test_ids_with_gaps_do_no_harm(braid, folder):
    tokenizer_with(folder, lambda c: c["added_tokens"].append({"id": 100_000, "content": "<far>"}))
    (ids,) = braid.lines("tokenize", "--model-path", folder, inputs=["a<far>b"])
    assert 100_000 in ids
    assert braid.lines("detokenize", "--model-path", folder, inputs=[ids, [50_000]]) == ["a<far>b", ""]


@pytest.mark.parametrize("template, part", [
    ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recurses deeper than"),
    ("{% for i in range(10**9) %}{{ i }}{% endfor %}", ""), ("{{ 'x' * 10**10 }}", ""), ("{{ [0] * 10**10 }}", ""),
    ("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}", ""),
    ("{{ " + "(" * 10**5 + "1" + ")" * 10**5 + " }}", ""), ("{% if %}", ""), ("{{ x", ""), ("{% for %}", ""),
    ("{% include '/etc/passwd' %}", "include"), ("{{ messages.__class__.__mro__ }}", "")])
def test_templates_that_never_end_are_refused(braid, folder, template, part):
    (folder / "chat_template.jinja").write_text(template)
    done = braid.run("render", "--model-path", folder, stdin='{"messages": []}\n', timeout=20)
    if done.returncode == 0:  # an error of this line alone, or none
        answer = json.loads(done.stdout)
        assert answer == "" if isinstance(answer, str) else part in answer["error"]
    else:
        assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1 and part in done.stderr


def cut_while_it_is_loaded(braid, model):
    """Stops a run as soon as it has the file open, cuts the file in half, and lets the run go on."""
    process = subprocess.Popen(braid.command(*GENERATE, "--model-path", model), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    has_it_open = False
    while process.poll() is None and not has_it_open:
        with contextlib.suppress(OSError):  # files come and go
            links = os.scandir(f"/proc/{process.pid}/fd")
            has_it_open = any(os.readlink(link.path) == str(model) for link in links)
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        os.truncate(model, model.stat().st_size // 2)
        process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_a_file_that_shrinks_while_it_is_loaded_is_named(braid, default_model, tmp_path):
    model = tmp_path.resolve() / "model.gguf"
    for _ in range(10):  # until a run was stopped before it had read everything
        shutil.copy(default_model, model)
        code, errors = cut_while_it_is_loaded(braid, model)
        if code != 0:
            break
    assert code == 1 and errors.startswith("error: ") and "model.gguf: " in errors and len(errors.splitlines()) == 1, errors
    assert "cut short" in errors or "beyond the file" in errors


def test_a_file_that_shrinks_after_it_was_loaded_does_no_harm(braid, folder):
    from server import Server
    with Server(braid, folder) as running:
        for name in ("model.safetensors", "tokenizer.json", "config.json"):
            os.truncate(folder / name, 10)
        answer = running.post("/v1/completions", {"model": "model", "prompt": [1, 2, 3], "max_tokens": 4})
        assert answer.status == 200, answer.body
