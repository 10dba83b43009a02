"""From a name to a running model: files that are not in Hugging Face's cache are downloaded into it."""

import json
import os
import pty
import resource
import signal
import socket
import subprocess
import time

import pytest
from conftest import MODELS
from hub import COMMIT, Hub, git_hash, sha256
from seeded_checkpoint import write_checkpoint

GENERATE = ("--input-ids", "1,2,3", "--temperature", 0, "--max-new-tokens", 4, "--ignore-eos", "--json")
NOT_NEEDED = {"README.md": b"# A model\n", "pytorch_model.bin": b"p" * 9000, "onnx/model.onnx": b"o" * 9000}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(MODELS / "qwen3_moe_normalized", folder)
    return folder


@pytest.fixture(scope="module")
def model(directory):
    """A repository: a directory's files, with the weights in two shards, and files that braid does not need."""
    from safetensors_writer import write_safetensors
    data = (directory / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    names = sorted(header)
    files = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "model.safetensors"}
    weight_map = {}
    for number, own in enumerate((names[::2], names[1::2]), 1):
        shard = f"model-{number:05}-of-00002.safetensors"
        write_safetensors(directory / shard, [(n, header[n]["dtype"], header[n]["shape"]) for n in own],
                          lambda name: body[slice(*header[name]["data_offsets"])])
        files[shard] = (directory / shard).read_bytes()
        (directory / shard).unlink()
        weight_map |= {name: shard for name in own}
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    return files | NOT_NEEDED


@pytest.fixture
def hub(model, tiny_model):
    gguf = tiny_model.read_bytes()
    with Hub({"org/name": model, "org/gguf": {"x-Q8_0.gguf": gguf, "sub dir/x-F16.gguf": gguf[:-32],
                                              "README.md": b"hello"}}) as running:
        yield running


@pytest.fixture
def online(hub, tmp_path):
    """The environment of a program that may use the hub, with an empty cache."""
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "http_proxy",
             "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return dict.fromkeys(names, "") | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}


@pytest.fixture
def repository(tmp_path):
    return tmp_path / "hf" / "hub" / "models--org--name"


def incomplete(repository):
    return list((repository / "blobs").glob("*.incomplete"))


def test_a_model_is_downloaded_once_and_runs_as_the_directory_does(braid, hub, online, directory, repository, model):
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected
    needed = set(model) - set(NOT_NEEDED)
    asked = {request[2].rsplit("/", 1)[1] for request in hub.of("hub") if "/resolve/" in request[2]}
    assert asked == needed
    num_requests = len(hub.requests)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected
    assert braid.json("generate", "--model-path", "org/name", *GENERATE,
                      env=online | {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:1"}) == expected
    assert len(hub.requests) == num_requests


def test_the_cache_has_hugging_faces_layout(braid, hub, online, repository, model):
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)
    assert (repository / "refs" / "main").read_text() == COMMIT
    snapshot = repository / "snapshots" / COMMIT
    assert {path.name for path in snapshot.iterdir()} == set(model) - set(NOT_NEEDED)
    for link in snapshot.iterdir():
        name = sha256(model[link.name]) if hub.is_large(model[link.name]) else git_hash(model[link.name])
        assert os.readlink(link) == f"../../blobs/{name}"
        assert link.read_bytes() == model[link.name]
    assert incomplete(repository) == []


@pytest.mark.parametrize("flag, variant", [("x-Q8_0.gguf", "Q8_0"), ("q8_0", "q8_0")])
def test_a_variant_is_one_gguf_file(braid, hub, online, tiny_model, flag, variant):
    flags = ("--prompt", "self", "--temperature", 0, "--max-new-tokens", 4, "--json")
    expected = braid.json("generate", "--model-path", tiny_model, *flags)
    assert braid.json("generate", "--model-path", f"org/gguf:{variant}", *flags, env=online) == expected
    assert [request[2] for request in hub.of("storage")] == [f"/org/gguf/resolve/{COMMIT}/x-Q8_0.gguf"]
    message = braid.error("generate", "--model-path", "org/gguf:Q2_K", "--prompt", "a", env=online)
    assert 'no GGUF file for "Q2_K", only for F16, Q8_0' in message
    message = braid.error("generate", "--model-path", "org/gguf", "--prompt", "a", env=online)
    assert "org/gguf:F16, org/gguf:Q8_0" in message


def test_a_file_in_a_folder_is_a_link_from_there(braid, online, tmp_path):
    message = braid.error("generate", "--model-path", "org/gguf:F16", "--prompt", "a", env=online)
    assert "x-F16.gguf" in message and "beyond the file" in message  # the file is cut short
    link = tmp_path / "hf" / "hub" / "models--org--gguf" / "snapshots" / COMMIT / "sub dir" / "x-F16.gguf"
    assert os.readlink(link).startswith("../../../blobs/") and link.exists()


def test_a_revision_and_a_folder_may_be_named(braid, hub, online, tmp_path, directory):
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    for revision in ("refs/pr/1", COMMIT):
        folder = tmp_path / revision.replace("/", "-")
        assert braid.json("generate", "--model-path", f"org/name@{revision}", "--download-dir", folder, *GENERATE,
                          env=online) == expected
        assert (folder / "models--org--name" / "snapshots" / COMMIT / "config.json").exists()
    assert (tmp_path / "refs-pr-1" / "models--org--name" / "refs" / "refs" / "pr" / "1").read_text() == COMMIT
    assert not (tmp_path / "hf").exists()


def test_a_tokenizer_needs_no_weights(braid, hub, online, directory, repository):
    lines = braid.lines("tokenize", "--model-path", "org/name", inputs=["self"], env=online)
    assert lines == braid.lines("tokenize", "--model-path", directory, inputs=["self"])
    assert not list((repository / "snapshots" / COMMIT).glob("model-*"))
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)  # downloads the rest


