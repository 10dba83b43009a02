"""What a person does on the page, and what it sent."""

import json


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


def bodies(page):
    """The bodies that the page sent to the API, oldest first."""
    return [json.loads(data) for url, data in page.sent if url.endswith("/v1/chat/completions")]
