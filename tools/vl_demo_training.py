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
    Stage(steps=3000, max_shapes=3, sides=SIDES, learns=("text",), topics=TOPICS, two_images=0.1, text_first=0.15,
          jpeg=0.5),
    Stage(steps=750, max_shapes=3, sides=SIDES, learns=("tower", "text"), topics=TOPICS, two_images=0.2, text_first=0.2,
          jpeg=0.5),
]
KEPT_STEPS, KEPT_BATCHES = 500, 150
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


def see(model, images):
    """The tower's outputs."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return model.model.get_image_features(**images.pixels, return_dict=True)


def tokens_of(seen):
    """The tower's output and those of its earlier layers: each [tokens, hidden]."""
    return [torch.cat(part).float() for part in (seen.pooler_output, *seen.deepstack_features)]


def answer_scores(model, seen, text):
    """(logits, labels) of the answers' tokens."""
    labels = text["labels"]
    before = torch.zeros_like(labels, dtype=torch.bool)
    before[:, :-1] = labels[:, 1:] != -100
    inputs = {name: value for name, value in text.items() if name != "labels"}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model.model(**inputs, mm_encoder_outputs={"image": seen}, use_cache=False)
        logits = model.lm_head(out.last_hidden_state[before])
    return logits.float(), labels[labels != -100]


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
        self.kept, self.kept_round = {}, None
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

    def _kept_images(self, stage):
        """While the tower does not learn, images are drawn and seen once for several steps."""
        round_ = self.step // KEPT_STEPS
        if self.kept_round != round_:
            self.kept, self.kept_round = {}, round_
        number = random.Random(f"{self.seed}/kept/{self.step}").randrange(KEPT_BATCHES)
        if number not in self.kept:
            images = self.maker.images(stage, random.Random(f"{self.seed}/kept/{round_}/{number}"))
            with torch.no_grad():
                self.kept[number] = images, see(self.model, images)
        return self.kept[number]

    def _loss(self, stage):
        rng = random.Random(f"{self.seed}/{self.step}")
        if "tower" not in stage.learns:
            images, seen = self._kept_images(stage)
            return cross_entropy(*answer_scores(self.model, seen, self.maker.questions(images, stage, rng)))
        images = self.maker.images(stage, rng)
        seen = see(self.model, images)
        parts = tokens_of(seen)
        if "text" not in stage.learns:
            return sum(self.namer(part, images.named) for part in parts) / len(parts)
        scores = answer_scores(self.model, seen, self.maker.questions(images, stage, rng))
        return cross_entropy(*scores) + NAMING_WEIGHT * self.namer(parts[0], images.named)

    def _one_step(self):
        rate = RATE * min(1.0, (self.step + 1) / WARMUP, (self.total - self.step) / FALL)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        stage = self._stage()
        loss = self._loss(stage)
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
            images = self.maker.images(checked, random.Random(f"{self.seed}/check"))
            for group, scores in enumerate(self.namer.scores(tokens_of(see(self.average, images))[0])):
                # Most tokens show nothing, so only those are counted that show a shape.
                of_shapes = (images.named[:, 1] != UNSAID) & (images.named[:, 1] != len(vl_demo_scenes.KINDS))
                right = scores.argmax(-1) == images.named[:, group]
                result[("colour", "kind", "size", "row", "column")[group]] = right[of_shapes].float().mean().item()
            return result
        for topic in vl_demo_scenes.TOPICS:
            rng = random.Random(f"{self.seed}/{topic}")
            images = self.maker.images(checked, rng)
            text = self.maker.questions(images, dataclasses.replace(checked, topics=(topic,)), rng)
            logits, labels = answer_scores(self.average, see(self.average, images), text)
            counted = (labels != END) & (labels != self.maker.full_stop)
            result[topic] = (logits.argmax(-1) == labels)[counted].float().mean().item()
        return result

    def _save(self):
        partial = self.path.with_suffix(".partial")
        torch.save({"step": self.step, "seconds": self.seconds,
                    **{name: part.state_dict() for name, part in self._parts().items()}}, partial)
        partial.rename(self.path)
