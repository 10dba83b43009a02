#!/usr/bin/env python3
"""Compares braid with transformers on a real checkpoint, a Hugging Face directory or a GGUF file (dequantized here):
logits of prompts, and their greedy continuations.

    tools/compare_with_transformers.py --model-path P [--braid build/release/braid] [--dtype float32] [--prompt TEXT …]
    tools/compare_with_transformers.py --model-path P --write-expected tests/e2e/default_model_expected.json

Needs torch, transformers, tokenizers, jinja2 and gguf. The exit code is 1 if greedy ids differ although
transformers' lead was clear, or if float32 logits differ by more than 2e-4 of the largest.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

RAW_PROMPTS = ["The capital of France is", "def fibonacci(n):\n", "Once upon a time, in a small village by the sea,"]
CHAT_PROMPTS = ["What is the capital of France?", "Write a short poem about the sea.",
                "List three uses of a hammer.", "Explain in one sentence why the sky is blue."]
LOGITS_LIMIT = 2e-4  # of a row's largest logit
EXPECTED_LEAD = 1e-4  # of a recorded greedy choice; braid's float32 stays near 1e-5 in practice


class HuggingFaceModel:
    def __init__(self, path, dtype):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="eager")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)

    def ids(self, text, chat):
        if not chat:
            return self.tokenizer(text)["input_ids"]
        messages = [{"role": "user", "content": text}]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)

    def text(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True)


class GgufModel:
    """A GGUF file with a `gpt2` vocabulary of the pre-tokenizer `smollm`, as the default model has."""

    def __init__(self, path, dtype):
        import gguf
        from gguf_names import config_of, dequantised
        from safetensors_writer import write_safetensors

        reader = gguf.GGUFReader(path)
        tensors, config = dequantised(reader, config_of(reader)), config_of(reader)
        with tempfile.TemporaryDirectory() as folder:
            transformers.AutoConfig.for_model(**config).save_pretrained(folder)
            write_safetensors(f"{folder}/model.safetensors", [(n, "F32", v.shape) for n, v in tensors.items()],
                              lambda name: np.ascontiguousarray(tensors[name]))
            self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype,
                                                                           attn_implementation="eager")
        self.fields = {key: field.contents() for key, field in reader.fields.items() if key.startswith("tokenizer.")}
        self.tokenizer = self._tokenizer()

    def _tokenizer(self):
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
        if (self.fields["tokenizer.ggml.model"], self.fields["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
            raise SystemExit("this script knows only the vocabulary gpt2 with the pre-tokenizer smollm")
        tokens = self.fields["tokenizer.ggml.tokens"]
        merges = [tuple(m.split(" ")) for m in self.fields["tokenizer.ggml.merges"]]
        tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
        tokenizer.decoder = decoders.ByteLevel()
        kinds = self.fields["tokenizer.ggml.token_type"]
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, kinds) if k == 3])
        return tokenizer

    def ids(self, text, chat):
        if chat:
            import jinja2
            environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
            tokens = self.fields["tokenizer.ggml.tokens"]
            text = environment.from_string(self.fields["tokenizer.chat_template"]).render(
                messages=[{"role": "user", "content": text}], add_generation_prompt=True,
                bos_token=tokens[self.fields["tokenizer.ggml.bos_token_id"]],
                eos_token=tokens[self.fields["tokenizer.ggml.eos_token_id"]])
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def text(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True)


@torch.no_grad()
def logits_of(model, ids):
    return model(torch.tensor([ids])).logits[0].float().numpy()


@torch.no_grad()
def greedy(model, prompt, count):
    """(ids up to and including an end-of-sequence id, the smallest lead of a chosen id relative to its largest logit)"""
    ends = model.generation_config.eos_token_id
    ends = {ends} if isinstance(ends, int) else set(ends or [])
    ids, lead, cache = [], np.inf, None
    feed = torch.tensor([prompt])
    while len(ids) < count:
        output = model(feed, past_key_values=cache, use_cache=True)
        cache, row = output.past_key_values, output.logits[0, -1].float().numpy()
        second, first = np.partition(row, -2)[-2:]
        lead = min(lead, float(first - second) / float(np.abs(row).max()))
        ids.append(int(row.argmax()))
        if ids[-1] in ends:
            break
        feed = torch.tensor([[ids[-1]]])
    return ids, lead


def braid_json(args, *flags):
    command = [args.braid, "generate", "--model-path", args.model_path, "--dtype", args.dtype, "--temperature", "0",
               "--max-new-tokens", str(args.max_new_tokens), "--json", *flags]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def braid_logits(args, ids):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/logits.npy"
        subprocess.run([args.braid, "logits", "--model-path", args.model_path, "--dtype", args.dtype, "--input-ids",
                        ",".join(map(str, ids)), "--output", out], check=True)
        return np.load(out)


def compare(args, model, text, chat):
    ids = model.ids(text, chat)
    expected, lead = greedy(model.model, ids, args.max_new_tokens)
    got = braid_json(args, "--prompt", text, *(["--chat"] if chat else []))
    reference, logits = logits_of(model.model, ids), braid_logits(args, ids)
    difference = float(np.abs(reference - logits).max() / np.abs(reference).max())
    same = got["output_ids"] == expected
    print(f"{'chat' if chat else 'raw '} {text!r:.50}: {len(ids)} prompt tokens ({got['prompt_tokens']}), logits differ by "
          f"{difference:.1e} of the largest, greedy {'equal' if same else 'DIFFERS'} ({len(expected)} ids, lead {lead:.1e})")
    if not same:
        print(f"  transformers: {model.text(expected)!r}\n  braid:        {got['text']!r}")
    return (same or lead < LOGITS_LIMIT) and (difference <= LOGITS_LIMIT or args.dtype != "float32")


def write_expected(args, model, prompts):
    cases = []
    for text, chat in prompts:
        ids = model.ids(text, chat)
        output, lead = greedy(model.model, ids, args.max_new_tokens)
        print(f"lead {lead:.1e}, {len(output)} ids: {text!r} -> {model.text(output)!r}", file=sys.stderr)
        if lead < EXPECTED_LEAD:
            print("  too near a tie: left out", file=sys.stderr)
            continue
        cases.append({"prompt": text, "chat": chat, "prompt_ids": ids, "output_ids": output,
                      "text": model.text(output), "ends": len(output) < args.max_new_tokens})
    pathlib.Path(args.write_expected).write_text(json.dumps(
        {"model": pathlib.Path(args.model_path).name, "dtype": args.dtype, "max_new_tokens": args.max_new_tokens,
         "cases": cases}, indent=1, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default="build/release/braid")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--prompt", action="append", help="raw prompts, in place of the usual raw and chat ones")
    parser.add_argument("--write-expected", metavar="FILE", help="write what transformers says; braid is not run")
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = HuggingFaceModel if pathlib.Path(args.model_path).is_dir() else GgufModel
    model = kind(args.model_path, getattr(torch, args.dtype))
    model.model.eval()
    prompts = [(p, False) for p in args.prompt or RAW_PROMPTS] + [(p, True) for p in CHAT_PROMPTS if not args.prompt]
    if args.write_expected:
        write_expected(args, model, prompts)
        return 0
    return 0 if all([compare(args, model, *prompt) for prompt in prompts]) else 1


if __name__ == "__main__":
    sys.exit(main())
