"""Scenes of coloured shapes, their images, and questions about them with their answers.

Everything follows from a random.Random, so a seed names an image. An answer names colours, kinds, sizes and places with
the tokens that questions have for them (" red", not "Red"). Within a scene no two shapes have the same kind or
colour, so that every question has one answer. Shapes stand in the cells of a 3 x 3 grid.
"""

import dataclasses
import io
import math

import numpy as np
from PIL import Image, ImageDraw

KINDS = ["circle", "square", "triangle", "star", "cross", "ring"]
COLOURS = {
    "red": (215, 30, 35), "green": (30, 150, 50), "blue": (35, 70, 215), "yellow": (245, 220, 40),
    "orange": (245, 135, 25), "purple": (135, 45, 170), "black": (18, 18, 18), "white": (250, 250, 250),
}
# A small shape's and a large one's radius, as a fraction of a cell's shorter side.
SIZES = {"small": (0.28, 0.32), "large": (0.43, 0.48)}
# Pairs that are drawn for held-out images only: the model has to put together what it knows.
UNSEEN = {("red", "star"), ("green", "ring"), ("blue", "triangle"), ("yellow", "cross"), ("purple", "circle"),
          ("white", "square")}
BACKGROUND_DISTANCE = 110  # of a background from each shape's colour, in RGB
PLACES = {
    (0, 0): "At the top left.", (0, 1): "At the top.", (0, 2): "At the top right.",
    (1, 0): "On the left.", (1, 1): "In the middle.", (1, 2): "On the right.",
    (2, 0): "At the bottom left.", (2, 1): "At the bottom.", (2, 2): "At the bottom right.",
}
NUMBERS = ["No", "One", "Two", "Three"]
MAX_SHAPES = 3
# A relation's words, and the axis and direction in which the other shape must be.
RELATIONS = {"left of": ("column", -1), "right of": ("column", 1), "above": ("row", -1), "below": ("row", 1)}
# Of an image, in pixels. One is at most 4/3 of the other.
SIDES = (96, 112, 128, 144, 160, 192, 224, 256)
LARGE_SIDES = (320, 400, 512)  # of held-out images only: they take long to draw and look the same once resized
SUPERSAMPLING = 3


@dataclasses.dataclass(frozen=True)
class Shape:
    kind: str
    colour: str
    size: str
    row: int
    column: int

    def named(self):
        return f"{self.colour} {self.kind}"

    def with_article(self):
        return ("an " if self.colour[0] in "aeiou" else "a ") + self.named()


@dataclasses.dataclass(frozen=True)
class Scene:
    shapes: tuple  # in reading order


def draw_scene(rng, max_shapes=MAX_SHAPES, unseen=False):
    """A random scene; with `unseen` pairs, it has at least one of them, and else none."""
    while True:
        count = rng.randint(1, max_shapes)
        kinds, colours = rng.sample(KINDS, count), rng.sample(list(COLOURS), count)
        if unseen == (not UNSEEN.isdisjoint(zip(colours, kinds))):
            break
    cells = rng.sample(sorted(PLACES), count)
    shapes = [Shape(kind, colour, rng.choice(list(SIZES)), *cell) for kind, colour, cell in zip(kinds, colours, cells)]
    return Scene(tuple(sorted(shapes, key=lambda s: (s.row, s.column))))


def has_unseen(scene):
    return any((shape.colour, shape.kind) in UNSEEN for shape in scene.shapes)


def _outline(kind, x, y, radius, turn):
    """A shape's polygon."""
    def around(corners, radii, start):
        return [(x + radii[i % len(radii)] * radius * math.sin(start + 2 * math.pi * i / corners),
                 y - radii[i % len(radii)] * radius * math.cos(start + 2 * math.pi * i / corners))
                for i in range(corners)]
    if kind == "square":
        return around(4, [1.15], turn + math.pi / 4)
    if kind == "triangle":
        return around(3, [1.15], turn)
    if kind == "star":
        return around(10, [1.15, 0.45], turn)
    arm, inner = 1.0, 0.33  # a cross: three corners for each of its four arms
    corners = [(-inner, -arm), (inner, -arm), (inner, -inner), (arm, -inner), (arm, inner), (inner, inner),
               (inner, arm), (-inner, arm), (-inner, inner), (-arm, inner), (-arm, -inner), (-inner, -inner)]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x + radius * (a * cos - b * sin), y + radius * (a * sin + b * cos)) for a, b in corners]


def _cover(pixels, kind, colour, x, y, radius, turn):
    """Draws a shape into pixels, [height, width, 3], with smooth edges."""
    height, width, _ = pixels.shape
    reach = 1.3 * radius
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = min(width, int(x + reach) + 2), min(height, int(y + reach) + 2)
    n = SUPERSAMPLING
    image = Image.new("L", ((right - left) * n, (bottom - top) * n))
    canvas = ImageDraw.Draw(image)
    x, y, radius = (x - left) * n, (y - top) * n, radius * n
    if kind in ("circle", "ring"):
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        if kind == "ring":
            hole = 0.55 * radius
            canvas.ellipse((x - hole, y - hole, x + hole, y + hole), fill=0)
    else:
        canvas.polygon(_outline(kind, x, y, radius, turn), fill=255)
    covered = np.asarray(image.reduce(n), dtype=np.float32)[:, :, None] / 255
    part = pixels[top:bottom, left:right]
    part += covered * (np.array(colour, dtype=np.float32) - part)


