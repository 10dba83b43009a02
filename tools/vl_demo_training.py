"""Trains the demo: first its vision tower names what each part of an image shows, then all of it answers questions.

The learning rate rises, stays and falls, and the result is an average of the weights over the last steps. A step's
batch follows from the seed and the step's number, so a training that was interrupted goes on as if it had not been (its
state is in `state.pt`).
"""

import copy
import dataclasses
import pathlib
import random
import time

import torch
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

import vl_demo_scenes
from vl_demo_batches import END, Stage
from vl_demo_labels import UNSAID, Namer

SIDES = (64, 80, 100, 128, 150, 170, 192, 224, 256, 320, 400, 512)
# Relations and descriptions are the hardest, so they are asked more often.
TOPICS = (*vl_demo_scenes.TOPICS, "relation", "relation", "description", "presence")
STAGES = [
    Stage(steps=1250, max_shapes=3, sides=(128,), learns=("tower",)),
    Stage(steps=1000, max_shapes=6, sides=(128,), learns=("tower",)),
    Stage(steps=1000, max_shapes=6, sides=SIDES, learns=("tower",), jpeg=0.5),
    Stage(steps=1500, max_shapes=3, sides=SIDES, learns=("text",), topics=TOPICS, text_first=0.15, jpeg=0.5),
    Stage(steps=1500, max_shapes=3, sides=SIDES, learns=("tower", "text"), topics=TOPICS, two_images=0.2, text_first=0.2,
          jpeg=0.5),
]
RATE, WARMUP, FALL = 1.5e-3, 200, 1200  # the rate falls over the last FALL steps
NAMING_WEIGHT = 0.3                     # of the tower's loss beside the answers'
AVERAGE = 0.998
EVERY = 250  # steps: accuracy is printed and the state saved


def _float32_attention(module, query, key, value, attention_mask, **options):
    """PyTorch's attention is four times as slow in bfloat16 on the way back, and autocast would choose it."""
    with torch.autocast("cpu", enabled=False):
        out, weights = sdpa_attention_forward(module, query.float(), key.float(), value.float(), attention_mask,
                                              **options)
    return out, weights


AttentionInterface.register("float32_sdpa", _float32_attention)


def answer_scores(model, batch):
    """(logits, labels) of the answers' tokens, and what the tower saw."""
    labels = batch["labels"]
    before = torch.zeros_like(labels, dtype=torch.bool)
    before[:, :-1] = labels[:, 1:] != -100
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "named")}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model.model(**inputs, use_cache=False)
        logits = model.lm_head(out.last_hidden_state[before])
    return logits.float(), labels[labels != -100], _features(out.image_outputs)


def see(model, batch):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return _features(model.model.visual(batch["pixel_values"], grid_thw=batch["image_grid_thw"]))


def _features(outputs):
    """The tower's output and those of its earlier layers: each [tokens, hidden]."""
    def joined(part):
        return (part if isinstance(part, torch.Tensor) else torch.cat(part)).float()
    return [joined(part) for part in (outputs.pooler_output, *outputs.deepstack_features)]


class Trainer:
    def __init__(self, model, tokenizer, maker, folder, seed, stages=None):
        self.stages = STAGES if stages is None else stages
        self.total = sum(stage.steps for stage in self.stages)
        self.model, self.maker, self.seed = model, maker, seed
        self.namer = Namer(tokenizer, model.get_input_embeddings())
        self.path = pathlib.Path(folder) / "state.pt"
        model.set_attn_implementation("float32_sdpa")
        self.average = copy.deepcopy(model).requires_grad_(False)
        parameters = [*model.parameters(), *self.namer.parameters()]
        self.optimizer = torch.optim.AdamW([{"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.03},
                                            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}],
                                           lr=RATE, betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path)
            self.step, self.seconds = state["step"], state["seconds"]
            for name, part in self._parts().items():
                part.load_state_dict(state[name])

    def _parts(self):
        return {"model": self.model, "average": self.average, "namer": self.namer, "optimizer": self.optimizer}

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
                right = " ".join(f"{name} {value:.2f}" for name, value in self.accuracy().items())
                print(f"step {self.step} after {self.seconds:.0f} s: loss {sum(losses) / len(losses):.4f}; {right}",
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

    def _loss(self, stage, batch):
        if "text" not in stage.learns:
            return sum(self.namer(part, batch["named"]) for part in see(self.model, batch)) / 3
        logits, labels, parts = answer_scores(self.model, batch)
        loss = cross_entropy(logits, labels)
        return loss + NAMING_WEIGHT * self.namer(parts[0], batch["named"]) if "tower" in stage.learns else loss

    def _one_step(self):
        rate = RATE * min(1.0, (self.step + 1) / WARMUP, (self.total - self.step) / FALL)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        stage = self._stage()
        self.model.model.visual.requires_grad_("tower" in stage.learns)
        loss = self._loss(stage, self.maker.make(stage, random.Random(f"{self.seed}/{self.step}")))
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
        """Of the average, on scenes of their own: by group of words, or by topic the part of the answers' tokens."""
        stage, result = self._stage(), {}
        checked = dataclasses.replace(stage, images=32, two_images=0.0, text_first=0.0)
        if "text" not in stage.learns:
            batch = self.maker.make(checked, random.Random(f"{self.seed}/check"))
            for group, scores in enumerate(self.namer.scores(see(self.average, batch)[0])):
                # Most tokens show nothing, so only those are counted that show a shape.
                of_shapes = (batch["named"][:, 1] != UNSAID) & (batch["named"][:, 1] != len(vl_demo_scenes.KINDS))
                right = scores.argmax(-1) == batch["named"][:, group]
                result[("colour", "kind", "size", "row", "column")[group]] = right[of_shapes].float().mean().item()
            return result
        for topic in vl_demo_scenes.TOPICS:
            batch = self.maker.make(dataclasses.replace(checked, topics=(topic,)), random.Random(f"{self.seed}/{topic}"))
            logits, labels, _ = answer_scores(self.average, batch)
            counted = (labels != END) & (labels != self.maker.full_stop)
            result[topic] = (logits.argmax(-1) == labels)[counted].float().mean().item()
        return result

    def _save(self):
        partial = self.path.with_suffix(".partial")
        torch.save({"step": self.step, "seconds": self.seconds,
                    **{name: part.state_dict() for name, part in self._parts().items()}}, partial)
        partial.rename(self.path)
