"""A headless Chromium, driven by the DevTools protocol over a pipe. Needs no driver program and no package.

    with Chromium(path) as browser:
        page = browser.page(width=390, height=800, is_phone=True)
        page.open("http://127.0.0.1:30000/")
        page.click("#send")
"""

import base64
import fcntl
import itertools
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

PATIENCE_S = 60  # waiting longer counts as never

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Backspace": 8, " ": 32}
MODIFIERS = {"alt": 1, "ctrl": 2, "shift": 8}


def find_chromium():
    """The path of a browser on this machine, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class ProtocolError(Exception):
    pass


class Chromium:
    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(prefix="braid-chromium-", ignore_cleanup_errors=True)
        # The browser reads descriptor 3 and writes descriptor 4, so ours must have other numbers.
        pipes = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) if fd < 10 else fd for fd in (*os.pipe(), *os.pipe())]
        child_reads, self._write_to, self._read_from, child_writes = pipes

        def place():
            os.dup2(child_reads, 3)
            os.dup2(child_writes, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "--no-sandbox",
             "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--mute-audio", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(child_reads)
        os.close(child_writes)
        self._ids = itertools.count(1)
        self._answers = {}
        self._pages = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.call("Browser.close", patience=5)
        except (ProtocolError, OSError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        os.close(self._write_to)
        os.close(self._read_from)
        self.profile.cleanup()

    def page(self, **options):
        """A new page. It shares no storage with others unless it gets their context."""
        return Page(self, **options)

    def call(self, method, params=None, session=None, patience=PATIENCE_S):
        return self.start(method, params, session)(patience)

    def start(self, method, params=None, session=None):
        """Sends the call; result() waits for the answer."""
        number = next(self._ids)
        answer = queue.SimpleQueue()
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        with self._lock:
            self._answers[number] = answer
            os.write(self._write_to, json.dumps(message).encode() + b"\0")

        def result(patience=PATIENCE_S):
            try:
                reply = answer.get(timeout=patience)
            except queue.Empty:
                raise ProtocolError(f"{method}: no answer in {patience} s") from None
            if "error" in reply:
                raise ProtocolError(f"{method}: {reply['error']['message']}")
            return reply["result"]

        return result

    def _read(self):
        rest = b""
        while True:
            try:
                data = os.read(self._read_from, 1 << 16)
            except OSError:
                data = b""
            if not data:
                for answer in list(self._answers.values()):
                    answer.put({"error": {"message": "the browser has ended"}})
                return
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif message.get("sessionId") in self._pages:
                    self._pages[message["sessionId"]].note(message)


class Page:
    """One tab. `problems` has what it logs as an error, what it throws and what its Content-Security-Policy forbids."""

    def __init__(self, browser, width=1280, height=800, is_phone=False, is_dark=False, context=None):
        self.browser = browser
        self.problems = []
        self.requests = []  # addresses
        self.sent = []      # (address, body) of what had a body
        self.files = []     # what a person chooses in the next file dialog
        self.is_phone = is_phone
        self.dialogs = []   # texts of alert() and the like
        self.context = context or browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", {"url": "about:blank", "browserContextId": self.context})["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        browser._pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setInterceptFileChooserDialog", {"enabled": True})
        self.call("Emulation.setDeviceMetricsOverride",
                  {"width": width, "height": height, "deviceScaleFactor": 2 if is_phone else 1, "mobile": is_phone})
        if is_phone:
            self.call("Emulation.setTouchEmulationEnabled", {"enabled": True})
        self.prefer(is_dark)

    def call(self, method, params=None):
        return self.browser.call(method, params, self.session)

    def note(self, message):
        method, params = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error" and params["entry"]["source"] != "network":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.problems.append(str([one.get("value") for one in params["args"]]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
            if "postData" in params["request"]:
                self.sent.append((params["request"]["url"], params["request"]["postData"]))
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            threading.Thread(target=self.call, args=("Page.handleJavaScriptDialog", {"accept": True})).start()
        elif method == "Page.fileChooserOpened":
            files = {"files": [str(path) for path in self.files], "backendNodeId": params["backendNodeId"]}
            threading.Thread(target=self.call, args=("DOM.setFileInputFiles", files)).start()

    def prefer(self, is_dark):
        self.call("Emulation.setEmulatedMedia",
                  {"features": [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})

    def open(self, url):
        """Waits until the page is ready. Opening the same address again is a reload."""
        self.run("document.documentElement?.removeAttribute('data-ready')")
        if self.run("location.href.split('#')[0]") == url.split("#")[0]:
            self.call("Page.reload")
        else:
            self.call("Page.navigate", {"url": url})
        self.wait("document.documentElement?.dataset.ready === 'true'")

    def bring_to_front(self):
        """Brings it to the front: hidden pages draw nothing."""
        self.call("Page.bringToFront")

    def run(self, expression):
        """The value of an expression, awaited if it is a promise."""
        reply = self.call("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True})
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            raise ProtocolError(f"{expression}\n{details.get('exception', {}).get('description', details['text'])}")
        return reply["result"].get("value")

    def wait(self, expression, patience=PATIENCE_S):
        """The first true value of the expression, or a node."""
        deadline = time.monotonic() + patience
        while True:
            try:
                value = self.run(expression)
            except ProtocolError as error:  # between two documents
                if "context" not in str(error) and "navigated" not in str(error):
                    raise
                value = None
            if value or value == {}:  # {} is a node
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {expression}\nproblems: {self.problems}\npage: {self.text('body')[:2000]}")
            time.sleep(0.02)

    def text(self, selector):
        """The visible text of the first match; "" if there is none."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def count(self, selector):
        return self.run(f"document.querySelectorAll({json.dumps(selector)}).length")

    def is_visible(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)})?.checkVisibility({{visibilityProperty: true}}) ?? false")

    def hover(self, selector):
        x, y = self._middle(selector)
        self.call("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
        return x, y

    def click(self, selector):
        """Clicks with the mouse, or a finger, at the element. It must be visible, and nothing may cover it."""
        x, y = self.hover(selector) if not self.is_phone else self._middle(selector)
        if self.is_phone:
            self.call("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
            self.call("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            return
        # Find and click in one go: an element that is drawn again in between would never be clicked.
        for result in [self.browser.start("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, self.session)
                       for kind in ("mousePressed", "mouseReleased")]:
            result()

    def _middle(self, selector):
        found = f"""(async () => {{
          const node = document.querySelector({json.dumps(selector)});
          if (!node?.checkVisibility({{visibilityProperty: true}})) return null;
          node.scrollIntoView({{block: 'nearest'}});
          const before = node.getBoundingClientRect();
          await new Promise((resolve) => setTimeout(resolve, 30));
          const {{left, top, width, height}} = node.getBoundingClientRect();
          if (left !== before.left || top !== before.top) return null;  // it still moves
          const [x, y] = [left + width / 2, top + height / 2];
          const hit = document.elementFromPoint(x, y);
          return hit && (node.contains(hit) || hit.closest('label')?.control === node) ? [x, y] : null;
        }})()"""
        return self.wait(found)

    def run_first(self, source):
        """Runs a script in each document that is opened from now on, before its own."""
        self.call("Page.addScriptToEvaluateOnNewDocument", {"source": source})

    def drag(self, selector, paths, kinds=("dragEnter", "dragOver", "drop")):
        """Drags files over the element and drops them there."""
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in kinds:
            self.call("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    def copy(self, contents):
        """Puts {type: text or bytes} into the clipboard. Control and V paste it."""
        self.browser.call("Browser.grantPermissions",
                          {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "browserContextId": self.context})
        values = {kind: base64.b64encode(value.encode() if isinstance(value, str) else value).decode() for kind, value in contents.items()}
        self.run(f"""(() => {{
          const blobs = Object.entries({json.dumps(values)}).map(([type, text]) =>
            [type, new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], {{type}})]);
          return navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
        }})()""")

    def type(self, text):
        """Into the focused element."""
        self.call("Input.insertText", {"text": text})

    def press(self, key, *modifiers):
        code = f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key
        number = KEYS.get(key, ord(key[0].upper()))
        event = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": sum(MODIFIERS[one] for one in modifiers)}
        if key == "v" and "ctrl" in modifiers:
            event["commands"] = ["paste"]  # without a window no other program makes keys to commands
        text = "\r" if key == "Enter" else key if len(key) == 1 and not {"alt", "ctrl"} & set(modifiers) else None
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **event, **({"text": text} if text else {})})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", {"format": "png"})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.browser._pages.pop(self.session, None)
        self.browser.call("Target.closeTarget", {"targetId": self.target})
