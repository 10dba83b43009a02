"""Clients that name their streams, and go on with them wherever a front is."""

import contextlib
import http.client
import json
import time


class NamedStream:
    """One stream: what came of it, over all connections."""

    def __init__(self, rid, body):
        self.rid = rid
        self.body = {"model": "model", "ignore_eos": True, "stream": True, **body, "rid": rid}
        self.events = []
        self.has_asked = False
        self.num_connections = 0  # that had a part of the answer

    @property
    def is_whole(self):
        return bool(self.events) and self.events[-1] == "[DONE]"

    @property
    def text(self):
        return "".join(choice["text"] for event in self.events[:-1] for choice in json.loads(event)["choices"])

    def ask(self, connection):
        """Again, as long as nothing has come, where the server does not know the stream: it was not accepted."""
        if self.has_asked:
            connection.request("GET", f"/v1/streams/{self.rid}?resume_from={len(self.events)}")
            answer = connection.getresponse()
            if answer.status == 200:
                return answer
            said = answer.read().decode()
            assert answer.status == 503 or (answer.status == 404 and not self.events), said
            if answer.status == 503:
                return None
        self.has_asked = True
        connection.request("POST", "/v1/completions", json.dumps(self.body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status == 503:
            return None
        assert answer.status == 200, answer.read().decode()
        return answer

    def read(self, address_of, port, timeout=120):
        """To its end. `address_of()`: where the front is now, as far as the client knows."""
        deadline = time.monotonic() + timeout
        while not self.is_whole:
            assert time.monotonic() < deadline, f"{self.rid} has {len(self.events)} events"
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(address_of(), port, timeout=20)
                with contextlib.closing(connection):
                    answer = self.ask(connection)
                    self.num_connections += 1 if answer is not None else 0
                    while answer is not None and (line := answer.readline()):
                        if line.startswith(b"data: ") and line.endswith(b"\n"):
                            self.events.append(line.removeprefix(b"data: ").decode().strip())
            time.sleep(0.05)
        return self
