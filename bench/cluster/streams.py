"""Many streams at once, each with the time at which its tokens came."""

import asyncio
import json
import time

TOPICS = ["rivers", "glass", "bridges", "bread", "comets", "chess", "moss", "trains", "salt", "clocks"]


def bodies(count, num_tokens):
    """All different: greedy and sampled, of several lengths, with penalties, logprobs and stop strings among them."""
    more = [{}, {"temperature": 0.9, "seed": 7}, {"temperature": 0.7, "seed": 3, "presence_penalty": 0.5},
            {"temperature": 0.8, "seed": 1, "logprobs": 2}, {"stop": ["zebra crossing"]}]
    return [{"prompt": f"Number {i}: tell me about {TOPICS[i % len(TOPICS)]}. " * (1 + i % 4),
             "max_tokens": num_tokens + 7 * (i % 5), "temperature": 0, "ignore_eos": True, "stream": True,
             **more[i % len(more)]} for i in range(count)]


class Stream:
    """One answer: its text, when each event came, and why it is not whole, if it is not."""

    def __init__(self):
        self.texts = []
        self.times_s = []
        self.num_events = 0
        self.error = None

    @property
    def text(self):
        return "".join(self.texts)

    def take(self, event):
        self.num_events += 1
        if event == "[DONE]":
            return
        data = json.loads(event)
        if "error" in data:
            raise ValueError(data["error"]["message"])
        self.times_s.append(time.monotonic())
        self.texts += [choice["text"] for choice in data["choices"]]

    def next_s(self, since_s):
        """From then to its next event; None if it had its last one before."""
        return next((at - since_s for at in self.times_s if at > since_s), None)


async def read_stream(address, method, path, body, stream):
    """Until its end. What is wrong is the stream's error."""
    is_whole = False
    writer = None
    try:
        reader, writer = await asyncio.open_connection(*address)
        data = json.dumps(body).encode() if body is not None else b""
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                     f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError((head + await reader.read()).decode())
        async for line in reader:
            if line.startswith(b"data: "):
                event = line.decode().removeprefix("data: ").strip()
                stream.take(event)
                is_whole = event == "[DONE]"
        if not is_whole:
            raise ValueError("it ends in the middle")
        stream.error = None
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        stream.error = f"{type(error).__name__}: {error}"
    finally:
        if writer is not None:
            writer.close()  # also of a reader that is cancelled


async def run_all(address, all_bodies, streams):
    await asyncio.gather(*[read_stream(address, "POST", "/v1/completions", body, stream)
                           for body, stream in zip(all_bodies, streams)])


async def read_named(address_of, rid, body, stream, timeout_s=300):
    """The same with a name: goes on wherever a front is, `address_of()`, behind the events that it has had."""
    until_s = time.monotonic() + timeout_s
    await read_stream(address_of(), "POST", "/v1/completions", {**body, "rid": rid}, stream)
    while stream.error is not None and time.monotonic() < until_s:
        await asyncio.sleep(0.05)
        rest = f"/v1/streams/{rid}?resume_from={stream.num_events}"
        await read_stream(address_of(), "GET", rest, None, stream)
        if stream.num_events == 0 and stream.error is not None and " 404 " in stream.error:  # it was not accepted
            await read_stream(address_of(), "POST", "/v1/completions", {**body, "rid": rid}, stream)


async def run_all_named(address_of, all_bodies, streams):
    await asyncio.gather(*[read_named(address_of, f"stream-{i}", body, stream)
                           for i, (body, stream) in enumerate(zip(all_bodies, streams))])
