"""What each image token shows, in words, and the features that say so.

The text model first learns from images that it is told: a token's features are the sum of the embeddings of the words
for what it shows. Then the vision tower learns to say the same of an image. Thus the text model needs no images to learn
how to answer, and the tower no answers to learn how to see.
"""

import torch
from torch.nn.functional import cross_entropy, linear

import vl_demo_scenes
from vl_demo_model import NUM_DEEPSTACK

# A group's classes are its words, and one more where a token shows no shape; in the last two a word may be missing.
GROUPS = [[*vl_demo_scenes.COLOURS, None], [*vl_demo_scenes.KINDS, None], [*vl_demo_scenes.SIZES, None],
          ["top", None, "bottom"], ["left", None, "right"]]
NAMES = ["colour", "kind", "size", "row", "column"]
NOTHING = [len(group) - 1 for group in GROUPS[:3]]
FIRSTS = [sum(len(group) for group in GROUPS[:i]) for i in range(len(GROUPS))]
NUM_CLASSES = sum(len(group) for group in GROUPS)
CELLS = 3  # of a scene, in each direction


def of_tokens(scene, rows, columns):
    """For each token of the image, row by row: its class in every group. A shape is shown by its cell's middle token."""
    result = [[*NOTHING, min(int((row + 0.5) / rows * CELLS), CELLS - 1),
               min(int((column + 0.5) / columns * CELLS), CELLS - 1)] for row in range(rows) for column in range(columns)]
    for shape in scene.shapes:
        row, column = int((shape.row + 0.5) / CELLS * rows), int((shape.column + 0.5) / CELLS * columns)
        classes = [group.index(word) for group, word in zip(GROUPS, (shape.colour, shape.kind, shape.size))]
        result[row * columns + column] = [*classes, shape.row, shape.column]
    return result


class Teller(torch.nn.Module):
    """Tells the text model what an image shows, in place of the tower. Its own weights are of use in training only.

    Only `readers` learn. The rest is random as the words' embeddings are, which learn last of all, so that text model and
    tower can learn apart.
    """

    def __init__(self, tokenizer, embedding):
        super().__init__()
        hidden = embedding.weight.shape[1]
        words = [word for group in GROUPS for word in group]
        ids = [tokenizer.encode(" " + word, add_special_tokens=False)[0] for word in words if word]
        scale = embedding.weight.detach().std()
        told = torch.randn(1 + NUM_DEEPSTACK, NUM_CLASSES, hidden) * scale
        told[0, [index for index, word in enumerate(words) if word]] = embedding.weight.detach()[ids]
        self.register_buffer("told", told)
        # What the tower's features are read with while it learns.
        self.readers = torch.nn.Parameter(torch.randn(1 + NUM_DEEPSTACK, NUM_CLASSES, hidden) * 0.05)

    def forward(self, classes):
        """Of classes, [tokens, groups]: the features that the tower puts before the text model and into its first
        layers, [1 + NUM_DEEPSTACK, tokens, hidden]."""
        return self.told[:, classes + torch.tensor(FIRSTS)].sum(2)

    def scores(self, features):
        """What features say, as they are read by `readers`: of each group [parts, tokens, classes]."""
        return linear_each(features, self.readers).split([len(group) for group in GROUPS], dim=-1)

    def loss(self, features, classes):
        """Of the tower's features: their distance from what is told, and whether each class can be read from them."""
        told = self(classes)
        distance = (features - told).square().mean() / told.var()
        parts = features.shape[0]
        read = sum(cross_entropy(scores.flatten(0, 1), classes[:, group].repeat(parts))
                   for group, scores in enumerate(self.scores(features)))
        return distance + read / len(GROUPS)


def linear_each(features, weights):
    return torch.stack([linear(one, weight) for one, weight in zip(features, weights)])
