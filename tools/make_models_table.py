#!/usr/bin/env python3
"""Writes the table of docs/models.md from the results of the unit tests:

    tools/make_models_table.py build/ci/tests.xml [--check]

A row is a family from one source; a figure like 4/4 says how many of its checkpoints' tests passed. --check writes
nothing, and fails when the table in the file differs."""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

from count_tests import has_failed, is_skipped

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "models.md"
MODELS = ROOT / "tests" / "fixtures" / "models"
BEGIN, END = "<!-- begin: tools/make_models_table.py -->", "<!-- end -->"

# Class; its family's file in model/families; its architecture in GGUF; vocabularies and chat templates of its published
# checkpoints, by the names of the tokenizer module's fixtures.
FAMILIES = [
    ("Qwen2ForCausalLM", "qwen2", "qwen2", ["qwen2"], ["thinking"]),
    ("Qwen2MoeForCausalLM", "qwen_moe", "qwen2moe", ["qwen2"], ["thinking"]),
    ("Qwen3ForCausalLM", "qwen3", "qwen3", ["qwen2"], ["thinking", "tagged"]),
    ("Qwen3MoeForCausalLM", "qwen_moe", "qwen3moe", ["qwen2"], ["thinking", "tagged"]),
    ("LlamaForCausalLM", "llama", "llama", ["llama2", "llama3", "smollm2", "deepseek_llm"],
     ["headers", "plain", "signatures"]),
    ("MistralForCausalLM", "mistral", "llama", ["llama2", "mistral3", "tekken"], ["alternating", "indexed"]),
    ("MixtralForCausalLM", "mixtral", "llama", ["llama2", "mistral3"], ["alternating", "indexed"]),
    ("Gemma2ForCausalLM", "gemma", "gemma2", ["gemma"], ["prefixed"]),
    ("Gemma3ForCausalLM", "gemma", "gemma3", ["gemma"], ["prefixed"]),
    ("Gemma3ForConditionalGeneration", "gemma", "", ["gemma"], ["prefixed"]),
    ("Qwen3VLForConditionalGeneration", "qwen_vl", "", ["qwen2"], ["tagged"]),
    ("Qwen3VLMoeForConditionalGeneration", "qwen_vl", "", ["qwen2"], ["tagged"]),
    ("Qwen2_5_VLForConditionalGeneration", "qwen_vl", "", ["qwen2"], ["thinking"]),
    ("Phi3ForCausalLM", "phi3", "phi3", ["phi3", "llama3"], ["piped"]),
    ("Olmo2ForCausalLM", "olmo2", "olmo2", ["llama3"], ["plain"]),
    ("GraniteForCausalLM", "granite", "granite", ["smollm2"], ["documents"]),
    ("SmolLM3ForCausalLM", "smollm3", "smollm3", ["llama3"], ["modes"]),
    ("GptOssForCausalLM", "gpt_oss", "gpt-oss", ["o200k"], ["channels"]),
    ("Glm4MoeForCausalLM", "glm4_moe", "glm4moe", ["glm4"], ["keys"]),
]
QUANTIZED = "quantized directories"  # of any family
MODEL_CHECKS = {
    "float32 logits, greedy ids": "HeldToTransformers.Float32LogitsAndGreedyIdsAreTheSame",
    "log-probabilities": "HeldToTransformers.PromptLogprobsAreTheLogSoftmaxOfItsLogits",
    "bfloat16": "HeldToTransformers.Bfloat16IsAtMostTwiceAsFarFromFloat32AsTransformersOwn",
    "layouts": "ShardedModel.HasTheLogitsOfOneRank",
    "layouts, bits": "ShardedModel.HasTheSameBitsInEveryGroupAndAlone",
}
TOKENIZER_CHECK = "TokenizerReference.GivesTheSameIdsAndTextForEveryString"
TEMPLATE_CHECK = "ChatTemplateConversations.RenderAsInJinja2"


def read_results(path):
    """Whether each test passed, by its parameter: {"Suite.Test": {"parameter": True}}."""
    results = {}
    for case in ElementTree.parse(path).iter("testcase"):
        found = re.fullmatch(r"(?:\w+/)?(\w+\.\w+)/(\S+)(?:\s+# GetParam.*)?", case.get("name"), re.DOTALL)
        if found and not is_skipped(case):
            results.setdefault(found[1], {})[found[2]] = not has_failed(case)
    return results


def gguf_class(path):
    """The class of the model in a GGUF file, from its first metadata: general.architecture, and whether it has experts."""
    head = path.read_bytes()[:4096]
    start = head.index(b"general.architecture") + len("general.architecture") + 4
    length = int.from_bytes(head[start:start + 8], "little")
    name = head[start + 8:start + 8 + length].decode()
    if name == "llama":
        return "MixtralForCausalLM" if b"llama.expert_count" in head else "LlamaForCausalLM"
    return next(family[0] for family in FAMILIES if family[2] == name)