def test_a_broken_connection_is_resumed_where_it_broke(braid, hub, online, directory, model):
    hub.cut_after = [1000, 3000]
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected
    assert [request[3] for request in hub.of("storage") if request[3]] == ["bytes=1000-", "bytes=4000-"]


def test_an_interrupted_download_is_resumed(braid, hub, online, repository, directory):
    hub.cut_after = [1000] + [0] * 3
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online)
    assert "org/name " in message and "the same command goes on there" in message
    (rest,) = incomplete(repository)
    assert rest.stat().st_size == 1000
    assert not (repository / "refs").exists()
    hub.requests.clear()
    hub.cut_after = None
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected
    assert hub.of("storage")[0][3] == "bytes=1000-"
    assert incomplete(repository) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_process_leaves_the_bytes_it_got(braid, hub, online, repository, directory, how):
    hub.stall_after = 1000
    # A shell starts background jobs with SIGINT ignored, and these tests' programs would inherit that.
    process = subprocess.Popen(braid.command("generate", "--model-path", "org/name", *GENERATE), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, **online},
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert hub.has_stalled.wait(60)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum(path.stat().st_size for path in incomplete(repository)) < 1000:
        time.sleep(0.01)
    process.send_signal(how)
    process.communicate(timeout=20)
    assert process.returncode == -how
    hub.stall_after = None
    hub.goes_on.set()
    hub.requests.clear()
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected
    assert hub.of("storage")[0][3] == "bytes=1000-"


def test_a_download_shows_its_progress(braid, hub, online):
    hub.pause_s = 0.15  # two shards of ten pieces
    command = braid.command("tokenize", "--model-path", "org/gguf:Q8_0")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
                               env={**os.environ, **online})
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the other side has closed it
        pass
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0, shown
    states = [line for line in shown.decode().split("\r") if line.startswith("downloading org/gguf:Q8_0 [")]
    assert len(states) >= 2 and states[-1].rstrip().endswith("100 %") and "[####" in states[-1], shown
    assert shown.endswith(b"\r\x1b[K")


def test_a_log_has_a_line_for_some_tenths(braid, hub, online, tmp_path):
    hub.pause_s = 0.15
    done = braid.run("tokenize", "--model-path", "org/gguf:Q8_0", env=online)
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and 1 <= len(lines) <= 11
    assert all(line.startswith("downloading org/gguf:Q8_0: ") for line in lines) and lines[-1].endswith(": 100 %")


def test_a_server_has_the_models_name(braid, hub, online, monkeypatch):
    from server import Server
    for name, value in online.items():
        monkeypatch.setenv(name, value)
    for path, expected in (("org/name@refs/pr/1", "name"), ("org/gguf:Q8_0", "gguf:Q8_0")):
        with Server(braid, path, "--kv-cache-memory-bytes", "10MB") as running:
            (model,) = running.get("/v1/models").json()["data"]
            assert model["id"] == expected


def test_a_server_without_ranges_sends_the_whole_file(braid, hub, online, directory):
    hub.cut_after, hub.ignores_ranges = [1000], True
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    assert braid.json("generate", "--model-path", "org/name", *GENERATE, env=online) == expected


def test_contents_with_another_hash_are_thrown_away(braid, hub, online, repository):
    hub.damages = True
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online)
    assert "SHA-256 is" in message and "thrown away" in message
    assert incomplete(repository) == []
    hub.damages = False
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)


