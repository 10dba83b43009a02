"""Times batches in vLLM, on the CPU (which ones: batches.py)."""

import os

from batches import time_batches


def make_generate(model, threads, shapes):
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{threads - 1}")
    from vllm import LLM, SamplingParams
    engine = LLM(model=model, dtype="bfloat16", enable_prefix_caching=False, max_num_seqs=max(shape[0] for shape in shapes),
                 max_model_len=max(shape[1] + shape[2] for shape in shapes))

    def generate(prompts, output_len):
        params = SamplingParams(temperature=0, ignore_eos=True, max_tokens=output_len, detokenize=False)
        engine.generate([{"prompt_token_ids": prompt} for prompt in prompts], sampling_params=params, use_tqdm=False)
    return generate


if __name__ == "__main__":  # vLLM starts processes that import this file
    time_batches(make_generate)
