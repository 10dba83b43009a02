"""Images and questions that the demo was not trained with, and what transformers answers.

questions.json is a list: {"images": [file, …], "text_first": whether the question comes before the images, "topic",
"unseen": whether the scene has a pair of colour and kind that training never showed, "question", "answer": the right
one, "greedy": transformers' answer, "prompt_tokens"}.
"""

import json
import pathlib
import random

import torch

import vl_demo_model
import vl_demo_scenes

NUM_IMAGES, TOPICS_OF_EACH = 60, 3
NUM_PAIRS, NUM_TEXT_FIRST = 15, 15
MAX_NEW_TOKENS = 32
LARGE = 128  # sides beyond which an image is a JPEG


def draw(seed):
    """(scene, extension, bytes) of each image. Every second one has a pair that training never showed."""
    result = []
    for index in range(NUM_IMAGES):
        rng = random.Random(f"{seed}/held out/{index}")
        scene = vl_demo_scenes.draw_scene(rng, unseen=index % 2 == 1)
        width, height = vl_demo_scenes.draw_sides(rng, vl_demo_scenes.SIDES + vl_demo_scenes.LARGE_SIDES)
        image = vl_demo_scenes.draw_image(scene, rng, width, height)
        if max(width, height) > LARGE:
            result.append((scene, "jpg", vl_demo_scenes.jpeg_bytes(image, rng.randint(60, 90))))
        else:
            result.append((scene, "png", vl_demo_scenes.png_bytes(image)))
    return result


def questions(scenes, names, seed):
    """Each image's, then some about two images at once, then some that come before the image."""
    rng = random.Random(f"{seed}/held out/questions")
    found = []

    def add(numbers, which, topic, text_first=False):
        where = vl_demo_scenes.ORDINALS[which] if len(numbers) > 1 else ""
        scene = scenes[numbers[which]]
        question, answer = vl_demo_scenes.ask(scene, topic, rng, where)
        found.append({"images": [names[n] for n in numbers], "text_first": text_first, "topic": topic,
                      "unseen": vl_demo_scenes.has_unseen(scene), "question": question, "answer": answer})

    for number in range(len(scenes)):
        for topic in rng.sample(vl_demo_scenes.TOPICS, TOPICS_OF_EACH):
            add([number], 0, topic)
    for index in range(NUM_PAIRS):
        add(rng.sample(range(len(scenes)), 2), index % 2, rng.choice(vl_demo_scenes.TOPICS))
    for _ in range(NUM_TEXT_FIRST):
        add([rng.randrange(len(scenes))], 0, rng.choice(vl_demo_scenes.TOPICS), text_first=True)
    return found


class Answerer:
    """transformers' model, in float32 and greedy."""

    def __init__(self, folder):
        self._model = vl_demo_model.load_model(folder)
        self._tokenizer = vl_demo_model.load_tokenizer(folder)
        self._processor = vl_demo_model.load_image_processor(folder)

    def _inputs(self, messages, images):
        pixels = self._processor(images, return_tensors="pt")
        pad = vl_demo_model.IDS["<|image_pad|>"]
        sizes = iter((pixels["image_grid_thw"].prod(-1) // 4).tolist())
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = []
        for token in self._tokenizer.encode(text, add_special_tokens=False):
            ids += [pad] * next(sizes) if token == pad else [token]
        ids = torch.tensor([ids])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": (ids == pad).int(),
                **pixels}

    @torch.no_grad()
    def __call__(self, item, images):
        """(the answer, the prompt's tokens)."""
        parts = [{"type": "image"} for _ in images]
        parts.insert(0 if item["text_first"] else len(parts), {"type": "text", "text": item["question"]})
        inputs = self._inputs([{"role": "user", "content": parts}], images)
        length = inputs["input_ids"].shape[1]
        out = self._model.generate(**inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
        return self._tokenizer.decode(out[0, length:], skip_special_tokens=True), length


def groups(items):
    """The questions by name: all, those of a topic, and those that differ in other ways."""
    found = {"all": items}
    for topic in vl_demo_scenes.TOPICS:
        found[topic] = [item for item in items if item["topic"] == topic]
    found["two images"] = [item for item in items if len(item["images"]) == 2]
    found["question first"] = [item for item in items if item["text_first"]]
    found["unseen pair"] = [item for item in items if item["unseen"]]
    return found


def write(folder, seed):
    target = pathlib.Path(folder) / "questions"
    target.mkdir(exist_ok=True)
    drawn = draw(seed)
    names = [f"{index:02}.{extension}" for index, (_, extension, _) in enumerate(drawn)]
    images = {}
    for name, (_, _, content) in zip(names, drawn):
        (target / name).write_bytes(content)
        images[name] = vl_demo_scenes.read_image(content)
    items = questions([scene for scene, _, _ in drawn], names, seed)
    answer = Answerer(folder)
    for item in items:
        item["greedy"], item["prompt_tokens"] = answer(item, [images[name] for name in item["images"]])
        if item["greedy"] != item["answer"]:
            print(item)
    lines = ",\n".join(json.dumps(item) for item in items)
    (target / "questions.json").write_text(f"[\n{lines}\n]\n")
    for name, group in groups(items).items():
        right = sum(item["greedy"] == item["answer"] for item in group)
        print(f"{name}: {right} of {len(group)} right ({right / len(group):.1%})")
