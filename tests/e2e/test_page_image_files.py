"""What the page makes of the files that a person gives it as images: sent as they are, made smaller, converted or refused."""

import base64
import struct

import pytest
from page_actions import PRETEND_IMAGES, png, wait_for_toast, written

RED, GLASS = (200, 40, 40, 255), (0, 160, 0, 60)


@pytest.fixture
def page(browser, page_server):
    page = browser.page()
    page.run_first(PRETEND_IMAGES)
    page.open(f"{page_server.url}/")
    page.wait("!document.querySelector('#add-images').hidden")
    yield page
    page.close()


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
      for (let i = 4 * 1100 * 16; i < pixels.data.length; ++i) pixels.data[i] = (state = (state * 48271) % 2147483647) & 255;
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


def test_other_kinds_are_converted_or_refused(page, tmp_path):
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
        wait_for_toast(page, f"{name} {why}")
        page.wait("document.querySelectorAll('.tray li').length === 0")
    (tmp_path / "folder").mkdir()
    page.drag("#prompt", [tmp_path / "folder"])
    wait_for_toast(page, "folder cannot be read.")
    page.drag("#prompt", [written(tmp_path / "red.png", png(120, 80, RED))] * 17)
    wait_for_toast(page, "A message has at most 16 images.")
    page.wait("document.querySelectorAll('.tray .thumbnail').length === 16")
    assert page.problems == []