def _background(rng, colours):
    """A colour that is far from the shapes'."""
    while True:
        colour = tuple(rng.randint(0, 255) for _ in range(3))
        if all(math.dist(colour, other) >= BACKGROUND_DISTANCE for other in colours):
            return colour


def draw_sides(rng, sides=SIDES):
    """An image's width and height."""
    while True:
        width, height = rng.choice(sides), rng.choice(sides)
        if max(width, height) * 3 <= min(width, height) * 4:
            return width, height


def draw_image(scene, rng, width, height):
    """An RGB image of the scene.

    Colours, places and sizes vary a little, and the background is plain, shaded or noisy.
    """
    colours = [tuple(min(255, max(0, c + rng.randint(-12, 12))) for c in COLOURS[s.colour]) for s in scene.shapes]
    pixels = np.empty((height, width, 3), dtype=np.float32)
    pixels[:] = _background(rng, [COLOURS[s.colour] for s in scene.shapes])
    kind = rng.choice(["plain", "shaded", "noisy"])
    if kind == "shaded":
        slope = np.linspace(-1, 1, width)[None, :] * rng.uniform(-22, 22) \
            + np.linspace(-1, 1, height)[:, None] * rng.uniform(-22, 22)
        pixels += slope[:, :, None].astype(np.float32)
    cell_width, cell_height = width / 3, height / 3
    unit = min(cell_width, cell_height)
    for shape, colour in zip(scene.shapes, colours):
        x = (shape.column + 0.5 + rng.uniform(-0.06, 0.06)) * cell_width
        y = (shape.row + 0.5 + rng.uniform(-0.06, 0.06)) * cell_height
        radius = rng.uniform(*SIZES[shape.size]) * unit
        _cover(pixels, shape.kind, colour, x, y, radius, rng.uniform(-0.2, 0.2))
    if kind == "noisy":
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(pixels.shape, dtype=np.float32)
        pixels += noise * rng.uniform(4, 14)
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _file_bytes(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg_bytes(image, quality):
    return _file_bytes(image, "JPEG", quality=quality)


def png_bytes(image):
    return _file_bytes(image, "PNG", optimize=True)


def read_image(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def compressed(image, quality):
    """The image as it comes back from a JPEG file."""
    return read_image(jpeg_bytes(image, quality))


def _neighbours(scene, shape, relation):
    """The shapes that are in the relation to this one."""
    axis, direction = RELATIONS[relation]
    return [s for s in scene.shapes if (getattr(s, axis) - getattr(shape, axis)) * direction > 0]


def _joined(parts):
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _sentence(text):
    return text[0].upper() + text[1:] + "."


def _absent(scene, rng):
    """A kind and a colour that the scene does not have together, though it may have either."""
    present = {(s.kind, s.colour) for s in scene.shapes}
    while True:
        near = rng.choice(scene.shapes)
        pair = rng.choice([(near.kind, rng.choice(list(COLOURS))), (rng.choice(KINDS), near.colour),
                           (rng.choice(KINDS), rng.choice(list(COLOURS)))])
        if pair not in present:
            return Shape(*pair, "small", 0, 0)


TOPICS = ["colour", "kind", "count", "place", "content", "size", "presence", "relation", "description"]


def ask(scene, topic, rng, where=""):
    """A question and its answer. `where`: which image is meant, if there are several."""
    shape = rng.choice(scene.shapes)
    if topic == "colour":
        return f"What {rng.choice(['colour', 'color'])} is the {shape.kind}{where}?", f"It is {shape.colour}."
    if topic == "kind":
        return f"Which shape is {shape.colour}{where}?", _sentence(f"the {shape.kind}")
    if topic == "count":
        return f"How many shapes are there{where}?", f"{NUMBERS[len(scene.shapes)]}."
    if topic == "place":
        return f"Where is the {shape.kind}{where}?", PLACES[shape.row, shape.column]
    if topic == "content":
        cells = {(s.row, s.column): s for s in scene.shapes}
        place = (shape.row, shape.column) if rng.random() < 0.8 else rng.choice(sorted(PLACES))
        asked = PLACES[place][0].lower() + PLACES[place][1:-1]
        found = cells.get(place)
        return f"What is {asked}{where}?", _sentence(found.with_article()) if found else "Nothing."
    if topic == "size":
        return f"Is the {shape.kind}{where} large or small?", f"It is {shape.size}."
    if topic == "presence":
        present = rng.random() < 0.5
        asked = shape if present else _absent(scene, rng)
        return f"Is there {asked.with_article()}{where}?", "Yes." if present else "No."
    if topic == "relation":
        possible = [(s, r) for s in scene.shapes for r in RELATIONS if len(_neighbours(scene, s, r)) == 1]
        if not possible or rng.random() < 0.25:
            possible = [(s, r) for s in scene.shapes for r in RELATIONS if not _neighbours(scene, s, r)]
        asked, relation = rng.choice(possible)
        found = _neighbours(scene, asked, relation)
        return (f"What is {relation} the {asked.named()}{where}?",
                _sentence(f"the {found[0].named()}") if found else "Nothing.")
    if topic == "description":
        return (f"What is{where}?" if where else "What is in the image?",
                _sentence(_joined([s.with_article() for s in scene.shapes])))
    raise ValueError(topic)


ORDINALS = [" in the first image", " in the second image"]
