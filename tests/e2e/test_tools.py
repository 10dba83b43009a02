"""The tools that ./serve and the demos run: they fetch the default model and turn it into a mixture of experts."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import MODELS, ROOT


def fetch(cache, **env):
    return subprocess.run([ROOT / "tools" / "fetch_default_model.sh"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "XDG_CACHE_HOME": str(cache), **env})


def upcycle(source, target):
    return subprocess.run([sys.executable, ROOT / "tools" / "upcycle_moe.py", source, target], capture_output=True,
                          text=True, timeout=60)


def test_a_mixture_of_copies_generates_what_the_dense_model_does(braid, tmp_path):
    folder = MODELS / "gguf_llama_llama3_rope"
    moe = tmp_path / "moe.gguf"
    assert upcycle(folder / "model.gguf", moe).returncode == 0
    assert braid.json("inspect", moe, "--json")["architecture"] == "MixtralForCausalLM"
    for prompt in json.loads((folder / "fixture.json").read_text())["prompts"]:
        got = braid.json("generate", "--model-path", moe, "--dtype", "float32", "--temperature", "0", "--input-ids",
                         ",".join(map(str, prompt["ids"])), "--max-new-tokens", len(prompt["greedy"]), "--ignore-eos",
                         "--json")
        assert got["output_ids"] == prompt["greedy"]


def test_what_cannot_be_up_cycled_is_refused_and_leaves_nothing(tmp_path):
    for name in ("gguf_mixtral", "gguf_qwen3"):
        done = upcycle(MODELS / name / "model.gguf", tmp_path / "moe.gguf")
        assert done.returncode != 0 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "half.gguf").write_bytes((MODELS / "gguf_llama_llama3_rope" / "model.gguf").read_bytes()[:3000])
    assert "ends early" in upcycle(broken / "half.gguf", tmp_path / "moe.gguf").stderr
    assert list(tmp_path.iterdir()) == [broken]


def test_fetching_again_finds_what_is_there(default_model):
    done = fetch(default_model.parent.parent, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 0 and done.stdout.strip() == str(default_model) and done.stderr == ""


def test_offline_says_so_and_leaves_nothing(tmp_path):
    done = fetch(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0", PIP_EXTRA_INDEX_URL="")
    assert done.returncode == 1 and done.stdout == ""
    assert "offline" in done.stderr and "--model-path" in done.stderr
    assert list((tmp_path / "braid").iterdir()) == []


def test_counting_prints_a_failed_tests_message(tmp_path):
    long = "\n".join(f"line {i}" for i in range(40))
    (tmp_path / "tests.xml").write_text(f"""<testsuite>
      <testcase name="A.Ok" classname="A.Ok" time="0" status="run"><system-out>fine</system-out></testcase>
      <testcase name="A.Bad" classname="A.Bad" time="2.04" status="fail"><failure message=""/><system-out>[ RUN      ] A.Bad
a_test.cc:4: Failure
{long}
[  FAILED  ] A.Bad (0 ms)</system-out></testcase>
      <testcase name="A.Skips" classname="A.Skips" time="0" status="notrun">
        <skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>
      <testcase name="A.Missing" classname="A.Missing" time="0" status="notrun"><skipped message="Unable to find executable"/>
        <system-out>Unable to find executable: a_test</system-out></testcase>
      <testcase name="test_b" classname="test_a" time="0"><failure message="assert 1 == 2">source
