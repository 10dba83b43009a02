"""Trains the demo: its text model with images that it is told, then its tower to say what it is told, then both.

A step's batch follows from the seed and the step's number, so a training that was interrupted goes on as if it had not
been (each stage's state is in a file of its name).
"""

import dataclasses
import functools
import pathlib
import random
import time

import torch
from torch.nn.functional import cross_entropy, linear
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

import vl_demo_scenes
from vl_demo_batches import END, IMAGE
from vl_demo_labels import NAMES, NOTHING, Teller
from vl_demo_optimizer import Optimizer

# What needs no more than to look a shape up, and all. The hardest are asked more often.
LOOKUPS = ("colour", "kind", "place", "content", "size")
TOPICS = (*vl_demo_scenes.TOPICS, "content", *["relation"] * 3, *["description"] * 2, "presence")


@dataclasses.dataclass(frozen=True)
class Stage:
    """Some steps: what learns, how fast, and what the batches are made of."""
    name: str
    learns: str              # "text" (with images that it is told), "tower" (to say what is told), "both"
    steps: int
    rate: float              # of learning: it rises, stays and falls to nothing
    images: int              # in a batch
    max_shapes: int = vl_demo_scenes.MAX_SHAPES
    topics: tuple = TOPICS   # with repetitions: the more often, the more questions
    questions: int = 6       # about an image
    text_first: int = 1      # questions that come before the image
    two_images: float = 0.2  # fraction of sequences that have two
    jpeg: float = 0.5        # fraction of images that were compressed
    noise: float = 0.0       # in what is told, relative to its spread
    after: tuple = ()        # the names of the stages that it goes on from


# A text model that cannot yet look a shape up learns next to nothing from the other questions.
STAGES = [
    Stage("lookup", "text", steps=400, rate=5e-3, images=12, noise=0.2, topics=LOOKUPS, questions=8, text_first=0,
          two_images=0.0),
    Stage("text", "text", steps=1500, rate=5e-3, images=12, noise=0.2, after=("lookup",)),
    Stage("relation", "text", steps=700, rate=4e-3, images=12, noise=0.2, topics=(*TOPICS, *["relation"] * 16),
          after=("text",)),
    Stage("tower", "tower", steps=800, rate=5e-3, images=48, max_shapes=6, topics=()),
    Stage("both", "both", steps=200, rate=4e-4, images=12, after=("relation", "tower")),
]
RISE, FALL = 60, 0.35  # the rate rises over so many steps, and falls over this part of a stage's steps
TELLING_WEIGHT = 0.2  # of the tower's loss beside the answers'
EVERY = 50  # steps: accuracy is printed and the state saved


def state_path(folder, name):
    return pathlib.Path(folder) / f"{name}.pt"


def train(model, tokenizer, maker, folder, seed, only=None, rank=0, processes=1):
    """All stages, or the one of that name. Text model and tower learn apart, so they may do so at once."""
    for stage in STAGES:
        if only in (None, stage.name) and (rank == 0 or stage.learns != "tower"):
            Trainer(stage, model, tokenizer, maker, folder, seed, rank, processes).run()
        if processes > 1:
            torch.distributed.barrier()


def _equal_attention(module, query, key, value, attention_mask, **options):
    """The tower's, whose images are all of one size: one product for all, while transformers computes image by image."""
    count = len(options.pop("cu_seq_lens_q")) - 1
    split = [x.unflatten(2, (count, -1))[0].transpose(0, 1) for x in (query, key, value)]
    options = {name: options[name] for name in ("scaling", "dropout", "is_causal")}
    out, weights = sdpa_attention_forward(module, *split, None, **options)
    return out.flatten(0, 1), weights


def _embed_patches(embed, patches):
    """What its convolution computes, as one product: the way back is ten times as fast."""
    return linear(patches, embed.proj.weight.flatten(1), embed.proj.bias)


# A name with "flash" is called once for all images.
AttentionInterface.register("equal_flash", _equal_attention)


def see(model, images):
    """The tower's features: [1 + NUM_DEEPSTACK, tokens, hidden]."""
    seen = model.model.visual(images.pixels["pixel_values"], grid_thw=images.pixels["image_grid_thw"])
    return torch.stack([seen.pooler_output, *seen.deepstack_features])


def answer_scores(model, features, text):
    """(logits, labels) of the answers' tokens."""
    ids, labels = text["input_ids"], text["labels"]
    before = torch.zeros_like(labels, dtype=torch.bool)
    before[:, :-1] = labels[:, 1:] != -100
    first, *deepstack = features[:, text["shown"]]
    is_image = ids == IMAGE
    embedded = model.get_input_embeddings()(ids).masked_scatter(is_image[:, :, None], first)
    out = model.model.language_model(
        inputs_embeds=embedded, position_ids=text["position_ids"], attention_mask=text["attention_mask"],
        visual_pos_masks=is_image, deepstack_visual_embeds=deepstack, use_cache=False)
    return model.lm_head(out.last_hidden_state[before]), labels[labels != -100]


