"""Batches to train the demo with.

A sequence is one image (or two) and several questions about it. Each question sees the images and itself only, and
stands where it would stand alone, so that all of them are trained as if each were asked on its own.
"""

import dataclasses

import torch

import vl_demo_labels
import vl_demo_scenes
from vl_demo_model import IDS

START, END, PAD = IDS["<|im_start|>"], IDS["<|im_end|>"], IDS["<|endoftext|>"]
MERGE = 2


@dataclasses.dataclass(frozen=True)
class Stage:
    """What the batches of some steps are made of."""
    steps: int
    max_shapes: int
    sides: tuple             # of an image, in pixels; both are drawn from it
    learns: tuple            # "tower" (what its tokens show), "text" (the answers), or both
    topics: tuple = ()       # with repetitions: the more often, the more questions
    questions: int = 4       # about an image
    images: int = 16         # in a batch
    two_images: float = 0.0  # fraction of batches in which a sequence has two
    text_first: float = 0.0  # fraction of batches in which the question comes before the image
    jpeg: float = 0.0        # fraction of images that were compressed


@dataclasses.dataclass(frozen=True)
class Images:
    """Of one size, so that their tokens are as many."""
    scenes: list
    rows: int     # of tokens
    columns: int
    pixels: dict  # pixel_values and image_grid_thw
    named: torch.Tensor  # what each token shows


@dataclasses.dataclass
class Sequence:
    """Token ids with three positions each, and which segment each belongs to: 0 is seen by all others."""
    ids: list = dataclasses.field(default_factory=list)
    positions: list = dataclasses.field(default_factory=list)
    segments: list = dataclasses.field(default_factory=list)
    labels: list = dataclasses.field(default_factory=list)
    next: int = 0

    def text(self, ids, segment=0, learned=False):
        for token in ids:
            self.ids.append(token)
            self.positions.append((self.next,) * 3)
            self.segments.append(segment)
            self.labels.append(token if learned else -100)
            self.next += 1

    def image(self, rows, columns):
        first = self.next
        for row in range(rows):
            for column in range(columns):
                self.ids.append(IDS["<|image_pad|>"])
                self.positions.append((first, first + row, first + column))
                self.segments.append(0)
                self.labels.append(-100)
        self.next = first + max(rows, columns)


class BatchMaker:
    def __init__(self, tokenizer, image_processor):
        self._encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
        self._processor = image_processor
        self.full_stop = self._encode(".")[0]

    def images(self, stage, rng):
        def side():
            return rng.choice(stage.sides)
        width, height = side(), side()
        while max(width, height) > 2 * min(width, height):
            width, height = side(), side()
        scenes = [vl_demo_scenes.draw_scene(rng, stage.max_shapes) for _ in range(stage.images)]
        drawn = [vl_demo_scenes.draw_image(scene, rng, width, height) for scene in scenes]
        images = [vl_demo_scenes.compressed(image, rng.randint(60, 95)) if rng.random() < stage.jpeg else image
                  for image, _ in drawn]
        pixels = self._processor(images, return_tensors="pt")
        _, rows, columns = (pixels["image_grid_thw"][0]).tolist()
        rows, columns = rows // MERGE, columns // MERGE
        named = [vl_demo_labels.of_tokens(scene, spots, rows, columns) for scene, (_, spots) in zip(scenes, drawn)]
        return Images(scenes, rows, columns, dict(pixels), torch.tensor(named).flatten(0, 1))

    def questions(self, images, stage, rng):
        """The text model's inputs, and the label of each token."""
        count = 2 if rng.random() < stage.two_images else 1
        text_first = rng.random() < stage.text_first
        scenes = images.scenes
        return _padded([self._sequence(scenes[i:i + count], images.rows, images.columns, stage, rng, text_first)
                        for i in range(0, len(scenes), count)])

    def _sequence(self, scenes, rows, columns, stage, rng, text_first):
        sequence = Sequence()
        sequence.text([START, *self._encode("user\n")])
        if text_first:
            question, answer = self._ask(scenes, stage, rng)
            sequence.text(self._encode(question))
        for _ in scenes:
            sequence.text([IDS["<|vision_start|>"]])
            sequence.image(rows, columns)
            sequence.text([IDS["<|vision_end|>"]])
        if text_first:
            self._finish(sequence, answer, 0)
            return sequence
        begin = sequence.next
        for segment in range(1, stage.questions + 1):
            sequence.next = begin
            question, answer = self._ask(scenes, stage, rng)
            sequence.text(self._encode(question), segment)
            self._finish(sequence, answer, segment)
        return sequence

    def _ask(self, scenes, stage, rng):
        which = rng.randrange(len(scenes))
        where = vl_demo_scenes.ORDINALS[which] if len(scenes) > 1 else ""
        return vl_demo_scenes.ask(scenes[which], rng.choice(stage.topics), rng, where)

    def _finish(self, sequence, answer, segment):
        sequence.text([END, *self._encode("\n"), START, *self._encode("assistant\n")], segment)
        sequence.text([*self._encode(answer), END], segment, learned=True)


def _padded(sequences):
    length = max(len(s.ids) for s in sequences)
    count = len(sequences)
    ids = torch.full((count, length), PAD)
    positions = torch.zeros((3, count, length), dtype=torch.long)
    segments = torch.full((count, length), -1)
    labels = torch.full((count, length), -100)
    for i, s in enumerate(sequences):
        n = len(s.ids)
        ids[i, :n], segments[i, :n], labels[i, :n] = map(torch.tensor, (s.ids, s.segments, s.labels))
        positions[:, i, :n] = torch.tensor(s.positions).T
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    of_query, of_key = segments[:, :, None], segments[:, None, :]
    mask = causal & ((of_key == 0) | (of_key == of_query))
    return {"input_ids": ids, "position_ids": positions, "attention_mask": mask[:, None], "labels": labels}
