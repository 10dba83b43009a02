"""braid inspect says what a model is, and whether it would run."""

import json
import shutil

from conftest import MODELS


def test_the_default_model(braid, default_model):
    got = braid.json("inspect", default_model, "--json")
    assert got["architecture"] == "LlamaForCausalLM"
    assert got["would_run"] and got["context"] == 8192
    assert 134e6 < got["parameters"] < 136e6 and got["active_parameters"] == got["parameters"]
    text = braid.ok("inspect", default_model)
    assert "LlamaForCausalLM" in text and "8192" in text.replace(",", "").replace(" ", "")


def test_every_gguf_fixture_would_run(braid):
    for model in sorted(MODELS.glob("*/model.gguf")):
        assert braid.json("inspect", model, "--json")["problems"] == []


def test_a_model_that_would_not_run_exits_with_1_and_says_why(braid, tmp_path):
    config = json.loads((MODELS / "qwen3_tied" / "config.json").read_text())
    config["architectures"] = ["NoSuchForCausalLM"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = braid.run("inspect", tmp_path, "--json")
    assert done.returncode == 1
    assert any("NoSuchForCausalLM" in problem for problem in json.loads(done.stdout)["problems"])


def test_a_truncated_file_is_named(braid, tiny_model, tmp_path):
    broken = tmp_path / "broken.gguf"
    shutil.copy(tiny_model, broken)
    with open(broken, "r+b") as file:
        file.truncate(100_000)
    done = braid.run("inspect", broken)
    assert done.returncode == 1
    assert "broken.gguf" in done.stdout + done.stderr
