"""Images: a small trained vision-language model is asked about them, as a client asks (tools/make_vl_demo.py made it)."""

import base64
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from conftest import MODELS, ROOT
from picture import data_url, image_part, message, png
from server import Server

DEMO = MODELS / "vl_demo"
QUESTIONS = DEMO / "questions"
GREEDY = {"model": "vl_demo", "temperature": 0, "max_tokens": 32}
# Tokens before an image that begins a message: <|im_start|>user\n<|vision_start|>.
TOKENS_BEFORE = 4
# Of the demo's answers to questions that it was not trained with, and of those of each kind; transformers' are as often
# right.
LEAST_RIGHT, LEAST_RIGHT_OF_A_KIND = 0.95, 0.85
RED, BLUE = (215, 30, 35), (35, 70, 215)


@pytest.fixture(scope="module")
def questions():
    return json.loads((QUESTIONS / "questions.json").read_text())


@pytest.fixture(scope="module")
def server(braid):
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return server.client()


@pytest.fixture(scope="module")
def answers(client, questions):
    """To all questions, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda item: ask(client, as_message(item)), questions))


def content_of(name):
    return (QUESTIONS / name).read_bytes()


def as_message(item):
    images = [content_of(name) for name in item["images"]]
    return message(item["question"], *images) if item["text_first"] else message(*images, item["question"])


def ask(client, messages, **options):
    return client.chat.completions.create(messages=messages, **{**GREEDY, **options})


def text_of(answer):
    return answer.choices[0].message.content


def share(values):
    values = list(values)
    return sum(values) / len(values)


def rejected(client, *parts):
    """The message of the 400 that this request must get."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, message(*parts))
    return caught.value.body["message"]


def expect_it_goes_on(client, questions):
    """The server answers as before."""
    item = next(q for q in questions if q["greedy"] == q["answer"])
    assert text_of(ask(client, as_message(item))) == item["answer"]


def test_held_out_questions_are_answered_right(answers, questions):
    wrong = [(q, text_of(a)) for a, q in zip(answers, questions) if text_of(a) != q["answer"]]
    assert len(questions) >= 200 and len({name for q in questions for name in q["images"]}) >= 60
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(questions), wrong


def test_the_answers_are_those_of_transformers(answers, questions):
    other = [(q, text_of(a)) for a, q in zip(answers, questions) if text_of(a) != q["greedy"]]
    assert len(other) <= 0.02 * len(questions), other


def test_images_take_as_many_tokens_as_in_transformers(answers, questions):
    assert [a.usage.prompt_tokens for a in answers] == [q["prompt_tokens"] for q in questions]


def test_every_kind_of_question_is_answered_right(answers, questions):
    """Of every topic; two images at once, a question before its image, JPEG and PNG, pairs of colour and kind that
    training never showed: none is worse than the rest by much."""
    right = [(text_of(a) == q["answer"], q) for a, q in zip(answers, questions)]
    kinds = {topic: lambda q, topic=topic: q["topic"] == topic for topic in {q["topic"] for q in questions}}
    assert len(kinds) == 9
    kinds |= {"two images": lambda q: len(q["images"]) == 2, "text first": lambda q: q["text_first"],
              "PNG": lambda q: q["images"][0].endswith(".png"), "JPEG": lambda q: q["images"][0].endswith(".jpg"),
              "unseen pairs": lambda q: q["unseen"]}
    for kind, belongs in kinds.items():
        group = [ok for ok, q in right if belongs(q)]
        assert len(group) >= 10 and share(group) >= LEAST_RIGHT_OF_A_KIND, kind


def test_two_images_keep_their_order(client, questions):
    """The same images the other way round are asked for by the other number."""
    other = {"first": "second", "second": "first"}
    pairs = [q for q in questions if len(q["images"]) == 2]
    same = []
    for item in pairs:
        turned = {**item, "images": item["images"][::-1],
                  "question": re.sub("first|second", lambda found: other[found[0]], item["question"])}
        same.append(text_of(ask(client, as_message(turned))) == item["greedy"])
    assert len(pairs) >= 10 and share(same) >= 0.85


def test_images_may_stand_anywhere_among_text(client, questions):
    item = next(q for q in questions if len(q["images"]) == 2)
    first, second = (content_of(name) for name in item["images"])
    among = ask(client, message(first, "and", second, item["question"]))
    assert among.usage.prompt_tokens > item["prompt_tokens"]
    assert text_of(among)
    # In an earlier message of the conversation too.
    alone = next(q for q in questions if len(q["images"]) == 1 and q["greedy"] == q["answer"])
    talk = as_message(alone) + [{"role": "assistant", "content": alone["answer"]}]
    later = ask(client, talk + [{"role": "user", "content": alone["question"]}])
    assert later.usage.prompt_tokens > alone["prompt_tokens"] and text_of(later)


