"""braid generate, on a tiny model whose logits are known, and on the default model, compared with transformers."""

import json

import pytest
from conftest import MODELS

GREEDY = ("--temperature", "0", "--dtype", "float32")


def fixture_of(model):
    return json.loads((model.parent / "fixture.json").read_text())


def ids_flag(ids):
    return ",".join(map(str, ids))


@pytest.mark.parametrize("name", sorted(p.parent.name for p in MODELS.glob("*/model.gguf")))
def test_greedy_ids_are_those_of_transformers(braid, name):
    model = MODELS / name / "model.gguf"
    for prompt in fixture_of(model)["prompts"]:
        got = braid.json("generate", "--model-path", model, *GREEDY, "--input-ids", ids_flag(prompt["ids"]),
                         "--max-new-tokens", len(prompt["greedy"]), "--ignore-eos", "--json")
        assert got["output_ids"] == prompt["greedy"]
        assert got["finish_reason"] == "length"
        assert got["prompt_tokens"] == len(prompt["ids"])


@pytest.mark.parametrize("index", range(6))
def test_default_model_says_what_transformers_says(braid, default_model, expected, index):
    case = expected["cases"][index]
    got = braid.json("generate", "--model-path", default_model, *GREEDY, "--prompt", case["prompt"],
                     *(["--chat"] if case["chat"] else []), "--max-new-tokens", expected["max_new_tokens"], "--json")
    assert got["output_ids"] == case["output_ids"]
    assert got["text"] == case["text"]
    assert got["prompt_tokens"] == len(case["prompt_ids"])
    assert got["finish_reason"] == ("stop" if case["ends"] else "length")


def test_default_model_as_a_mixture_of_experts_says_the_same(braid, moe_model, expected):
    for case in expected["cases"][:4]:
        got = braid.json("generate", "--model-path", moe_model, *GREEDY, "--prompt", case["prompt"],
                         *(["--chat"] if case["chat"] else []), "--max-new-tokens", expected["max_new_tokens"],
                         "--json")
        assert got["text"] == case["text"]


def test_streamed_text_is_the_whole_text(braid, default_model, expected):
    case = expected["cases"][0]
    flags = ("generate", "--model-path", default_model, *GREEDY, "--max-new-tokens", expected["max_new_tokens"])
    assert braid.ok(*flags, "--prompt", case["prompt"]).strip() == case["text"].strip()


def test_prompt_comes_from_a_file_too(braid, tiny_model, tmp_path):
    text = "def f(x):\n    return 'é' 🙂\n"
    file = tmp_path / "prompt.txt"
    file.write_text(text, encoding="utf-8")
    flags = ("generate", "--model-path", tiny_model, *GREEDY, "--max-new-tokens", 8, "--ignore-eos", "--json")
    assert braid.json(*flags, "--prompt-file", file) == braid.json(*flags, "--prompt", text)


def test_same_seed_same_tokens_and_another_seed_others(braid, tiny_model):
    def ids(seed):
        return braid.json("generate", "--model-path", tiny_model, "--prompt", "self", "--temperature", "1.5", "--seed",
                          seed, "--max-new-tokens", 32, "--ignore-eos", "--json")["output_ids"]
    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


def test_output_is_128_tokens_by_default(braid, tiny_model):
    got = braid.json("generate", "--model-path", tiny_model, *GREEDY, "--prompt", "self", "--ignore-eos", "--json")
    assert len(got["output_ids"]) == 128
    assert got["finish_reason"] == "length"


def test_a_chat_prompt_is_the_template_alone(braid, tiny_model):
    rendered = braid.lines("render", "--model-path", tiny_model, inputs=[
        {"messages": [{"role": "user", "content": "self"}], "add_generation_prompt": True}])[0]
    flags = ("generate", "--model-path", tiny_model, *GREEDY, "--max-new-tokens", 4, "--ignore-eos", "--json")
    chat = braid.json(*flags, "--prompt", "self", "--chat")
    assert chat == braid.json(*flags, "--prompt", rendered)
    assert chat["prompt_tokens"] > braid.json(*flags, "--prompt", "self")["prompt_tokens"]


def test_flags_come_from_a_file_and_the_command_line_wins(braid, tiny_model, tmp_path):
    config = tmp_path / "flags.toml"
    config.write_text(f'model-path = "{tiny_model}"\ntemperature = 0\nmax-new-tokens = 5\n')
    flags = ("generate", "--config", config, "--prompt", "self", "--ignore-eos", "--json")
    assert len(braid.json(*flags)["output_ids"]) == 5
    assert len(braid.json(*flags, "--max-new-tokens", 3)["output_ids"]) == 3


def test_sampling_defaults_come_from_flags_and_a_parameter_of_its_own_wins(braid, tiny_model, tmp_path):
    def ids(*flags):
        return braid.json("generate", "--model-path", tiny_model, "--dtype", "float32", "--prompt", "self", "--seed", 3, "--ignore-eos",
                          "--max-new-tokens", 24, "--json", *flags)["output_ids"]
    drawn, greedy = ids(), ids("--temperature", 0)
    assert drawn != greedy
    override = ("--override-generation-config", '{"temperature": 0}')
    assert ids(*override) == greedy
    assert ids(*override, "--temperature", 1) == drawn
    (tmp_path / "generation_config.json").write_text('{"top_k": 1, "eos_token_id": 3}')
    assert ids("--generation-config", tmp_path) == greedy
    assert ids("--generation-config", tmp_path, "--override-generation-config", '{"top_k": null}') == drawn
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 100000}')
    assert "eos_token_id 100000 is not below" in braid.error("generate", "--model-path", tiny_model, "--prompt", "a", "--generation-config", tmp_path)


@pytest.mark.parametrize("dtype", ("int8", "fp8_e4m3"))
def test_keys_and_values_in_8_bits_give_the_same_tokens_however_the_prompt_is_cut(braid, tiny_model, dtype):
    ids = fixture_of(tiny_model)["prompts"][2]["ids"]
    flags = ("generate", "--model-path", tiny_model, "--temperature", 0, "--input-ids", ids_flag(ids), "--max-new-tokens", 24,
             "--ignore-eos", "--json", "--kv-cache-dtype", dtype)
    whole = braid.run(*flags, "--log-level", "info")
    assert f" in {dtype}, " in whole.stderr, whole.stderr
    cut = braid.json(*flags, "--chunked-prefill-size", 5, "--page-size", 48, "--threads-per-rank", 1)
    assert cut["output_ids"] == json.loads(whole.stdout)["output_ids"]


def test_every_choice_of_kernels_runs(braid, tiny_model):
    """Tiers may differ in bits; in float32 this model's greedy ids do not differ."""
    prompt = fixture_of(tiny_model)["prompts"][2]
    for flags in (("--attention-backend", "native"), ("--attention-backend", "fa"), ("--threads-per-rank", 1),
                  ("--page-size", 32), ("--chunked-prefill-size", 16), ("--disable-radix-cache",)):
        got = braid.json("generate", "--model-path", tiny_model, *GREEDY, "--input-ids", ids_flag(prompt["ids"]),
                         "--max-new-tokens", len(prompt["greedy"]), "--ignore-eos", "--json", *flags)
        assert got["output_ids"] == prompt["greedy"], flags
    got = braid.json("generate", "--model-path", tiny_model, *GREEDY, "--input-ids", ids_flag(prompt["ids"]),
                     "--max-new-tokens", len(prompt["greedy"]), "--ignore-eos", "--json",
                     env={"BRAID_CPU_ISA": "portable"})
    assert got["output_ids"] == prompt["greedy"]