def storage(quantization):
    """How a quantization_config stores weights: "gptq, 4 bits", "compressed-tensors pack-quantized, 4 bits", …"""
    method = quantization["quant_method"]
    if method == "compressed-tensors":
        bits = quantization["config_groups"]["group_0"]["weights"]["num_bits"]
        return f"`{method}` {quantization['format']}, {bits} bits"
    if method == "fp8":
        return "`fp8`, blocks" if "weight_block_size" in quantization else "`fp8`, one scale a tensor"
    return f"`{method}`, {quantization['bits']} bits"


def checkpoints():
    """{(class, source): names of its fixtures with expected values}, and {(QUANTIZED, storage): …}"""
    found = {}
    for folder in sorted(path.parent for path in MODELS.glob("*/fixture.json")):
        if (folder / "model.gguf").exists():
            key = (gguf_class(folder / "model.gguf"), "GGUF")
        else:
            config = json.loads((folder / "config.json").read_text())
            quantization = config.get("quantization_config", {"quant_method": "mxfp4"})
            is_quantized = quantization["quant_method"] != "mxfp4"  # gpt-oss's experts have it in an ordinary case
            key = (QUANTIZED, storage(quantization)) if is_quantized else (config["architectures"][0], "directory")
        found.setdefault(key, []).append(folder.name)
    return found


def figure(results, test, parameters):
    """"passed/all" of a test with these parameters. A test that did not run has not passed."""
    passed = sum(results.get(test, {}).get(parameter, False) for parameter in parameters)
    return f"{passed}/{len(parameters)}"


def function_lines(source, name):
    """How many lines the function `name` has in this source; 0 if it is not there."""
    found = re.search(rf"^\w[\w ]* {name}\(.*?^}}", source, re.DOTALL | re.MULTILINE)
    return found[0].count("\n") + 1 if found else 0


def entry_lines(source, start, reading):
    """Lines of the table entry at `start`, and of the function that reads the class's own keys."""
    depth = 0
    for end in range(start, len(source)):
        depth += (source[end] in "({") - (source[end] in ")}")
        if depth == 0 and source[end] in ")}":
            break
    entry = source[start:end]
    own = re.search(r"\.read_own = (\w+)", entry)
    maker = re.match(r"\w+", entry)  # a function that makes several entries
    return (entry.count("\n") + 1 + (function_lines(reading, own[1]) if own else 0) +
            (function_lines(source, maker[0]) if maker else 0))


def family_lines(name, file, architecture):
    """Lines that a family costs: its file, its class's defaults and own keys, its GGUF architecture."""
    config = ROOT / "src" / "braid" / "config"
    lines = len((ROOT / "src" / "braid" / "model" / "families" / f"{file}.cc").read_text().splitlines())
    classes = (config / "hf_classes.cc").read_text()
    start = re.search(rf"(\{{\.architecture = |\w+\()\"{name}\"", classes).start()
    lines += entry_lines(classes, start, (config / "hf_own_keys.cc").read_text())
    if architecture:
        ggufs = (config / "gguf_architectures.cc").read_text()
        lines += entry_lines(ggufs, ggufs.index(f"{{.gguf = \"{architecture}\""), ggufs)
    return lines


def table(results):
    fixtures = checkpoints()
    known = {family[0] for family in FAMILIES}
    unknown = sorted({name for name, _ in fixtures} - known - {QUANTIZED})
    if unknown:
        sys.exit(f"make_models_table.py: FAMILIES lacks {', '.join(unknown)}")
    header = ["family", "from", *MODEL_CHECKS, "tokenizer", "template", "lines"]
    rows = [header, ["---"] * len(header)]
    for name, file, architecture, tokenizers, templates in FAMILIES:
        for source in ("directory", "GGUF"):
            names = fixtures.get((name, source), [])
            if not names:
                continue
            rows.append([f"`{name}`", "directory" if source == "directory" else f"GGUF `{architecture}`",
                         *(figure(results, test, names) for test in MODEL_CHECKS.values()),
                         figure(results, TOKENIZER_CHECK, tokenizers), figure(results, TEMPLATE_CHECK, templates),
                         str(family_lines(name, file, architecture)) if source == "directory" else ""])
    for (kind, source), names in sorted(fixtures.items()):
        if kind == QUANTIZED:
            rows.append([kind, source, *(figure(results, test, names) for test in MODEL_CHECKS.values()), "", "", ""])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", help="JUnit file of the unit tests")
    parser.add_argument("--check", action="store_true", help="fail when the document's table is another one")
    arguments = parser.parse_args()
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    written = f"{before}{BEGIN}\n{table(read_results(arguments.results))}\n{END}{after}"
    if arguments.check:
        if written != text:
            sys.exit(f"{DOCUMENT.relative_to(ROOT)}: the table is not what {arguments.results} says: "
                     f"run tools/make_models_table.py {arguments.results}")
    else:
        DOCUMENT.write_text(written)


if __name__ == "__main__":
    main()
