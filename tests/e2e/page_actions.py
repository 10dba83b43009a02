"""What a person does on the page, and what it sent."""

import json
import struct
import zlib

# Runs in a page before its own scripts: its server seems to have a model that takes images. Messages reach the server
# without them; `sentBodies` has what the page sent.
PRETEND_IMAGES = """(() => {
  const send = window.fetch;
  window.sentBodies = [];
  window.fetch = async (address, options = {}) => {
    const {pathname} = new URL(address);
    if (pathname.endsWith('/v1/chat/completions')) {
      window.sentBodies.push(JSON.parse(options.body));
      const body = JSON.parse(options.body);
      for (const message of body.messages) {
        if (Array.isArray(message.content)) message.content = message.content.map(({text}) => text ?? '(image)').join(' ');
      }
      options = {...options, body: JSON.stringify(body)};
    }
    const response = await send(address, options);
    return pathname.endsWith('/get_model_info') ? Response.json({...(await response.json()), takes_images: true}) : response;
  };
})()"""


def wait_for_answer(page):
    page.wait("document.querySelector('.answer.is-last:not(.is-open)') && !document.body.classList.contains('is-answering')")
    return page.run("[...document.querySelectorAll('.answer')].at(-1).querySelector(':scope > .prose').innerText")


def say(page, text):
    """Sends a message and returns the answer when it is complete."""
    start(page, text)
    return wait_for_answer(page)


def start(page, text):
    answers = page.count(".answer")
    page.click("#prompt")
    page.type(text)
    page.click("#send")
    page.wait(f"document.querySelectorAll('.answer').length > {answers}")


def set_up(page, **texts):
    """Types texts into fields of the settings sheet."""
    page.click("#open-settings")
    for name, text in texts.items():
        page.click(f"#setting-{name}")
        page.run(f"document.querySelector('#setting-{name}').select()")
        page.type(text)
    page.click("#settings button.primary")
    page.wait("!document.querySelector('#settings').open")


def png(width, height, colour, more_bytes=b"", says=None):
    """An image of one colour (red, green, blue, opacity); `more_bytes` lie in it as a chunk that nobody reads. says: a size
    that is not its own."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *(says or (width, height)), 8, 6, 0, 0, 0)) + chunk(b"orNt", more_bytes)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def bodies(page):
    """The bodies that the page sent to the API, oldest first."""
    return [json.loads(data) for url, data in page.sent if url.endswith("/v1/chat/completions")]
