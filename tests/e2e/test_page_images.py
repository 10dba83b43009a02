"""Images on the page: how they are given, shown, sent, kept and saved. The server's model takes text alone, so the page
is told that it takes images, and messages reach the server without them (PRETEND_IMAGES)."""

import base64
import json
import struct

import pytest
from page_actions import PRETEND_IMAGES, png, say, set_up, wait_for_answer

RED, BLUE, GLASS = (200, 40, 40, 255), (40, 90, 200, 255), (0, 160, 0, 60)
THUMBNAILS = "document.querySelectorAll('.tray .thumbnail').length"


@pytest.fixture
def page(browser, page_server):
    page = browser.page()
    page.run_first(PRETEND_IMAGES)
    page.open(f"{page_server.url}/")
    page.wait("!document.querySelector('#add-images').hidden")
    set_up(page, max_tokens="4")
    yield page
    page.close()


@pytest.fixture
def red(tmp_path):
    return written(tmp_path / "red.png", png(120, 80, RED))


@pytest.fixture
def blue(tmp_path):
    return written(tmp_path / "blue.png", png(60, 60, BLUE))


def written(path, data):
    path.write_bytes(data)
    return path


def drop(page, *paths, at="#prompt", selector=".tray .thumbnail"):
    """Drops files and waits until each has a thumbnail."""
    count = page.count(selector) + len(paths)
    page.drag(at, paths)
    page.wait(f"document.querySelectorAll({json.dumps(selector)}).length === {count}")


def sent(page):
    """The messages of the last request, each (role, text or [data URLs …, text])."""
    messages = page.run("sentBodies.at(-1).messages")
    return [(one["role"], one["content"] if isinstance(one["content"], str) else [value_of(part) for part in one["content"]]) for one in messages]


def value_of(part):
    assert part["type"] in ("text", "image_url") and set(part) == {"type", part["type"]}
    return part["text"] if part["type"] == "text" else part["image_url"]["url"]


