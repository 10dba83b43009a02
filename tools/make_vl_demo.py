#!/usr/bin/env python3
"""Makes tests/fixtures/models/vl_demo: a tiny Qwen3-VL that answers questions about coloured shapes.

    tools/make_vl_demo.py train FOLDER [--seed 1]       trains it (goes on if FOLDER has a state), and writes FOLDER/model
    tools/make_vl_demo.py questions FOLDER/model        makes images and questions that it was not trained with, asks them,
                                                        and writes them with its answers into FOLDER/model/questions

Needs torch, torchvision, transformers and pillow. Training takes half an hour on one core.
"""

import argparse
import pathlib

import torch

import vl_demo_model
import vl_demo_questions
import vl_demo_training
from vl_demo_batches import NUM_SHARDS, BatchMaker


def train(rank, folder, seed, only, processes):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if processes > 1:
        torch.distributed.init_process_group("gloo", f"file://{(folder / 'meeting').resolve()}", rank=rank,
                                             world_size=processes)
    made = folder / "model"
    if rank == 0:
        vl_demo_model.write_folder(made)
    if processes > 1:
        torch.distributed.barrier()
    tokenizer, model = vl_demo_model.load_tokenizer(made), vl_demo_model.new_model(seed)
    maker = BatchMaker(tokenizer, vl_demo_model.load_image_processor(made))
    vl_demo_training.train(model, tokenizer, maker, folder, seed, only, rank, processes)
    if rank == 0 and only in (None, vl_demo_training.STAGES[-1].name):
        vl_demo_model.save_model(model, made)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["train", "questions"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[stage.name for stage in vl_demo_training.STAGES],
                        help="one stage of the training: the tower's may run beside the others")
    parser.add_argument("--processes", type=int, choices=[1, NUM_SHARDS], default=1,
                        help="of the training: each computes its part of a batch, with the same result")
    args = parser.parse_args()
    if args.action == "train":
        args.folder.mkdir(parents=True, exist_ok=True)
        (args.folder / "meeting").unlink(missing_ok=True)
        torch.multiprocessing.spawn(train, (args.folder, args.seed, args.only, args.processes), args.processes)
    else:
        torch.set_num_threads(1)
        vl_demo_questions.write(args.folder, args.seed)


if __name__ == "__main__":
    main()