class Trainer:
    """Of one stage."""

    def __init__(self, stage, model, tokenizer, maker, folder, seed, rank, processes):
        self.stage, self.model, self.maker, self.seed = stage, model, maker, seed
        self.rank, self.processes = rank, processes
        torch.manual_seed(seed)
        self.teller = Teller(tokenizer, model.get_input_embeddings())
        model.model.visual.config._attn_implementation = "equal_flash"
        embed = model.model.visual.patch_embed
        embed.forward = functools.partial(_embed_patches, embed)
        for earlier in stage.after:
            self._load(torch.load(state_path(folder, earlier)))
        self.learned = self._learned()
        self.optimizer = Optimizer(self.learned.items())
        self.path = state_path(folder, stage.name)
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path)
            self.step, self.seconds = state["step"], state["seconds"]
            self.optimizer.load_state_dict(state["optimizer"])
            self._load(state)

    def _learned(self):
        """The names and parameters that this stage trains; the others stay as they are."""
        parts = {"text": ["model.language_model.layers.", "model.language_model.norm."],
                 "tower": ["model.visual.", "readers"], "both": ["model.", "readers"]}[self.stage.learns]
        named = {**dict(self.model.named_parameters()), **dict(self.teller.named_parameters())}
        for name, parameter in named.items():
            parameter.requires_grad_(any(name.startswith(part) for part in parts))
        return {name: parameter for name, parameter in named.items() if parameter.requires_grad}

    @torch.no_grad()
    def _load(self, state):
        named = {**dict(self.model.named_parameters()), **dict(self.teller.named_parameters())}
        for name, value in state["learned"].items():
            named[name].copy_(value)

    def _save(self):
        partial = self.path.with_suffix(".partial")
        torch.save({"step": self.step, "seconds": self.seconds, "optimizer": self.optimizer.state_dict(),
                    "learned": {name: parameter.detach() for name, parameter in self.learned.items()}}, partial)
        partial.rename(self.path)

    def run(self):
        """Until all steps are done."""
        begin, losses = time.monotonic(), []
        while self.step < self.stage.steps:
            losses.append(self._one_step())
            self.step += 1
            if self.step % EVERY == 0 or self.step == self.stage.steps:
                self.seconds += time.monotonic() - begin
                if self.rank > 0:
                    continue
                self._save()
                right = " ".join(f"{name} {value:.2f}" for name, value in self.accuracy().items())
                print(f"{self.stage.name}: step {self.step} after {self.seconds:.0f} s: "
                      f"loss {sum(losses) / len(losses):.4f}; {right}", flush=True)
                begin, losses = time.monotonic(), []

    def _step_gradients(self):
        """The loss of this process's shards; their gradients are those of all processes' shards."""
        stage, rng = self.stage, random.Random(f"{self.seed}/{self.stage.name}/{self.step}")
        images = (self.maker.told if stage.learns == "text" else self.maker.drawn)(stage, rng)
        if stage.learns == "tower":
            loss = self.teller.loss(see(self.model, images), images.classes)
            loss.backward()
            return loss.item()
        if stage.learns == "text":
            told = self.teller(images.classes)
            torch.manual_seed(rng.getrandbits(32))
            told += torch.randn_like(told) * told.std() * stage.noise
        shards = self.maker.questions(images, stage, rng)
        count, total = sum((text["labels"] != -100).sum() for text in shards), 0.0
        for text in shards[self.rank::self.processes]:
            features = told if stage.learns == "text" else see(self.model, images)
            loss = cross_entropy(*answer_scores(self.model, features, text), reduction="sum") / count
            if stage.learns == "both":
                loss = loss + self.teller.loss(features, images.classes) * (TELLING_WEIGHT / len(shards))
            loss.backward()
            total += loss.item()
        if self.processes > 1:
            gradients = torch.cat([p.grad.flatten() for p in self.learned.values()])
            torch.distributed.all_reduce(gradients)
            for p, part in zip(self.learned.values(), gradients.split([p.numel() for p in self.learned.values()])):
                p.grad.copy_(part.view_as(p))
        return total

    def _one_step(self):
        loss = self._step_gradients()
        left = (self.stage.steps - self.step) / self.stage.steps
        self.optimizer.step(self.stage.rate * min(1.0, (self.step + 1) / RISE, left / FALL))
        return loss

    @torch.no_grad()
    def accuracy(self):
        """On scenes of their own: by group of words, or by topic the part of answers whose tokens are all right."""
        result = {}
        stage = dataclasses.replace(self.stage, images=48, two_images=0.0, text_first=0, questions=2)
        if stage.learns == "tower":
            images = self.maker.drawn(stage, random.Random(f"{self.seed}/check"))
            of_shapes = images.classes[:, 0] != NOTHING[0]
            for group, scores in enumerate(self.teller.scores(see(self.model, images))):
                right = scores[0].argmax(-1) == images.classes[:, group]
                # Most tokens show nothing, so those that show a shape count as much as the others.
                result[NAMES[group]] = (right[of_shapes].float().mean() + right[~of_shapes].float().mean()).item() / 2
            return result
        for topic in dict.fromkeys(stage.topics):
            rng = random.Random(f"{self.seed}/{topic}")
            images = (self.maker.told if stage.learns == "text" else self.maker.drawn)(stage, rng)
            features = self.teller(images.classes) if stage.learns == "text" else see(self.model, images)
            text, = self.maker.questions(images, dataclasses.replace(stage, topics=(topic,)), rng, shards=1)
            logits, labels = answer_scores(self.model, features, text)
            wrong, end = (logits.argmax(-1) != labels).cumsum(0), labels == END
            result[topic] = (wrong[end].diff(prepend=torch.zeros(1)) == 0).float().mean().item()
        return result