def url_of(data, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def natural_sizes(page, selector):
    page.wait(f"[...document.querySelectorAll({json.dumps(selector)})].every((image) => image.complete && image.naturalWidth)")
    return page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((image) => [image.naturalWidth, image.naturalHeight])")


def reload(page):
    page.open(page.run("location.href"))
    page.wait("document.querySelector('.message')")


def toast(page, text):
    page.wait(f"document.querySelector('#toasts').innerText.includes({json.dumps(text)})")
    page.run("document.querySelector('#toasts').replaceChildren()")


def prepared(page, data, kind):
    """What the page makes of a file's bytes: {type, size, width, height, corner}; corner is its first pixel."""
    return page.run(f"""(async () => {{
      const {{prepareImage}} = await import('./page/prepare_image.js');
      const bytes = Uint8Array.from(atob('{base64.b64encode(data).decode()}'), (c) => c.charCodeAt(0));
      const {{blob, width, height}} = await prepareImage(new File([bytes], 'a', {{type: '{kind}'}}));
      const bitmap = await createImageBitmap(blob);
      const context = new OffscreenCanvas(1, 1).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return {{type: blob.type, size: blob.size, width, height, real: [bitmap.width, bitmap.height], corner: [...context.getImageData(0, 0, 1, 1).data]}};
    }})()""")


def encoded(page, kind, width=64, height=48):
    """An image of that kind as the browser writes it."""
    url = page.run(f"""(() => {{
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [{width}, {height}];
      const context = canvas.getContext('2d');
      context.fillStyle = 'rgb(200 40 40)';
      context.fillRect(0, 0, {width}, {height});
      return canvas.toDataURL('{kind}');
    }})()""")
    assert url.startswith(f"data:{kind};base64,")
    return base64.b64decode(url.split(",")[1])


def bmp(width, height, bgr):
    row = bytes(bgr) * width
    row += b"\0" * (-len(row) % 4)
    header = struct.pack("<2sIHHI", b"BM", 54 + len(row) * height, 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + row * height


def test_dropped_images_are_sent_before_the_text(page, red, blue):
    page.drag("#messages, #welcome", [red], kinds=("dragEnter", "dragOver"))
    page.wait("document.querySelector('#drop-place').checkVisibility()")
    assert page.text("#drop-place") == "Drop images here"
    drop(page, red, at="#welcome")
    assert not page.is_visible("#drop-place")
    drop(page, blue)
    assert natural_sizes(page, ".tray img") == [[120, 80], [60, 60]]
    assert say(page, "What are these?")
    assert sent(page) == [("user", [url_of(red.read_bytes()), url_of(blue.read_bytes()), "What are these?"])]
    assert page.count(".tray li") == 0 and page.text(".bubble") == "What are these?"
    assert natural_sizes(page, ".user .pictures img") == [[120, 80], [60, 60]]
    assert page.run("[...document.querySelectorAll('.pictures img')].map((image) => image.alt)") == ["red.png", "blue.png"]
    say(page, "And now?")
    assert sent(page)[0] == ("user", [url_of(red.read_bytes()), url_of(blue.read_bytes()), "What are these?"])
    assert sent(page)[2] == ("user", "And now?")
    assert page.problems == [] and page.dialogs == []


def test_images_from_the_file_dialog_need_no_text(page, red, blue):
    page.files = [red, blue]
    page.click("#add-images")
    page.wait(f"{THUMBNAILS} === 2")
    page.press("i", "alt")
    page.wait(f"{THUMBNAILS} === 4")
    assert page.run("document.activeElement.id") == "prompt"
    page.press("Enter")
    page.wait("document.querySelector('.answer')")
    wait_for_answer(page)
    assert sent(page) == [("user", [url_of(one.read_bytes()) for one in (red, blue, red, blue)])]
    assert page.count(".bubble") == 0 and page.text(".conversation") == "4 images"
    assert page.count(".user [title='Copy']") == 0, "there is no text to copy"


def test_pasted_images_are_taken_and_pasted_text_stays_text(page):
    def paste(contents):
        page.copy(contents)
        page.click("#prompt")
        page.press("v", "ctrl")
    paste({"image/png": png(40, 30, BLUE)})
    page.wait(f"{THUMBNAILS} === 1")
    assert natural_sizes(page, ".tray img") == [[40, 30]]
    paste({"text/plain": "some text"})
    page.wait("document.querySelector('#prompt').value === 'some text'")
    # A table program's clipboard: its cells as text, and a picture of them.
    paste({"text/plain": " 1\t2", "text/html": "<table><tr><td>1<td>2</table>", "image/png": png(9, 9, RED)})
    page.wait("document.querySelector('#prompt').value === 'some text 1\\t2'")
    assert page.run(THUMBNAILS) == 1
    # Without a field that has the focus, too.
    page.run("document.activeElement.blur()")
    page.copy({"image/png": png(10, 10, RED)})
    page.press("v", "ctrl")
    page.wait(f"{THUMBNAILS} === 2")


def test_an_image_can_be_removed_before_it_is_sent(page, red, blue):
    drop(page, red, blue, written(red.with_name("more.png"), png(9, 9, RED)))
    names = "[...document.querySelectorAll('.tray .icon-button')].map((button) => button.innerText)"
    assert page.run(names) == ["Remove red.png", "Remove blue.png", "Remove more.png"]
    page.click(".tray li:nth-child(2) .icon-button")
    assert page.run(names) == ["Remove red.png", "Remove more.png"]
    assert page.text("#announcer") == "blue.png removed"
    # By keyboard: the focus goes to the next one, and at last to the field.
    assert page.run("document.activeElement === document.querySelector('.tray li:nth-child(2) .icon-button')")
    page.press("Enter")
    assert page.run("document.activeElement === document.querySelector('.tray .icon-button')")
    page.press("Enter")
    assert page.run("document.activeElement.id") == "prompt" and not page.is_visible(".tray")
    assert page.run("document.querySelector('#send').disabled")


def test_a_sent_image_can_be_seen_large(page, red, blue):
    drop(page, red, blue)
    say(page, "Look")
    page.click(".pictures li:nth-child(2) .thumbnail")
    page.wait("document.querySelector('dialog.large-image').open")
    assert page.text("dialog.large-image p") == "blue.png · 60 × 60 · 2 of 2"
    page.press("ArrowRight")
    assert page.text("dialog.large-image p") == "red.png · 120 × 80 · 1 of 2"
    assert natural_sizes(page, "dialog.large-image img") == [[120, 80]]
    page.click("dialog.large-image [title^=Previous]")
    assert page.text("dialog.large-image p") == "blue.png · 60 × 60 · 2 of 2"
    assert page.run("document.activeElement.title") == "Previous image (←)", "the focus stays while images change"
    page.press("Escape")
    page.wait("!document.querySelector('dialog.large-image').open")
    assert page.run("document.activeElement === document.querySelector('.pictures li:nth-child(2) .thumbnail')")
    page.press("Enter")
    page.wait("document.querySelector('dialog.large-image').open")
    page.press("Enter")  # on its button, which closes it
    page.wait("!document.querySelector('dialog.large-image').open")


def test_images_survive_a_reload_an_edit_and_another_answer(page, red, blue):
    drop(page, red)
    say(page, "First")
    reload(page)
    assert natural_sizes(page, ".pictures img") == [[120, 80]]
    page.hover(".answer")
    page.click("[title='Another answer']")
    page.wait("document.querySelector('.version-count')?.innerText === '2 / 2'")
    wait_for_answer(page)
    assert sent(page) == [("user", [url_of(red.read_bytes()), "First"])]
    # An edit has them, may have more, and may have fewer.
    page.hover(".user")
    page.click(".user [title='Edit']")
    drop(page, blue, at=".edit textarea", selector=".edit .thumbnail")
    page.run("document.querySelector('.edit textarea').select()")
    page.type("Second")
    page.press("Enter")
    page.wait("document.querySelector('.user .version-count')?.innerText === '2 / 2'")
    wait_for_answer(page)
    assert sent(page) == [("user", [url_of(red.read_bytes()), url_of(blue.read_bytes()), "Second"])]
    page.hover(".user")
    page.click(".user [title='Edit']")
    page.click(".edit .tray li .icon-button")
    page.click(".edit .button.primary")
    page.wait("document.querySelector('.user .version-count')?.innerText === '3 / 3'")
    wait_for_answer(page)
    assert sent(page) == [("user", [url_of(blue.read_bytes()), "Second"])]
    reload(page)
    page.hover(".user")
    page.click(".user [title='Previous version']")
    page.wait("document.querySelector('.user .version-count')?.innerText === '2 / 3'")
    assert natural_sizes(page, ".pictures img") == [[120, 80], [60, 60]]
    page.hover(".user")
    page.click(".user [title='Edit']")
    page.click(".edit .tray li .icon-button")
    page.press("Escape")
    assert natural_sizes(page, ".pictures img") == [[120, 80], [60, 60]], "an edit that is left changes nothing"
    assert page.problems == []


def kept_images(page):
    return page.run("""(async () => {
      const open = indexedDB.open('braid');
      await new Promise((resolve) => { open.onsuccess = resolve; });
      const request = open.result.transaction('images').objectStore('images').getAll();
      await new Promise((resolve) => { request.onsuccess = resolve; });
      open.result.close();
      return request.result.map(({bytes}) => bytes.byteLength);
    })()""")


def test_a_deleted_conversation_takes_its_images_along_and_brings_them_back(page, red, blue):
    drop(page, blue)
    say(page, "Another conversation")
    page.click("#new-chat")
    drop(page, red)
    say(page, "Look")
    wanted = sorted(len(one.read_bytes()) for one in (red, blue))
    assert sorted(kept_images(page)) == wanted
    reload(page)
    page.hover("li.is-shown")
    page.click("li.is-shown [title^='Delete']")
    page.wait("document.querySelector('.toast')")
    assert kept_images(page) == [len(blue.read_bytes())]
    page.click(".toast button")
    page.wait("document.querySelector('.pictures')")
    assert natural_sizes(page, ".pictures img") == [[120, 80]]
    reload(page)
    assert natural_sizes(page, ".pictures img") == [[120, 80]]
    assert sorted(kept_images(page)) == wanted


def test_another_tab_sees_them(browser, page, page_server, red):
    other = browser.page(context=page.context)
    other.open(f"{page_server.url}/")
    page.bring_to_front()
    drop(page, red)
    say(page, "Look")
    other.wait("document.querySelector('.conversation')?.innerText === 'Look'")
    other.bring_to_front()
    other.click(".conversation")
    other.wait("document.querySelector('.pictures img')?.complete")
    assert natural_sizes(other, ".pictures img") == [[120, 80]]
    other.close()


def test_a_saved_conversation_has_its_images(page, red, blue):
    drop(page, red, blue)
    say(page, "Look")
    page.run("""(() => {
      const make = URL.createObjectURL;
      URL.createObjectURL = (blob) => { if (blob.type === 'text/markdown') window.saved = blob.text(); return make(blob); };
      HTMLAnchorElement.prototype.click = () => {};
    })()""")
    page.hover("li.is-shown")
    page.click("li.is-shown [title^='Save']")
    page.wait("window.saved !== undefined")
    text = page.run("saved")
    assert text.startswith("# Look\n\n## You\n\n![red.png][image-1] ![blue.png][image-2]\n\nLook\n\n## ")
    assert text.endswith(f"\n\n[image-1]: {url_of(red.read_bytes())}\n[image-2]: {url_of(blue.read_bytes())}\n")


def test_a_full_browser_loses_no_conversation(browser, page_server, tmp_path):
    page = browser.page()
    page.call("Storage.overrideQuotaForOrigin", {"origin": page_server.url, "quotaSize": 3 << 20})
    page.run_first(PRETEND_IMAGES)
    page.open(f"{page_server.url}/")
    page.wait("!document.querySelector('#add-images').hidden")
    set_up(page, max_tokens="4")
    say(page, "Small")
    drop(page, written(tmp_path / "big.png", png(50, 50, RED, more_bytes=bytes(3_900_000))))
    say(page, "Large")
    page.wait("document.querySelector('#storage-note').checkVisibility()")
    assert page.text("#storage-note") == ("The browser has no more room: the newest images of this conversation are not kept. "
                                          "Delete some other conversations.")
    assert natural_sizes(page, ".pictures img") == [[50, 50]]
    say(page, "Still there?")
    assert sent(page)[2][1][0].startswith("data:image/png;base64,"), "this page still has the image"
    reload(page)
    assert page.run("[...document.querySelectorAll('.bubble')].map((b) => b.innerText)") == ["Small", "Large", "Still there?"]
    page.wait("document.querySelector('.lost-image')?.innerText === 'big.png is no longer kept'")
    say(page, "And now?")
    assert [role for role, _ in sent(page)] == ["user", "assistant"] * 3 + ["user"]
    assert sent(page)[2] == ("user", "Large")
    toast(page, "Sent without an image of this conversation, which this browser no longer has.")
    page.close()


def test_conversations_of_an_older_page_are_still_there(browser, page_server):
    page = browser.page()
    page.run_first("""(() => {
      const open = IDBFactory.prototype.open;
      if (sessionStorage.later) return;
      sessionStorage.later = 'true';
      const request = open.call(indexedDB, 'braid', 1);
      request.onupgradeneeded = () => request.result.createObjectStore('conversations', {keyPath: 'id'}).put({id: 'a', title: 'Old', created: 1, updated: 1,
        nodes: {root: {id: 'root', parent: null, children: ['b'], pick: 0}, b: {id: 'b', parent: 'root', children: [], pick: 0, role: 'user', content: 'Old one'}}});
      request.onsuccess = () => request.result.close();
    })()""")
    page.open(f"{page_server.url}/")
    page.click(".conversation")
    page.wait("document.querySelector('.bubble')?.innerText === 'Old one'")
    assert page.text("#storage-note") == "" and page.problems == []
    page.close()


def test_images_that_are_sent_as_they_are(page):
    for kind, data in (("image/png", png(30, 20, GLASS)), ("image/jpeg", encoded(page, "image/jpeg")), ("image/webp", encoded(page, "image/webp"))):
        made = prepared(page, data, "image/tiff")  # a wrong name does not matter
        assert (made["type"], made["size"]) == (kind, len(data)) and made["real"] == [made["width"], made["height"]]


def test_large_images_are_scaled_down(page):
    made = prepared(page, png(4096, 1000, RED), "image/png")
    assert (made["type"], made["width"], made["height"], made["real"], made["corner"]) == ("image/png", 2048, 500, [2048, 500], list(RED))
    made = prepared(page, encoded(page, "image/jpeg", 100, 6000), "image/jpeg")
    assert (made["type"], made["real"]) == ("image/jpeg", [34, 2048])
    # A drawing of many bytes becomes a photograph; what is transparent becomes white, as servers do it too.
    noise = page.run("""(() => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 1100;
      const context = canvas.getContext('2d');
      const pixels = context.createImageData(1100, 1100);
      let state = 1;
      for (let i = 4000; i < pixels.data.length; ++i) pixels.data[i] = (state = (state * 48271) % 2147483647) & 255;
      context.putImageData(pixels, 0, 0);
      return canvas.toDataURL('image/png').split(',')[1];
    })()""")
    data = base64.b64decode(noise)
    assert len(data) > 4 << 20
    made = prepared(page, data, "image/png")
    assert (made["type"], made["real"]) == ("image/jpeg", [1100, 1100]) and made["size"] < len(data) / 2
    assert min(made["corner"]) > 240


def test_a_turned_photograph_is_seen_upright(page):
    jpeg = encoded(page, "image/jpeg", 3000, 300)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    made = prepared(page, turned, "image/jpeg")
    assert (made["width"], made["height"], made["real"]) == (205, 2048, [205, 2048])


def test_other_kinds_are_converted_or_refused(page, tmp_path, red):
    gif = base64.b64decode("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="70" height="50"><rect width="70" height="50" fill="rgb(200,40,40)"/></svg>'
    for data, kind, size in ((bmp(33, 21, (40, 40, 200)), "image/bmp", [33, 21]), (gif, "image/gif", [1, 1]), (svg, "image/svg+xml", [70, 50])):
        made = prepared(page, data, kind)
        assert made["type"] == "image/png" and made["real"] == size, kind
        assert kind == "image/gif" or made["corner"] == list(RED), kind
    for name, data, why in (("notes.txt", b"some text", "is not an image that this browser can read."), ("empty.png", b"", "is empty."),
                            ("start.png", png(1, 1, RED)[:40], "is not an image that this browser can read."), ("huge.png", png(1, 1, RED, bytes(65 << 20)), "has 66 MB; at most 64 MB are taken."),
                            ("bomb.png", png(1, 1, RED, says=(12000, 12000)), "has 12000 × 12000 pixels; at most 128 million are taken.")):
        page.drag("#prompt", [written(tmp_path / name, data)])
        toast(page, f"{name} {why}")
        page.wait("document.querySelectorAll('.tray li').length === 0")
    (tmp_path / "folder").mkdir()
    page.drag("#prompt", [tmp_path / "folder"])
    toast(page, "folder cannot be read.")
    page.drag("#prompt", [red] * 17)
    toast(page, "A message has at most 16 images.")
    page.wait(f"{THUMBNAILS} === 16")
    assert page.problems == []


def test_a_model_without_images_says_so(browser, page_server, red):
    page = browser.page()
    page.open(f"{page_server.url}/")
    page.wait("document.querySelector('#model-name').innerText")
    name = page.text("#model-name")
    assert not page.is_visible("#add-images")
    page.drag("#prompt", [red], kinds=("dragEnter", "dragOver"))
    page.wait("document.querySelector('#drop-place').checkVisibility()")
    assert page.text("#drop-place") == f"{name} takes no images."
    page.drag("#prompt", [red])
    toast(page, f"{name} takes no images.")
    page.copy({"image/png": red.read_bytes()})
    page.click("#prompt")
    page.press("v", "ctrl")
    toast(page, f"{name} takes no images.")
    page.press("i", "alt")
    toast(page, f"{name} takes no images.")
    assert page.count(".tray li") == 0
    # Where there is no chat, a drop does nothing: the browser does not leave the page for the file.
    page.click("#tab-server")
    page.wait("document.querySelector('.figure b')")
    page.drag("#tab-server", [red])
    assert page.text("#toasts") == "" and page.run("location.hash") == "#server"
    page.close()


def test_images_fit_on_a_phone(browser, page_server, red, blue, tmp_path):
    page = browser.page(width=360, height=740, is_phone=True)
    page.run_first(PRETEND_IMAGES)
    page.open(f"{page_server.url}/")
    page.wait("!document.querySelector('#add-images').hidden")
    set_up(page, max_tokens="2")
    wide = written(tmp_path / "wide.png", png(2000, 40, BLUE))
    page.files = [red, blue, wide] * 3
    page.click("#add-images")
    page.wait(f"{THUMBNAILS} === 9")
    fits = "document.documentElement.scrollWidth <= innerWidth && document.querySelector('#scroller').scrollWidth <= innerWidth"
    assert page.run(fits)
    assert page.run("Math.min(...[...document.querySelectorAll('.tray .icon-button, #add-images')].map((b) => b.getBoundingClientRect().height)) >= 32")
    page.click("#send")
    page.wait("document.querySelector('.answer')")
    wait_for_answer(page)
    assert page.run(fits)
    page.click(".pictures .thumbnail")
    page.wait("document.querySelector('dialog.large-image').open")
    assert page.run(f"{fits} && document.querySelector('dialog.large-image').getBoundingClientRect().right <= innerWidth")
    page.click("dialog.large-image [title^=Close]")
    page.wait("!document.querySelector('dialog.large-image').open")
    page.files = [wide]
    page.click("#add-images")
    page.wait(f"{THUMBNAILS} === 1")
    page.click("#send")
    page.wait("document.querySelector('.is-single')")
    wait_for_answer(page)
    assert page.run(fits) and page.run("document.querySelector('.is-single .thumbnail').getBoundingClientRect().left > 0")
    # A toast covers no part of the field for messages.
    page.files = [red] * 17
    page.click("#add-images")
    page.wait(f"{THUMBNAILS} === 16")
    assert page.text("#toasts") == "A message has at most 16 images."
    page.wait("document.querySelector('.toast').getBoundingClientRect().bottom < document.querySelector('#composer').getBoundingClientRect().top")
    assert page.problems == []
    page.close()
