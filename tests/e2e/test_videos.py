"""Videos as lists of frames: the small vision-language model is asked about some, as a client asks. It was not trained
with videos, so what it says is compared between ways to ask, and held to transformers elsewhere
(src/braid/api/image_placer_test.cc, src/braid/worker/image_prompts_test.cc)."""

import base64
import shutil

import openai
import pytest
from conftest import MODELS
from picture import data_url, image_part, message, png, video_part
from server import Server

DEMO = MODELS / "vl_demo"
JPEGS = sorted((MODELS / "vl_demo" / "questions").glob("*.jpg"))
GREEDY = {"model": "vl_demo", "temperature": 0, "max_tokens": 16, "logprobs": True, "top_logprobs": 2,
          "extra_body": {"ignore_eos": True}}
QUESTION = "What is in the image?"
FRAMES = [png(128, 96, (60 * i, 220 - 50 * i, 40)) for i in range(4)]
# Of <|im_start|>user\n before a video, and of a pair: <0.3 seconds> is seven tokens here, then a start, the frames (the
# processor leaves 12288 pixels to all four, so each has 64 x 32), and an end.
TOKENS_BEFORE, TOKENS_OF_A_PAIR = 3, 7 + 1 + 2 + 1


@pytest.fixture(scope="module")
def server(braid):
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB") as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return server.client()


def ask(client, *parts):
    return client.chat.completions.create(messages=message(*parts), **GREEDY)


def rejected(client, *parts):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, *parts)
    return caught.value.body["message"]


@pytest.fixture(scope="module")
def answer(client):
    return ask(client, video_part(FRAMES, fps=2.0), QUESTION)


def test_pairs_of_frames_take_their_tokens(client, answer):
    text_alone = ask(client, QUESTION).usage.prompt_tokens
    outer = 2  # the chat template's start and end of vision
    assert answer.usage.prompt_tokens == text_alone + outer + 2 * TOKENS_OF_A_PAIR
    odd = ask(client, video_part(FRAMES[:3], fps=2.0), QUESTION)
    assert odd.usage.prompt_tokens == answer.usage.prompt_tokens, "the last frame fills a pair"


def test_a_video_is_more_than_its_images(client, answer):
    for other in (ask(client, *FRAMES, QUESTION), ask(client, video_part(FRAMES[::-1], fps=2.0), QUESTION),
                  ask(client, video_part(FRAMES, fps=0.5), QUESTION)):
        assert other.choices[0].logprobs != answer.choices[0].logprobs


def test_the_same_video_is_found_in_the_prefix_cache(client, server):
    def cached(frames, fps=2.0):
        return ask(client, video_part(frames, fps=fps), QUESTION).usage.prompt_tokens_details.cached_tokens

    frames = [png(128, 96, (40 * i, 40, 40)) for i in range(4)]
    server.post("/flush_cache", {})
    assert cached(frames) == 0
    assert cached(frames) > TOKENS_BEFORE + 2 * TOKENS_OF_A_PAIR
    assert cached([*frames[:2], frames[3], frames[2]]) <= TOKENS_BEFORE + 2 + 2 * TOKENS_OF_A_PAIR
    assert cached(frames[::-1]) <= TOKENS_BEFORE + 1 + 7 + 1


def test_other_spellings_say_the_same(client, server, answer, braid, tmp_path):
    jpegs = ",".join(base64.b64encode(frame).decode() for frame in FRAMES)
    url = f"data:video/jpeg;base64,{jpegs}"
    for part in ({"type": "video_url", "video_url": {"url": url}}, {"type": "video_url", "video_url": url, "fps": 2},
                 {"type": "video", "video": url}, video_part(FRAMES), video_part(FRAMES, sample_fps=2.0)):
        assert ask(client, part, QUESTION).choices[0] == answer.choices[0]
    text = ("<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>" + QUESTION +
            "<|im_end|>\n<|im_start|>assistant\n")
    sampling = {"temperature": 0, "max_new_tokens": 16, "ignore_eos": True}
    for data in (url, {"video": [data_url(frame) for frame in FRAMES], "fps": 2.0}, [url]):
        generated = server.post("/generate", {"text": text, "video_data": data, "sampling_params": sampling})
        assert generated.status == 200, generated.body
        assert generated.json()["text"] == answer.choices[0].message.content
        assert generated.json()["meta_info"]["prompt_tokens"] == answer.usage.prompt_tokens
    for index, frame in enumerate(FRAMES):
        (tmp_path / f"{index}.png").write_bytes(frame)
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB", "--allowed-local-media-path", tmp_path) as local:
        named = {"type": "video", "video": [(tmp_path / f"{index}.png").as_uri() for index in range(len(FRAMES))]}
        assert ask(local.client(), named, QUESTION).choices[0] == answer.choices[0]


