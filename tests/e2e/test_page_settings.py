"""The settings sheet of the page: what is sent, and the defaults that it shows."""

import pytest
from page_actions import bodies, say, set_up, start
from server import Server


@pytest.fixture
def page(browser, page_server):
    page = browser.page()
    page.open(f"{page_server.url}/")
    yield page
    page.close()


def test_settings_are_sent(page, page_server):
    set_up(page, system="You are brief.", temperature="0.5", top_p="0.9", top_k="40", min_p="0.05", max_tokens="5", seed="7",
           repetition_penalty="1.1", frequency_penalty="0.2", presence_penalty="-0.1", stop="zebra\\n", extra='{"min_tokens": 2}')
    assert page.text("#settings-summary") == "system prompt · temperature 0.5 · 10 more"
    first = say(page, "Count to ten")
    body = bodies(page)[-1]
    model = body.pop("model")
    assert body == {"messages": [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Count to ten"}],
                    "stream": True, "stream_options": {"include_usage": True}, "temperature": 0.5, "top_p": 0.9, "top_k": 40,
                    "min_p": 0.05, "max_tokens": 5, "seed": 7, "repetition_penalty": 1.1, "frequency_penalty": 0.2,
                    "presence_penalty": -0.1, "stop": ["zebra\n"], "min_tokens": 2}
    assert model == page.text("#model-name")
    # The same request without the page returns the same text.
    reply = page_server.post("/v1/chat/completions", {**body, "stream": False, "stream_options": None}).json()
    assert reply["choices"][0]["message"]["content"].strip() == first
    page.open(f"{page_server.url}/")
    assert page.text("#settings-summary") == "system prompt · temperature 0.5 · 10 more"


def test_settings_show_the_servers_defaults(browser, braid, tiny_model, page):
    def shown(page, name):
        row = f"document.querySelector('#setting-{name}')"
        return page.run(f"[{row}.value, {row}.placeholder, {row}.previousElementSibling.value]")
    with Server(braid, tiny_model, "--override-generation-config", '{"temperature": 0.2, "top_k": 40}') as server:
        own = browser.page()
        own.open(f"{server.url}/")
        own.wait("document.querySelector('#setting-temperature').placeholder === '0.2'")
        assert shown(own, "temperature") == ["", "0.2", "0.2"] and shown(own, "top_p") == ["", "1", "1"]
        assert shown(own, "top_k")[1] == "40" and shown(own, "max_tokens")[1] == "default"
        set_up(own, top_p="0.9", max_tokens="2")
        start(own, "Hi")
        own.wait("!document.body.classList.contains('is-answering')")
        assert "temperature" not in bodies(own)[-1] and bodies(own)[-1]["top_p"] == 0.9
        assert own.problems == []
        own.close()
    page.wait("document.querySelector('#setting-temperature').placeholder === '1'")
    assert page.run("document.querySelector('#setting-top_k').placeholder") == "0"


def test_a_setting_out_of_range_is_named_and_not_sent(page):
    page.click("#open-settings")
    page.click("#setting-temperature")
    page.type("9")
    assert page.text(".field:has(#setting-temperature) .problem") == "Not sent: must be a number from 0 to 2."
    page.press("Escape")
    set_up(page, max_tokens="2")
    say(page, "Hi")
    assert "temperature" not in bodies(page)[-1]
