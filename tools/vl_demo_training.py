"""Trains the demo: stages from easy to hard, a learning rate that rises, stays and falls, and an average of the weights.

A step's batch follows from the seed and the step's number, so a training that was interrupted goes on as if it had not
been (its state is in `state.pt`).
"""

import copy
import pathlib
import random
import time

import torch
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

import vl_demo_scenes
from vl_demo_batches import END, Stage

SIDES = (64, 80, 100, 128, 150, 170, 192, 224, 256, 320, 400, 512)
ONE_SHAPE = ("colour", "kind", "place", "size", "presence")
EASY = (*ONE_SHAPE, "count")
# Relations and descriptions are the hardest, so they are asked more often.
ALL = (*vl_demo_scenes.TOPICS, "relation", "relation", "description", "presence")
STAGES = [
    Stage(steps=500, max_shapes=1, sides=(128,), topics=ONE_SHAPE, images=16),
    Stage(steps=2500, max_shapes=3, sides=(128,), topics=(*EASY, "colour", "kind", "relation", "description"), images=16),
    Stage(steps=2500, max_shapes=3, sides=(128,), topics=ALL, images=16),
    Stage(steps=3500, max_shapes=3, sides=SIDES, topics=ALL, images=16, two_images=0.2, text_first=0.2,
          jpeg=0.5),
]
RATE, WARMUP, FALL = 1e-3, 200, 2500  # the rate falls over the last FALL steps
AVERAGE = 0.998
EVERY = 250  # steps: accuracy is printed and the state saved


def _float32_attention(module, query, key, value, attention_mask, **options):
    """PyTorch's attention is four times as slow in bfloat16 on the way back, and autocast would choose it."""
    with torch.autocast("cpu", enabled=False):
        out, weights = sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask,
                                              **options)
    return out, weights


AttentionInterface.register("float32_sdpa", _float32_attention)


def scores(model, batch):
    """(logits, labels) of the tokens that are learned."""
    labels = batch["labels"]
    before = torch.zeros_like(labels, dtype=torch.bool)
    before[:, :-1] = labels[:, 1:] != -100
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(**inputs, use_cache=False)[0]
        logits = model.lm_head(hidden[before])
    return logits.float(), labels[labels != -100]


class Trainer:
    def __init__(self, model, maker, folder, seed, stages=None):
        self.stages = STAGES if stages is None else stages
        self.total = sum(stage.steps for stage in self.stages)
        self.model, self.maker, self.seed = model, maker, seed
        self.path = pathlib.Path(folder) / "state.pt"
        model.set_attn_implementation("float32_sdpa")
        self.average = copy.deepcopy(model).requires_grad_(False)
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05},
                                            {"params": others, "weight_decay": 0.0}], lr=RATE, betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path)
            self.step, self.seconds = state["step"], state["seconds"]
            model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])

    def run(self):
        """Until all steps are done; returns the averaged model."""
        begin, losses = time.monotonic(), []
        while self.step < self.total:
            losses.append(self._one_step())
            self.step += 1
            if self.step % EVERY == 0 or self.step == self.total:
                self.seconds += time.monotonic() - begin
                begin = time.monotonic()
                self._save()
                accuracy = " ".join(f"{topic} {value:.2f}" for topic, value in self.accuracy().items())
                print(f"step {self.step} after {self.seconds:.0f} s: loss {sum(losses) / len(losses):.4f}; {accuracy}",
                      flush=True)
                losses = []
        return self.average

    def _stage(self):
        first = 0
        for stage in self.stages:
            if self.step < first + stage.steps:
                return stage
            first += stage.steps
        return self.stages[-1]

    def _one_step(self):
        rate = RATE * min(1.0, (self.step + 1) / WARMUP, (self.total - self.step) / FALL)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.maker.make(self._stage(), random.Random(f"{self.seed}/{self.step}"))
        logits, labels = scores(self.model, batch)
        loss = cross_entropy(logits, labels)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            # Early on the average must not remember the random start.
            keep = min(AVERAGE, (self.step + 1) / (self.step + 10))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
        return loss.item()

    @torch.no_grad()
    def accuracy(self):
        """Of the average, by topic: the part of the answers' tokens that are right, on scenes of their own."""
        result = {}
        stage = self._stage()
        for topic in sorted(set(stage.topics)):
            one = Stage(0, stage.max_shapes, stage.sides, (topic,), images=24)
            logits, labels = scores(self.average, self.maker.make(one, random.Random(f"{self.seed}/check/{topic}")))
            counted = labels != END
            result[topic] = (logits.argmax(-1) == labels)[counted].float().mean().item()
        return result

    def _save(self):
        partial = self.path.with_suffix(".partial")
        torch.save({"step": self.step, "seconds": self.seconds, "model": self.model.state_dict(),
                    "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict()}, partial)
        partial.rename(self.path)