def test_videos_and_images_stand_anywhere(client):
    image = JPEGS[0].read_bytes()
    several = ask(client, image, "first", video_part(FRAMES), "then", video_part(FRAMES[:1], fps=30), image, QUESTION)
    assert several.usage.prompt_tokens > 3 * TOKENS_OF_A_PAIR and several.choices[0].message.content


BAD_VIDEOS = {
    "a file": ({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}, "video files are not decoded"),
    "another type": ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}, "not decoded"),
    "no frames": (video_part([]), "has no frames"),
    "two sizes": (video_part([FRAMES[0], png(96, 128, (1, 2, 3))]), "video 0: frame 1 has 96 x 128 pixels"),
    "a bad frame": (video_part([FRAMES[0], b"GIF89a" + bytes(100)]), "video 0: frame 1: "),
    "a damaged frame": (video_part([FRAMES[0], png(128, 96, (1, 2, 3))[:-20]]), "frame 1 of a pair"),
    "a large frame": (video_part([png(40_000, 300, (1, 2, 3), bytes(50_000))]), "32768"),
    "no rate": (video_part(FRAMES, fps=0), "fps is 0: must be from 0.001 to 1000"),
    "a word for a rate": (video_part(FRAMES, fps="fast"), "must be a number"),
    "unknown keys": (video_part(FRAMES, max_pixels=5), '"max_pixels", which is not supported'),
    "a remote frame": ({"type": "video", "video": ["http://127.0.0.1:1/a.png"]}, "--allow-remote-media"),
    "too many frames": (video_part([FRAMES[0]] * 257), "has 257 frames: at most 256 are allowed"),
}


@pytest.mark.parametrize("what", BAD_VIDEOS)
def test_a_bad_video_is_refused_and_the_server_goes_on(client, answer, what):
    part, named = BAD_VIDEOS[what]
    assert named in rejected(client, part, QUESTION)
    assert ask(client, video_part(FRAMES), QUESTION).choices[0] == answer.choices[0]


def test_frames_count_as_images(braid):
    with Server(braid, DEMO, "--kv-cache-memory-bytes", "64MB", "--max-images", "3") as running:
        client = running.client()
        assert ask(client, video_part(FRAMES[:3]), QUESTION)
        assert "more than 3 images" in rejected(client, video_part(FRAMES), QUESTION)
        assert "more than 3 images" in rejected(client, video_part(FRAMES[:3]), image_part(data_url(FRAMES[0])), "What?")
        answer = running.post("/generate", {"text": "<|video_pad|>", "video_data": {
            "video": [data_url(frame) for frame in FRAMES]}})
        assert answer.status == 400 and "at most 3" in answer.error()["message"]


def test_models_without_videos_say_what_they_take(braid, tiny_model, tmp_path):
    with Server(braid, tiny_model, "--served-model-name", "vl_demo") as running:
        assert rejected(running.client(), video_part(FRAMES), QUESTION) == "this model takes no videos: send text alone"
    folder = tmp_path / "model"
    shutil.copytree(DEMO, folder)
    (folder / "video_preprocessor_config.json").write_text('{"video_processor_type": "OtherVideoProcessor"}')
    with Server(braid, folder, "--served-model-name", "vl_demo", "--kv-cache-memory-bytes", "64MB") as running:
        client = running.client()
        assert rejected(client, video_part(FRAMES), QUESTION) == "this model takes no videos: send text and images"
        assert "it takes no videos: video_preprocessor_config.json" in running.read_log()
        assert ask(client, JPEGS[0].read_bytes(), QUESTION).choices[0].message.content
