"""What hostile and broken clients do to a server. Each attack runs one round against it and returns how the server reacted.
An answer that a server must not give is an AssertionError. Attacks use plain sockets, so that no library cleans up what they send."""

import contextlib
import json
import socket
import struct
import time

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
# Allowed answers to nonsense: the server understood it after all, refused it with a reason, or is busy.
REFUSED = {400, 404, 405, 408, 411, 413, 414, 415, 417, 429, 431, 501, 503, 505}
ANSWERED = REFUSED | {200}

ATTACKS = []


def attack(function):
    ATTACKS.append(function)
    return function


class Raw:
    """One connection, byte by byte."""

    def __init__(self, address, timeout=30, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(address)

    def send(self, data):
        """Returns False if the server has closed the connection."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self, limit=1 << 20):
        """Everything until the server closes the connection, up to `limit` bytes."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while len(data) < limit and (piece := self.socket.recv(65536)):
                data += piece
        return data

    def status(self):
        """The status of the next answer; "closed" if the server closed the connection without one."""
        head = b""
        with contextlib.suppress(ConnectionResetError):
            while b"\r\n" not in head and (piece := self.socket.recv(65536)):
                head += piece
        return int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else "closed"

    def reset(self):
        """Aborts the connection: RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def head(path=CHAT, length=None, method="POST", extra=""):
    lines = f"{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n{extra}"
    return (lines + (f"Content-Length: {length}\r\n" if length is not None else "") + "\r\n").encode()


def post(address, path, body, allowed=ANSWERED, **options):
    """The status of one request. `body`: bytes, or a value to send as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with Raw(address, **options) as raw:
        raw.send(head(path, len(data), extra="Connection: close\r\n") + data)
        status = raw.status()
    assert status in allowed, f"{status} for {data[:200]!r}"
    return status


def nested_schema(levels):
    """As text, because Python's json module fails at a thousand levels."""
    return '{"type": "object", "properties": {"a": ' * levels + '{"type": "null"}' + '}, "required": ["a"]}' * levels


def exponential_references(levels):
    definitions = {f"d{i}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{i + 1}"}] * 8} for i in range(levels)}
    definitions[f"d{levels}"] = {"type": "null"}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


@attack
def hard_schemas(address, random):
    schema = random.choice([
        nested_schema(30), nested_schema(500), nested_schema(5000), exponential_references(30),
        {"enum": [f"value {i}" for i in range(10_000)]},
        {"$ref": "#"}, {"$ref": "http://elsewhere.example/schema"}, {"allOf": [{"$ref": "#"}]},
        {"type": "string", "pattern": "^(a|a)*(b|b)*a{1,99999}$"}, {"type": "string", "maxLength": 10**18},
        {"type": "array", "minItems": 10**9}, {"type": "integer", "minimum": 1, "maximum": 0}, False, {"type": "nothing"},
        {"type": "object", "properties": {f"p{i}": {"type": "null"} for i in range(50_000)}},
    ])
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return post(address, CHAT, f'''{{"messages": {json.dumps(HELLO)}, "max_tokens": 4, "response_format":
        {{"type": "json_schema", "json_schema": {{"name": "s", "schema": {text}}}}}}}'''.encode())


@attack
def hard_patterns(address, random):
    pattern = random.choice(["a{1,99999}", "((a{1,999}){1,999}){1,999}", "(" * 5000 + ")" * 5000, "(a+)+$", r"(a)\1", "[", "(?=a)",
                             r"\p{Nothing}", "[^\\x00-\\x{10ffff}]", "|".join("ab" * i for i in range(300)), "(?:a?){5000}"])
    form = random.choice([{"regex": pattern}, {"structured_outputs": {"regex": pattern}}, {"guided_regex": pattern},
                          {"ebnf": f"root ::= {pattern}"}, {"ebnf": "root ::= root root"}, {"ebnf": "root ::= " + '"a" ' * 50_000}])
    return post(address, CHAT, {"messages": HELLO, "max_tokens": 4, **form})


