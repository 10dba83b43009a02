"""A small Hugging Face hub on this machine, with the faults of a real one."""

import contextlib
import hashlib
import http.server
import json
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Hub:
    """Serves repositories {name: {path: bytes}}. Files of `large_from` bytes or more are "LFS": named by their SHA-256,
    and redirected to another server, as on the real hub."""

    def __init__(self, repositories, large_from=2000):
        self.repositories, self.large_from = repositories, large_from
        self.token = None          # what clients must send
        self.status = None         # (status, X-Error-Code) of every answer
        self.lists_hashes = True   # in the list of files
        self.cut_after = None      # bytes of a large file, then the connection ends; once for each number in the list
        self.stall_after = None    # bytes of a large file, then nothing more comes until `goes_on` is set
        self.has_stalled, self.goes_on = threading.Event(), threading.Event()
        self.pause_s = 0           # between tenths of a large file
        self.ignores_ranges = False
        self.damages = False       # large files' last byte is another
        self.requests = []         # (server, method, path, Range, Authorization)
        self.lock = threading.Lock()
        self.main, self.storage = self.start("hub"), self.start("storage")
        self.url = self.main_url = f"http://127.0.0.1:{self.main.server_port}"
        self.storage_url = f"http://127.0.0.1:{self.storage.server_port}"

    def start(self, name):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                with hub.lock:
                    hub.requests.append((name, self.command, self.path, self.headers.get("Range"),
                                         self.headers.get("Authorization")))
                (hub.answer if name == "hub" else hub.answer_storage)(self)

            do_HEAD = do_GET

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    @staticmethod
    def send(handler, status, body=b"", headers=None, cut_after=None):
        Hub.send_head(handler, status, body, headers, cut_after)
        if handler.command != "HEAD":
            handler.wfile.write(body if cut_after is None else body[:cut_after])

    @staticmethod
    def send_head(handler, status, body, headers, cut_after=None):
        handler.send_response(status)
        for key, value in (headers or {}).items():
            handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(body)))
        if cut_after is not None:
            handler.close_connection = True
        handler.end_headers()

    def send_slowly(self, handler, status, body, headers):
        self.send_head(handler, status, body, headers)
        if self.stall_after is not None:
            handler.wfile.write(body[:self.stall_after])
            self.has_stalled.set()
            self.goes_on.wait(60)
            body = body[self.stall_after:]
        step = max(1, -(-len(body) // 10))
        for begin in range(0, len(body), step):
            handler.wfile.write(body[begin:begin + step])
            time.sleep(self.pause_s)

    def is_large(self, data):
        return len(data) >= self.large_from

    def answer(self, handler):
        parts = urllib.parse.urlsplit(handler.path)
        path = urllib.parse.unquote(parts.path)
        if self.status:
            return self.send(handler, self.status[0], b'{"error": "as told"}', {"X-Error-Code": self.status[1]})
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(handler, 401, b'{"error": "Invalid credentials"}', {"X-Error-Code": "RepoNotFound"})
        for name, files in self.repositories.items():
            if path.startswith(f"/api/models/{name}/revision/"):
                revision = path.removeprefix(f"/api/models/{name}/revision/")
                if revision not in ("main", "refs/pr/1", COMMIT):
                    return self.send(handler, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return self.send(handler, 200, self.listing(name, files))
            if path.startswith(f"/{name}/resolve/{COMMIT}/"):
                file = path.removeprefix(f"/{name}/resolve/{COMMIT}/")
                if file not in files:
                    return self.send(handler, 404, b"", {"X-Error-Code": "EntryNotFound"})
                return self.answer_file(handler, parts.path, files[file])
        return self.send(handler, 404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def listing(self, name, files):
        siblings = []
        for path, data in files.items():
            entry = {"rfilename": path}
            if self.lists_hashes:
                entry |= {"size": len(data), "blobId": git_hash(data)}
                if self.is_large(data):
                    entry |= {"lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": 135}}
            siblings.append(entry)
        return json.dumps({"id": name, "sha": COMMIT, "siblings": siblings}).encode()

    def answer_file(self, handler, raw_path, data):
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(data)}"'}
        if not self.is_large(data):
            return self.send(handler, 200, data, headers)
        headers |= {"X-Linked-ETag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data)),
                    "Location": self.storage_url + raw_path}
        return self.send(handler, 302, b"redirected", headers)

    def answer_storage(self, handler):
        path = urllib.parse.unquote(handler.path)
        name = "/".join(path.split("/")[1:3])
        data = self.repositories[name][path.removeprefix(f"/{name}/resolve/{COMMIT}/")]
        if self.damages:
            data = data[:-1] + bytes([data[-1] ^ 1])
        wanted, status, headers = handler.headers.get("Range"), 200, {}
        if wanted and not self.ignores_ranges:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(data):
                return self.send(handler, 416)
            status, headers = 206, {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
            data = data[begin:]
        with self.lock:
            cut_after = self.cut_after.pop(0) if self.cut_after else None
        if self.stall_after is not None or self.pause_s:
            with contextlib.suppress(OSError):  # the client may have gone
                self.send_slowly(handler, status, data, headers)
            return None
        return self.send(handler, status, data, headers, cut_after)

    def of(self, server, method="GET"):
        """The requests to one of the two servers."""
        return [request for request in self.requests if request[:2] == (server, method)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in (self.main, self.storage):
            server.shutdown()
            server.server_close()
