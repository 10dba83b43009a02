"""What each image token shows, in words: the vision tower learns to say it before the whole model is trained.

A token's features are compared with the embeddings of words, so that the tower's output is from the start in the
language of the text model. Without this, questions alone teach a small tower too little.
"""

import math

import torch
from torch.nn.functional import cross_entropy

import vl_demo_scenes

# Each group's last class is none of its words.
GROUPS = [list(vl_demo_scenes.COLOURS), vl_demo_scenes.KINDS, list(vl_demo_scenes.SIZES), ["top", "bottom"],
          ["left", "right"]]
UNSAID = -100  # a token at a shape's edge may be called either


def _class_of_third(fraction):
    """Of ["top", "bottom"] or ["left", "right"]: the first, the last, or neither."""
    return {0: 0, 1: 2, 2: 1}[min(int(fraction * 3), 2)]


def of_tokens(scene, spots, rows, columns):
    """For each token of the image, row by row: its class in every group."""
    nothing = [len(words) for words in GROUPS[:3]]
    shapes = [[nothing] * columns for _ in range(rows)]
    corner = 0.5 * math.sqrt(2)
    for shape, spot in zip(scene.shapes, spots):
        named = [words.index(word) for words, word in zip(GROUPS, (shape.colour, shape.kind, shape.size))]
        home = min(int(spot.y * rows), rows - 1), min(int(spot.x * columns), columns - 1)
        for row in range(rows):
            for column in range(columns):
                # In units of tokens, so that a token is 1 wide and high.
                x, y = column + 0.5 - spot.x * columns, row + 0.5 - spot.y * rows
                distance, radius = math.hypot(x, y), max(spot.x_radius * columns, spot.y_radius * rows)
                if (row, column) == home or distance < 0.8 * radius:
                    shapes[row][column] = named
                elif distance < radius + corner and shapes[row][column] == nothing:
                    shapes[row][column] = [UNSAID] * 3
    return [[*shapes[row][column], _class_of_third((row + 0.5) / rows), _class_of_third((column + 0.5) / columns)]
            for row in range(rows) for column in range(columns)]


class Namer(torch.nn.Module):
    """The loss of a tower's features against the words. Its own weights are of use in training only."""

    SCALE = 4.0

    def __init__(self, tokenizer, embedding):
        super().__init__()
        self._embedding = [embedding]  # not a part of this module
        self._ids = [[tokenizer.encode(" " + word, add_special_tokens=False)[0] for word in words] for words in GROUPS]
        self.none = torch.nn.Parameter(torch.randn(len(GROUPS), embedding.weight.shape[1]) * 0.02)

    def scores(self, features):
        """Of each group: [tokens, classes]."""
        weight = self._embedding[0].weight
        return [features @ torch.cat([weight[ids], none[None]]).T * self.SCALE
                for ids, none in zip(self._ids, self.none)]

    def forward(self, features, classes):
        losses = [cross_entropy(scores, classes[:, group], ignore_index=UNSAID)
                  for group, scores in enumerate(self.scores(features))]
        return sum(losses) / len(losses)