@attack
def many_keys(address, random):
    many = {f"key {i}": i for i in range(50_000)}
    body = random.choice([{"messages": HELLO, "max_tokens": 1, **many}, {"messages": HELLO, "max_tokens": 1, "logit_bias": many},
                          {"messages": HELLO, "max_tokens": 1, "chat_template_kwargs": many},
                          {"messages": HELLO, "max_tokens": 1, "metadata": many}])
    return post(address, CHAT, body)


@attack
def nested_brackets(address, random):
    bracket = random.choice([b"[", b'{"a":', b'[{"a":'])
    return post(address, random.choice([CHAT, "/generate", "/tokenize"]), bracket * 10_000, REFUSED)


@attack
def invalid_utf8(address, random):
    broken = random.choice([b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
    return post(address, CHAT, b'{"messages": [{"role": "user", "content": "' + broken + b'"}], "max_tokens": 1}', REFUSED)


@attack
def absurd_numbers(address, random):
    number = random.choice(["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "-1", "-0.0", "1e-999", "9223372036854775808",
                            "18446744073709551616", "0x10", "01", "1.", "true", '"1"', "[1]", "null"])
    name = random.choice(["temperature", "max_tokens", "top_p", "top_k", "n", "seed", "min_p", "logprobs", "top_logprobs", "priority",
                          "timeout", "frequency_penalty", "repetition_penalty", "min_tokens"])
    body = f'{{"messages": [{{"role": "user", "content": "hi"}}], "max_completion_tokens": 2, "{name}": {number}}}'
    return post(address, CHAT, body.encode())


@attack
def huge_bodies(address, random):
    """100 MB, announced or in chunks: the server must refuse early and keep none of it."""
    block = b"x" * 65536
    with Raw(address) as raw:
        if random.random() < 0.5:
            raw.send(head(length=100 << 20))
        else:
            raw.send(head(extra="Transfer-Encoding: chunked\r\n"))
            block = b"10000\r\n" + block + b"\r\n"
        for _ in range((100 << 20) // 65536):
            if not raw.send(block):
                break
        status = raw.status()
    assert status in (413, "closed"), status
    return status


@attack
def half_bodies(address, random):
    with Raw(address) as raw:
        raw.send(head(length=1000) + b'{"messages": [')
        if random.random() < 0.5:
            return "left"
        status = raw.status()  # as long as the server waits
    assert status in (408, "closed"), status
    return status


@attack
def slow_heads(address, random):
    with Raw(address) as raw:
        for byte in head(length=2):
            if not raw.send(bytes([byte])):
                break
            time.sleep(0.2)
            if random.random() < 0.01:
                return "left"
        status = raw.status()
    assert status in (408, "closed"), status
    return status


@attack
def never_reads(address, random):
    """A long stream that the client never reads. The server must give it up without harm to other clients."""
    body = json.dumps({"messages": HELLO, "stream": True, "ignore_eos": True, "logprobs": True, "top_logprobs": 20, "max_tokens": 200})
    with Raw(address, receive_buffer=4096) as raw:
        for _ in range(20):
            raw.send(head(length=len(body)) + body.encode())
        time.sleep(random.uniform(0.1, 4))
    return "left"


@attack
def floods(address, random):
    """Hundreds of silent connections at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(Raw(address))
        time.sleep(random.uniform(0, 0.5))
    return "left"


@attack
def resets(address, random):
    body = json.dumps({"messages": HELLO, "stream": True, "ignore_eos": True, "max_tokens": 100}).encode()
    raw = Raw(address)
    whole = head(length=len(body)) + body
    raw.send(whole[:random.randrange(1, len(whole) + 1)])
    time.sleep(random.choice([0, 0.001, 0.05, 0.3]))
    raw.reset()
    return "reset"


@attack
def pipelines(address, random):
    """Fifty requests in one write: all must be answered, in order."""
    with Raw(address) as raw:
        raw.send(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n" * 49 + b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answers = raw.receive().count(b"HTTP/1.1 200 ")
    assert answers == 50, answers
    return answers


@attack
def wrong_methods(address, random):
    method = random.choice(["DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "FROB", "get", "G" * 5000])
    with Raw(address) as raw:
        raw.send(head(random.choice([CHAT, "/", "/health", "/v1/models"]), 0, method, "Connection: close\r\n"))
        status = raw.status()
    assert status in REFUSED | {"closed"}, status
    return status


@attack
def path_tricks(address, random):
    path = random.choice(["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cboot.ini", "/%00", "//v1//models", "/v1/models/..",
                          "/v1/models/" + "a" * 6000, "/v1/models/%ff%fe", "/?a=" + "%" * 500, "/index.html%00.js", "http://elsewhere.example/",
                          "*", "/v1/models/%3Cscript%3E", "/./health", "/health/", "/%", "/%zz"])
    with Raw(address) as raw:
        raw.send(head(path, None, "GET", "Connection: close\r\n"))
        answer = raw.receive()
    assert b"root:" not in answer
    if not answer:
        return "closed"
    status = int(answer.split(b" ", 2)[1])
    assert status in ANSWERED, status
    return status


@attack
def odd_heads(address, random):
    length = b"Content-Length: 2\r\n"
    lines = random.choice([
        length * 2, length + b"Content-Length: 3\r\n", length + b"Transfer-Encoding: chunked\r\n", b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 0x2\r\n", b"Transfer-Encoding: gzip\r\n", b"X: a\r\n b\r\n" + length,
        b"X\x00: a\r\n" + length, b"X : a\r\n" + length, b"".join(b"X-%d: y\r\n" % i for i in range(3000)), b"X: " + b"y" * 200_000 + b"\r\n",
        b"Expect: 200-maybe\r\n" + length, b"Expect: 100-continue\r\n" + length, b"\r\n", b"Host: other\r\n" + length])
    with Raw(address) as raw:
        raw.send(b"POST /tokenize HTTP/1.1\r\nHost: here\r\nConnection: close\r\n" + lines + b"\r\n{}")
        status = raw.status()
    assert status in REFUSED | {100, "closed"}, f"{status} for {lines[:80]!r}"
    return status


@attack
def noise(address, random):
    data = random.choice([random.randbytes(2000), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(500), b"\r\n" * 2000,
                          b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 5000])
    with Raw(address) as raw:
        raw.send(data)
        raw.socket.shutdown(socket.SHUT_WR)
        answer = raw.receive()
    assert not answer or int(answer.split(b" ", 2)[1]) in ANSWERED, answer[:100]
    return "answered" if answer else "closed"


@attack
def other_peoples_business(address, random):
    """Cancels other clients' requests and empties the cache while they use it."""
    path, body = random.choice([("/abort_request", {"rid": "nobody's"}), ("/flush_cache", {}), ("/abort_request", {"rid": ["x"] * 1000}),
                                ("/abort_request", {}), ("/abort_request", [])])
    return post(address, path, body)


@attack
def mutated_requests(address, random):
    """A good request with a few bytes, or a few values, changed."""
    body = {"messages": [{"role": "user", "content": "hello"}], "prompt": "hello", "text": "hello", "tokens": [1, 2], "max_tokens": 2,
            "temperature": 0.5, "stop": ["x"], "n": 1, "stream": random.random() < 0.3, "logit_bias": {"3": 1},
            "sampling_params": {"max_new_tokens": 2}, "stream_options": {"include_usage": True}}
    values = [None, True, -1, 1e308, "", "\u0000", "\ud83d\ude00" * 50, [], {}, [[]], [None], {"a": {}}, 2**63, "a" * 10_000]
    for _ in range(random.randrange(3)):
        body[random.choice(list(body))] = random.choice(values)
    data = bytearray(json.dumps(body).encode())
    for _ in range(random.randrange(3)):
        data[random.randrange(len(data))] = random.randrange(256)
    path = random.choice([CHAT, "/v1/completions", "/generate", "/tokenize", "/detokenize", "/abort_request"])
    return post(address, path, bytes(data))


@attack
def long_prompts(address, random):
    text = random.choice(["a" * 900_000, " " * 900_000, "\u0e01" * 200_000, "\U0001f9d1\u200d" * 50_000, "<|im_end|>" * 50_000, "\n" * 500_000,
                          "0123456789" * 50_000])
    return post(address, CHAT, {"messages": [{"role": "user", "content": text}], "max_tokens": 1}, REFUSED, timeout=120)
