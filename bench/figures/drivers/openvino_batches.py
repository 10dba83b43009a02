"""Times batches in OpenVINO GenAI, on the CPU (which ones: batches.py)."""

import numpy
import openvino
import openvino_genai
from batches import time_batches


def make_generate(model, threads, shapes):
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = False
    scheduler.max_num_batched_tokens = max(shape[0] * shape[1] for shape in shapes)
    scheduler.max_num_seqs = max(shape[0] for shape in shapes)
    pipeline = openvino_genai.ContinuousBatchingPipeline(model, scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads})

    def generate(prompts, output_len):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = config.min_new_tokens = output_len
        config.ignore_eos = True
        config.do_sample = False
        rows = [openvino.Tensor(numpy.array([prompt], dtype=numpy.int64)) for prompt in prompts]  # a prompt in each
        outputs = pipeline.generate(rows, [config] * len(rows))
        lengths = [len(output.m_generation_ids[0]) for output in outputs]
        if lengths != [output_len] * len(prompts):
            raise RuntimeError(f"{len(prompts)} prompts were to get {output_len} tokens each, and got {lengths}")
    return generate


if __name__ == "__main__":
    time_batches(make_generate)