def test_the_same_image_is_found_in_the_prefix_cache_and_another_is_not(client, server):
    red, blue = png(512, 512, RED), png(512, 512, BLUE)
    repeated = 4  # times: an image has 9 tokens, and one that marks its begin, and one its end
    num_image_tokens = repeated * 11

    def cached(image, question="What is in the image?"):
        usage = ask(client, message(*[image] * repeated, question)).usage
        assert usage.prompt_tokens > TOKENS_BEFORE + num_image_tokens
        return usage.prompt_tokens_details.cached_tokens

    server.post("/flush_cache", {})
    assert cached(red) == 0
    assert cached(blue) <= TOKENS_BEFORE
    page = 16  # at most so many tokens of a hit are computed again
    for image in (red, blue):
        assert cached(image) > num_image_tokens - page
        assert cached(image, "How many shapes are there?") > num_image_tokens - page
    # The same pixels in another file are another image: the content's bytes are the key.
    assert cached(png(512, 512, RED, None) + b" ") <= TOKENS_BEFORE


def test_a_hit_in_the_cache_changes_no_answer(client, server, questions):
    item = questions[0]
    server.post("/flush_cache", {})
    options = {"logprobs": True, "top_logprobs": 3}
    cold, warm = (ask(client, as_message(item), **options) for _ in range(2))
    assert warm.usage.prompt_tokens_details.cached_tokens > 0
    assert warm.choices[0] == cold.choices[0]


