"""Batches to train the demo with.

A sequence is one image (or two) and several questions about it. Each question sees the images and itself only, and
stands where it would stand alone, so that all of them are trained as if each were asked on its own. Questions that come
before the images see none but themselves: their images are repeated after each.
"""

import dataclasses

import torch

import vl_demo_labels
import vl_demo_scenes
from vl_demo_model import IDS

START, END, PAD = IDS["<|im_start|>"], IDS["<|im_end|>"], IDS["<|endoftext|>"]
IMAGE, IMAGE_BEGIN, IMAGE_END = IDS["<|image_pad|>"], IDS["<|vision_start|>"], IDS["<|vision_end|>"]
MERGE = 2
SEEN_BY_ALL, SEEN_BY_LATER, FIRST = 0, 1, 2  # segments
NUM_SHARDS = 2  # of a batch, each of which is computed by one process, or all by one
GRIDS = [(3, 3), (3, 3), (3, 4), (4, 3)]  # of tokens: those that images have


@dataclasses.dataclass(frozen=True)
class Images:
    """Of one size, so that their tokens are as many."""
    scenes: list
    rows: int     # of tokens
    columns: int
    classes: torch.Tensor       # what each token shows
    pixels: dict | None = None  # pixel_values and image_grid_thw, if they are drawn


@dataclasses.dataclass
class Sequence:
    """Token ids with three positions each, and which segment each belongs to."""
    ids: list = dataclasses.field(default_factory=list)
    positions: list = dataclasses.field(default_factory=list)
    segments: list = dataclasses.field(default_factory=list)
    labels: list = dataclasses.field(default_factory=list)
    shown: list = dataclasses.field(default_factory=list)  # for each image token, which of the batch's it is
    next: int = 0

    def text(self, ids, segment, learned=False):
        for token in ids:
            self.ids.append(token)
            self.positions.append((self.next,) * 3)
            self.segments.append(segment)
            self.labels.append(token if learned else -100)
            self.next += 1

    def image(self, number, rows, columns, segment):
        self.text([IMAGE_BEGIN], segment)
        first = self.next
        for row in range(rows):
            for column in range(columns):
                self.shown.append((number * rows + row) * columns + column)
                self.ids.append(IMAGE)
                self.positions.append((first, first + row, first + column))
                self.segments.append(segment)
                self.labels.append(-100)
        self.next = first + max(rows, columns)
        self.text([IMAGE_END], segment)


class BatchMaker:
    def __init__(self, tokenizer, image_processor):
        self._encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
        self._processor = image_processor
        self._user, self._assistant = [START, *self._encode("user\n")], [START, *self._encode("assistant\n")]
        self._known = {}

    def _ids(self, text):
        if text not in self._known:
            self._known[text] = self._encode(text)
        return self._known[text]

    def told(self, stage, rng):
        """Images that nobody draws."""
        rows, columns = rng.choice(GRIDS)
        return self._images(self._scenes(stage, rng), rows, columns)

    def drawn(self, stage, rng):
        width, height = vl_demo_scenes.draw_sides(rng)
        scenes = self._scenes(stage, rng)
        images = [vl_demo_scenes.draw_image(scene, rng, width, height) for scene in scenes]
        images = [vl_demo_scenes.compressed(image, rng.randint(60, 95)) if rng.random() < stage.jpeg else image
                  for image in images]
        pixels = self._processor(images, return_tensors="pt")
        _, rows, columns = (pixels["image_grid_thw"][0]).tolist()
        return self._images(scenes, rows // MERGE, columns // MERGE, dict(pixels))

    def _scenes(self, stage, rng):
        return [vl_demo_scenes.draw_scene(rng, stage.max_shapes) for _ in range(stage.images)]

    def _images(self, scenes, rows, columns, pixels=None):
        classes = [vl_demo_labels.of_tokens(scene, rows, columns) for scene in scenes]
        return Images(scenes, rows, columns, torch.tensor(classes).flatten(0, 1), pixels)

    def questions(self, images, stage, rng, shards=NUM_SHARDS):
        """The text model's inputs, and the label of each token, for each shard of the batch: the shortest sequences first,
        as all are padded to a shard's longest."""
        sequences = [self._sequence(images, number, stage, rng) for number in range(len(images.scenes))]
        sequences.sort(key=lambda sequence: len(sequence.ids))
        size = len(sequences) // shards
        return [_padded(sequences[i * size:(i + 1) * size]) for i in range(shards)]

    def _sequence(self, images, number, stage, rng):
        numbers = [number]
        if rng.random() < stage.two_images:
            numbers.insert(rng.randrange(2), rng.randrange(len(images.scenes)))
        sequence = Sequence()
        sequence.text(self._user, SEEN_BY_ALL)
        start = sequence.next

        def show(segment):
            for shown in numbers:
                sequence.image(shown, images.rows, images.columns, segment)

        def finish(answer, segment):
            sequence.text([END, *self._ids("\n"), *self._assistant], segment)
            sequence.text([*self._ids(answer), END], segment, learned=True)

        show(SEEN_BY_LATER)
        begin, segment = sequence.next, FIRST
        for _ in range(stage.questions):
            sequence.next = begin
            question, answer = self._ask(images.scenes, numbers, stage, rng)
            sequence.text(self._ids(question), segment)
            finish(answer, segment)
            segment += 1
        for _ in range(stage.text_first):
            sequence.next = start
            question, answer = self._ask(images.scenes, numbers, stage, rng)
            sequence.text(self._ids(question), -segment)
            show(-segment)
            finish(answer, -segment)
            segment += 1
        return sequence

    def _ask(self, scenes, numbers, stage, rng):
        which = rng.randrange(len(numbers))
        where = vl_demo_scenes.ORDINALS[which] if len(numbers) > 1 else ""
        return vl_demo_scenes.ask(scenes[numbers[which]], rng.choice(stage.topics), rng, where)


def _padded(sequences):
    length = max(len(s.ids) for s in sequences)
    count = len(sequences)
    ids = torch.full((count, length), PAD)
    positions = torch.zeros((3, count, length), dtype=torch.long)
    segments = torch.zeros((count, length), dtype=torch.long)
    labels = torch.full((count, length), -100)
    for i, s in enumerate(sequences):
        n = len(s.ids)
        ids[i, :n], segments[i, :n], labels[i, :n] = map(torch.tensor, (s.ids, s.segments, s.labels))
        positions[:, i, :n] = torch.tensor(s.positions).T
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    of_query, of_key = segments[:, :, None], segments[:, None, :]
    mask = causal & ((of_key == SEEN_BY_ALL) | (of_key == of_query) | ((of_key == SEEN_BY_LATER) & (of_query > 0)))
    return {"input_ids": ids, "position_ids": positions, "attention_mask": mask[:, None], "labels": labels,
            "shown": torch.tensor([token for s in sequences for token in s.shown])}