def test_hashes_missing_from_the_list_come_from_headers(braid, hub, online, repository, model):
    hub.lists_hashes = False
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)
    shard = "model-00001-of-00002.safetensors"
    assert os.readlink(repository / "snapshots" / COMMIT / shard) == f"../../blobs/{sha256(model[shard])}"
    assert len(hub.of("hub", "HEAD")) == len(set(model) - set(NOT_NEEDED))


def test_the_token_goes_to_the_hub_alone(braid, hub, online, tmp_path):
    hub.token = "hf_secret"
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online)
    assert "(401)" in message and "set HF_TOKEN" in message
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online | {"HF_TOKEN": "wrong"})
    assert "HF_TOKEN may not read it" in message and "wrong" not in message
    assert "HF_TOKEN" in braid.error("generate", "--model-path", "org/name", *GENERATE,
                                     env=online | {"HF_TOKEN": "a\r\nX-Other: b"})
    hub.requests.clear()
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online | {"HF_TOKEN": "hf_secret"})
    assert {request[4] for request in hub.of("hub")} == {"Bearer hf_secret"}
    assert {request[4] for request in hub.of("storage")} == {None}
    login = tmp_path / "hf" / "token"  # as `hf auth login` leaves it
    login.write_text("hf_secret\n")
    braid.ok("generate", "--model-path", "org/name@refs/pr/1", *GENERATE, env=online)


@pytest.mark.parametrize("status, part", [
    ((404, "RepoNotFound"), "neither a file here nor a model of"), ((403, "GatedRepo"), "accepted its conditions"),
    ((403, "x"), "does not allow it (403)"), ((400, "x"), "answers 400 (\"as told\")")])
def test_a_refusal_is_one_clear_line(braid, hub, online, status, part):
    hub.status = status
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online)
    assert message.startswith("org/name: ") and part in message


def test_an_unknown_name_is_named(braid, online):
    assert "org/none: neither a file here nor a model" in braid.error("generate", "--model-path", "org/none", *GENERATE,
                                                                      env=online)
    assert 'has no revision "v9"' in braid.error("generate", "--model-path", "org/name@v9", *GENERATE, env=online)


def test_without_a_network_one_line_says_so_and_cached_files_are_used(braid, hub, online, repository):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    unreachable = online | {"HF_ENDPOINT": f"http://127.0.0.1:{port}"}
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=unreachable)
    assert message.startswith(f"org/name: cannot reach http://127.0.0.1:{port} (")
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)
    (repository / "snapshots" / COMMIT / "tokenizer.json").unlink()  # so that braid asks the hub which other files it has
    done = braid.run("generate", "--model-path", "org/name", *GENERATE, "--log-level", "info", env=unreachable)
    assert "cannot reach" in done.stderr and "what is in the cache is used" in done.stderr
    message = braid.error("generate", "--model-path", "org/gguf:Q8_0", *GENERATE, env=online | {"HF_ENDPOINT": "ftp://x"})
    assert 'HF_ENDPOINT is "ftp://x", must begin with https:// or http://' in message


def test_offline_says_what_is_missing(braid, online, hub):
    message = braid.error("generate", "--model-path", "org/name", *GENERATE, env=online | {"HF_HUB_OFFLINE": "1"})
    assert "org/name" in message and "HF_HUB_OFFLINE" in message
    assert hub.requests == []


def test_a_full_disk_leaves_the_bytes_that_came(braid, hub, online, repository, model):
    def limit():  # a limit on the size of files: like a full disk, but on any machine
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    largest = max(len(data) for name, data in model.items() if name.startswith("model-"))
    assert largest > 50_000
    done = subprocess.run(braid.command("generate", "--model-path", "org/name", *GENERATE), capture_output=True,
                          text=True, timeout=60, env={**os.environ, **online}, preexec_fn=limit)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 1, done.stderr
    assert "cannot write" in lines[0] and "the same command goes on there" in lines[0]
    (rest,) = incomplete(repository)
    assert rest.stat().st_size == 50_000
    braid.ok("generate", "--model-path", "org/name", *GENERATE, env=online)


def test_a_cache_that_cannot_be_written_is_named(braid, online, tmp_path):
    (tmp_path / "file").write_text("")
    message = braid.error("generate", "--model-path", "org/name", "--download-dir", tmp_path / "file", *GENERATE,
                          env=online)
    assert f"cannot make the folder {tmp_path / 'file'}" in message


def test_two_at_once_download_each_file_once(braid, hub, online, directory, model):
    command = braid.command("generate", "--model-path", "org/name", *GENERATE)
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, **online}) for _ in range(2)]
    expected = braid.json("generate", "--model-path", directory, *GENERATE)
    for process in running:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert json.loads(out) == expected
    shards = [request[2] for request in hub.of("storage") if "model-" in request[2]]
    assert sorted(shards) == sorted(set(shards))