def test_a_stream_says_the_same(client, questions):
    item = max(questions, key=lambda q: len(q["greedy"]))
    whole = ask(client, as_message(item))
    chunks = list(ask(client, as_message(item), stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == text_of(whole) and len([t for t in texts if t]) > 1
    assert chunks[-1].usage.prompt_tokens == item["prompt_tokens"]


def test_files_are_read_below_the_allowed_folder_only(braid, client, questions, tmp_path):
    item = next(q for q in questions if len(q["images"]) == 1 and not q["text_first"])
    path = (QUESTIONS / item["images"][0]).resolve()
    assert "--allowed-local-media-path" in rejected(client, image_part(path.as_uri()), item["question"])
    outside = tmp_path / "outside.png"
    outside.write_bytes(png(64, 64, RED))
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB", "--allowed-local-media-path", QUESTIONS) as running:
        local = running.client()
        assert text_of(ask(local, message(image_part(path.as_uri()), item["question"]))) == item["greedy"]
        for url in (outside.as_uri(), (QUESTIONS / ".." / "config.json").as_uri(), "file:///nowhere/at/all.png",
                    QUESTIONS.as_uri()):
            assert "below --allowed-local-media-path" in rejected(local, image_part(url), item["question"])


def test_remote_images_need_a_flag(client):
    message_text = rejected(client, image_part("http://127.0.0.1:1/image.png"), "What is in the image?")
    assert "--allow-remote-media" in message_text


JPEG = next(path for path in sorted(QUESTIONS.glob("*.jpg"))) if QUESTIONS.exists() else None
# What is sent as an image, and what the error must name.
BAD_IMAGES = {
    "empty": (lambda: data_url(b"", "png"), "no bytes"),
    "of no known type": (lambda: data_url(b"not an image at all"), "must be JPEG, PNG or WebP"),
    "a GIF": (lambda: data_url(b"GIF89a" + bytes(100), "png"), "a GIF image"),
    "too wide": (lambda: data_url(png(40_000, 300, RED, bytes(50_000))), "32768"),
    "too many pixels": (lambda: data_url(png(9000, 9000, RED, bytes(300_000))), "67108864"),
    "larger than its bytes": (lambda: data_url(png(30_000, 30_000, RED, b"")), "cannot hold 30000 x 30000"),
    "without pixels": (lambda: data_url(png(0, 8, RED, b"")), "at least 1 x 1"),
    "too narrow": (lambda: data_url(png(1000, 2, RED)), "200"),
    "a JPEG cut off": (lambda: data_url(JPEG.read_bytes()[:-300]), "image 0"),
    "a JPEG's header alone": (lambda: data_url(JPEG.read_bytes()[:40]), "image 0"),
    "a PNG cut off": (lambda: data_url(png(64, 64, RED)[:-20]), "image 0"),
    "damaged pixels": (lambda: data_url(png(64, 64, RED, b"\0" * 50)), "image 0"),
    "no base64": (lambda: "data:image/png;base64,????", "data: URL"),
    "no URL": (lambda: "ftp://example.org/image.png", "data: URL"),
}


@pytest.mark.parametrize("what", BAD_IMAGES)
def test_a_bad_image_is_refused_and_the_server_goes_on(client, questions, what):
    url, named = BAD_IMAGES[what]
    assert named in rejected(client, image_part(url()), "What is in the image?")
    expect_it_goes_on(client, questions)


def test_a_bad_image_beside_a_good_one_fails_its_own_request_only(client, questions):
    item = next(q for q in questions if q["greedy"] == q["answer"] and len(q["images"]) == 1)
    cut = JPEG.read_bytes()[:-300]
    with ThreadPoolExecutor(4) as pool:
        good = [pool.submit(ask, client, as_message(item)) for _ in range(6)]
        bad = [pool.submit(rejected, client, content_of(item["images"][0]), cut, "What is in the first image?")
               for _ in range(3)]
        assert all("image 1" in answer.result() for answer in bad)
        assert {text_of(answer.result()) for answer in good} == {item["answer"]}


def test_too_many_images_are_refused(braid):
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB", "--max-images", "2") as running:
        image = png(64, 64, RED)
        assert text_of(ask(running.client(), message(image, image, "What is in the first image?")))
        assert "more than 2 images" in rejected(running.client(), image, image, image, "What is in the image?")


def prompt_of(item):
    """What the chat template makes of it."""
    images = "<|vision_start|><|image_pad|><|vision_end|>" * len(item["images"])
    text = item["question"] + images if item["text_first"] else images + item["question"]
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_generate_takes_image_data(server, questions):
    """A URL or base64, one or several for a prompt, and a list for each of several prompts."""
    single = [q for q in questions if len(q["images"]) == 1][:3]
    pair = next(q for q in questions if len(q["images"]) == 2)
    sampling = {"temperature": 0, "max_new_tokens": 32}

    def generate(text, image_data):
        answer = server.post("/generate", {"text": text, "image_data": image_data, "sampling_params": sampling})
        assert answer.status == 200, answer.body
        return answer.json()

    def base64_of(name):
        return base64.b64encode(content_of(name)).decode()

    for write in (base64_of, lambda name: data_url(content_of(name))):
        answer = generate(prompt_of(single[0]), write(single[0]["images"][0]))
        assert answer["text"] == single[0]["greedy"]
        assert answer["meta_info"]["prompt_tokens"] == single[0]["prompt_tokens"]
        assert generate(prompt_of(pair), [write(name) for name in pair["images"]])["text"] == pair["greedy"]
    several = generate([prompt_of(q) for q in single], [base64_of(q["images"][0]) for q in single])
    assert [answer["text"] for answer in several] == [q["greedy"] for q in single]

    missing = server.post("/generate", {"text": prompt_of(pair), "image_data": [base64_of(pair["images"][0])],
                                        "sampling_params": sampling})
    assert missing.status == 400 and "1 images" in missing.error()["message"]


def test_a_model_of_text_alone_refuses_images(braid, tiny_model):
    with Server(braid, tiny_model, "--served-model-name", "vl_demo") as running:
        assert "takes no images" in rejected(running.client(), png(64, 64, RED), "What is in the image?")
        answer = running.post("/generate", {"text": "hello", "image_data": data_url(png(64, 64, RED))})
        assert answer.status == 400 and "takes no images" in answer.error()["message"]
        assert ask(running.client(), message("hello")).usage.completion_tokens > 0


@pytest.mark.parametrize("layout", [("--tp-size", 2), ("--tp-size", 2, "--dp-size", 2, "--enable-dp-attention"),
                                    ("--tp-size", 4, "--dp-size", 2, "--enable-dp-attention")], ids=str)
def test_ranks_answer_the_same(braid, questions, layout):
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB", *layout) as running:
        client = running.client()
        some = questions[::5]
        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(lambda item: text_of(ask(client, as_message(item))), some))
    assert share(text == item["greedy"] for text, item in zip(given, some)) >= 0.97


FIRST_IMAGE, FIRST_QUESTION = "00.jpg", "What is in the image?"  # of README


@pytest.fixture(scope="module")
def first_answer(client):
    return text_of(ask(client, message(content_of(FIRST_IMAGE), FIRST_QUESTION)))


def test_the_example_in_readme_answers(server, first_answer):
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    snippet = next(text for text in snippets if "image_url" in text)
    assert FIRST_IMAGE in snippet and FIRST_QUESTION in snippet
    done = subprocess.run([sys.executable, "-"], input=snippet.replace("http://127.0.0.1:30000", server.url), cwd=ROOT,
                          capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, first_answer), done.stderr


def test_the_example_program_answers(braid, first_answer):
    program = pathlib.Path(braid.path).parent / "examples" / "example_ask_image"
    assert program.exists(), f"{program} is not there: build example_ask_image"

    def run(image):
        return subprocess.run([program, DEMO, FIRST_QUESTION, image], capture_output=True, text=True, timeout=120,
                              check=False)

    done = run(QUESTIONS / FIRST_IMAGE)
    assert (done.returncode, done.stdout.strip()) == (0, first_answer), done.stderr
    wrong = run(ROOT / "README.md")
    assert wrong.returncode == 1 and "must be JPEG, PNG or WebP" in wrong.stderr