test_a.py:3: AssertionError</failure></testcase></testsuite>""")
    done = subprocess.run([sys.executable, ROOT / "tools" / "count_tests.py", tmp_path / "tests.xml"],
                          capture_output=True, text=True)
    assert done.stdout == "1 3\n"
    assert done.stderr.splitlines() == [
        "FAILED: A.Bad (2.0 s)", "    a_test.cc:4: Failure", *[f"    line {i}" for i in range(14)], "not run: A.Skips",
        "FAILED: A.Missing (0.0 s)", "    Unable to find executable: a_test",
        "FAILED: test_a test_b (0.0 s)", "    assert 1 == 2", "    test_a.py:3: AssertionError"]


@pytest.fixture
def serve(tmp_path):
    """./serve with stand-ins for what it installs, builds and fetches. The program prints its arguments."""
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    shutil.copy(ROOT / "serve", tmp_path / "serve")
    write("tools/install_packages.sh", "#!/bin/sh\n")
    write("tools/fetch_default_model.sh", "#!/bin/sh\necho \"$PWD/small.gguf\"\n")
    write("tools/upcycle_moe.py", "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n")
    write("small.gguf", "weights")
    write("bin/ninja", "#!/bin/sh\necho 'ninja: no work to do.'\n")
    write("build/release/build.ninja", "")
    write("build/release/braid", "#!/bin/sh\necho \"$@\"\n")

    def run(*args):
        env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run([tmp_path / "serve", *args], capture_output=True, text=True, env=env, check=True)
        return done.stdout.strip().replace(f"{tmp_path}/", "")
    return run


MEMORY = "--kv-cache-memory-bytes 2GB"
GROUPS = "--tp-size 2 --dp-size 2 --enable-dp-attention"
SAMPLING = '--override-generation-config {"temperature": 0.2, "top_p": 0.9}'
LIKELIEST = '--override-generation-config {"temperature": 0}'


def test_serve_runs_the_default_model_on_two_groups_unless_flags_say_otherwise(serve):
    model = f"{SAMPLING} --model-path small.gguf"
    assert serve() == f"serve {MEMORY} {GROUPS} {model}"
    assert serve("What is", "a mutex?") == (
        f"chat {MEMORY} {GROUPS} {LIKELIEST} --model-path small.gguf --prompt What is a mutex?")
    assert serve("--tp-size", "1", "--port=1") == f"serve {MEMORY} {model} --tp-size 1 --port=1"
    assert serve("--enable-dp-attention", "--dp-size=3", "--tp-size=3") == (
        f"serve {MEMORY} {model} --enable-dp-attention --dp-size=3 --tp-size=3")
    assert serve("--model-path", "other") == f"serve {MEMORY} --model-path other"


def test_serve_samples_the_default_model_as_its_card_says_unless_flags_say_otherwise(serve):
    model = "--model-path small.gguf"
    assert serve("--generation-config", "none") == f"serve {MEMORY} {GROUPS} {model} --generation-config none"
    assert serve("--override-generation-config={}", "hi") == (
        f"chat {MEMORY} {GROUPS} {model} --override-generation-config={{}} --prompt hi")
    assert SAMPLING in serve("--moe") and LIKELIEST in serve("--moe", "hi") and LIKELIEST in serve("chat", "hi")
    assert SAMPLING not in serve("--model=other")


def test_serve_leaves_alone_what_a_config_file_says(serve, tmp_path):
    def with_file(text, *flags):
        (tmp_path / "flags.conf").write_text(text)
        return serve("--config", "flags.conf", *flags)
    end = "--config flags.conf"
    assert with_file("port = 1\n# tp_size = 4") == f"serve {MEMORY} {GROUPS} {SAMPLING} --model-path small.gguf {end}"
    assert with_file("override_generation_config: {}") == f"serve {MEMORY} {GROUPS} --model-path small.gguf {end}"
    assert with_file("  --tp-size=4\nkv-cache-memory-bytes = 1GB") == f"serve {SAMPLING} --model-path small.gguf {end}"
    assert with_file("model = other", "hi") == f"chat {MEMORY} {end} --prompt hi"
    assert serve("--config=no.conf") == f"serve {MEMORY} {GROUPS} {SAMPLING} --model-path small.gguf --config=no.conf"


def test_serve_makes_a_mixture_once(serve, tmp_path):
    for _ in range(2):
        assert serve("--moe").endswith(f"{GROUPS} {SAMPLING} --model-path small.moe.gguf")
    assert (tmp_path / "small.moe.gguf").read_text() == "weights"
    (tmp_path / "small.moe.gguf").write_text("kept")
    assert serve("--moe", "Hello").endswith("--model-path small.moe.gguf --prompt Hello")
    assert (tmp_path / "small.moe.gguf").read_text() == "kept"
