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
from vl_demo_batches import BatchMaker
from vl_demo_training import Trainer


def train(folder, seed):
    made = folder / "model"
    vl_demo_model.write_folder(made)
    tokenizer = vl_demo_model.load_tokenizer(made)
    maker = BatchMaker(tokenizer, vl_demo_model.load_image_processor(made))
    vl_demo_model.save_model(Trainer(vl_demo_model.new_model(seed), tokenizer, maker, folder, seed).run(), made)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["train", "questions"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if args.action == "train":
        train(args.folder, args.seed)
    else:
        vl_demo_questions.write(args.folder, args.seed)


if __name__ == "__main__":
    main()
