"""Times batches in OpenVINO GenAI, on the CPU (which ones: batches.py)."""

import numpy
import openvino
import openvino_genai
from batches import time_batches


def make_generate(model, threads, shapes):
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = False
    scheduler.max_num_batched_tokens = max(shape[0] * shape[1] for shape in shapes)
    pipeline = openvino_genai.LLMPipeline(model, "CPU", scheduler_config=scheduler, INFERENCE_NUM_THREADS=threads)

    def generate(prompts, output_len):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = config.min_new_tokens = output_len
        config.ignore_eos = True
        config.do_sample = False
        pipeline.generate(openvino.Tensor(numpy.array(prompts, dtype=numpy.int64)), config)
    return generate


if __name__ == "__main__":
    time_batches(make_generate)
