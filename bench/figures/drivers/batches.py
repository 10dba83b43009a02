"""Shared by the drivers: runs the batches of the command line, and prints a line of JSON for each."""

import json
import random
import sys
import time


def time_batches(make_generate):
    """MODEL THREADS SHAPE…, a shape being SEQUENCESxINPUTxOUTPUT. `make_generate(model, threads, shapes)` returns a function
    generate(prompts, output_len), which returns when it has generated `output_len` tokens for every list of token ids in `prompts`.
    Each batch first runs once unmeasured."""
    model, threads = sys.argv[1], int(sys.argv[2])
    shapes = [tuple(map(int, shape.split("x"))) for shape in sys.argv[3:]]
    generate = make_generate(model, threads, shapes)
    draw = random.Random(0)
    for batch_size, input_len, output_len in shapes:
        for is_measured in (False, True):
            prompts = [[draw.randrange(1000, 10000) for _ in range(input_len)] for _ in range(batch_size)]
            start = time.perf_counter()
            generate(prompts, output_len)
            seconds = time.perf_counter() - start
            if is_measured:
                print(json.dumps({"batch_size": batch_size, "input_len": input_len, "output_len": output_len, "seconds": seconds}),
                      flush=True)
