"""The web page as a person uses it: a headless Chromium on `braid serve` with the default model."""

import json
import pathlib
import re

import pytest
from page_actions import bodies, say, set_up, start, wait_for_answer
from server import Server

KEY = "a-key-of-the-tests"
LONG = json.dumps({"ignore_eos": True, "max_tokens": 4000})


@pytest.fixture
def page(browser, page_server):
    page = browser.page()
    page.open(f"{page_server.url}/")
    yield page
    page.close()


@pytest.fixture(scope="module")
def keyed_page_server(browser, braid, default_model):
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--api-key", KEY) as running:
        yield running


def open_with_answer(page, server, text, question="Hello"):
    """Opens a stored conversation whose answer is `text`."""
    name = page.run(f"""(async () => {{
      const {{Store}} = await import('./page/store.js');
      const {{addMessage, newConversation}} = await import('./page/conversation.js');
      const conversation = newConversation();
      const message = addMessage(conversation, conversation.nodes.root, {{role: 'user', content: {json.dumps(question)}}});
      addMessage(conversation, message, {{role: 'assistant', content: {json.dumps(text)}, finish: 'stop'}});
      const store = new Store({{onProblem: alert, onChange: () => {{}}}});
      await store.open();
      await store.put(conversation);
      return conversation.id;
    }})()""")
    page.open(f"{server.url}/")
    page.click(f"li[data-id='{name}'] .conversation")
    page.wait("document.querySelector('.answer > .prose').innerText")
    return page.text(".answer > .prose")


def test_an_answer_streams_in(page):
    set_up(page, temperature="0", max_tokens="60", extra='{"ignore_eos": true}')
    start(page, "Tell me about the sea in a few sentences.")
    page.wait("document.querySelector('.answer > .prose').innerText.length > 10")
    early = page.text(".answer > .prose")
    assert page.is_visible("#send.is-stop"), "the answer came whole"
    whole = wait_for_answer(page)
    assert whole.startswith(early) and len(whole) > len(early)
    assert re.search(r"\d+ tokens/s · 60 tokens · first after \d+\.\d\d s", page.text(".stats"))
    assert "length limit" in page.text(".ending")
    assert re.fullmatch(r"[\d,]+ of [\d,]+ tokens", page.text("#context-use"))
    assert page.problems == [] and page.dialogs == []


def test_nothing_is_loaded_from_elsewhere(page, page_server):
    set_up(page, max_tokens="5")
    say(page, "Hello")
    page.click("#tab-server")
    page.wait("document.querySelector('.figure b')")
    assert page.requests and all(url.startswith(f"{page_server.url}/") for url in page.requests)
    policy = page_server.get("/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    # The policy works: neither inline code nor markup from text is possible.
    assert page.run("""(() => {
      const script = document.createElement('script');
      try { script.textContent = 'window.ran = true'; } catch {}
      try { script.append('window.ran = true'); } catch {}
      document.body.append(script);
      try { document.body.innerHTML = '<p>gone</p>'; } catch {}
      return window.ran === undefined && document.querySelector('#prompt') !== null;
    })()""")


HOSTILE = ('<img src=x onerror="alert(1)"> <script>alert(2)</script> [click](javascript:alert(3)) ![i](http://127.0.0.1:9/i.png)\n\n'
           '<svg onload=alert(4)>\n\n```html\n<script>alert(5)</script>\n```\n\n[good](https://example.org/)')


def test_what_a_model_writes_never_runs(page, page_server):
    shown = open_with_answer(page, page_server, HOSTILE)
    assert '<img src=x onerror="alert(1)"> <script>alert(2)</script> [click](javascript:alert(3))' in shown
    assert page.count("#messages :is(img, script, iframe, style, object)") == 0
    links = page.run("[...document.querySelectorAll('#messages a')].map((a) => [a.href, a.rel, a.target])")
    assert links == [["http://127.0.0.1:9/i.png", "noopener noreferrer", "_blank"], ["https://example.org/", "noopener noreferrer", "_blank"]]
    assert page.text("pre") == "<script>alert(5)</script>"
    assert page.dialogs == [] and page.problems == []
    assert all(url.startswith(f"{page_server.url}/") for url in page.requests)


def test_what_a_person_writes_is_shown_as_it_is(page):
    set_up(page, max_tokens="1")
    say(page, "<b>*not*</b> markup <img src=x onerror=alert(1)>")
    assert page.text(".bubble") == "<b>*not*</b> markup <img src=x onerror=alert(1)>"
    assert page.text(".conversation") == "<b>*not*</b> markup <img src=x onerror=alert(1)>"
    assert page.dialogs == []


def test_thinking_is_folded(page, page_server):
    assert open_with_answer(page, page_server, "<think>\nTwo and two.\n</think>\n\nIt is **four**.") == "It is four."
    assert page.text(".thinking summary").startswith("Thought")
    assert not page.is_visible(".thinking .prose")
    page.click(".thinking summary")
    assert page.text(".thinking .prose") == "Two and two."
    set_up(page, max_tokens="1")
    say(page, "And 3 + 3?")
    assert bodies(page)[-1]["messages"][1] == {"role": "assistant", "content": "It is **four**."}


def test_calls_and_thinking_stream_in(browser, braid, default_model):
    template = pathlib.Path(__file__).parent / "tool_template.jinja"
    tools = [{"type": "function", "function": {"name": "get_weather"}}]
    page = browser.page()
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB", "--chat-template", template) as server:
        page.open(f"{server.url}/")
        set_up(page, temperature="0", max_tokens="80", extra=json.dumps({"tools": tools}))
        assert say(page, "Weather in Paris?") == ""
    assert page.text(".thinking summary").startswith("Thought")
    page.click(".thinking summary")
    assert page.text(".thinking .prose") == "I look it up for Paris."
    assert page.text(".tools figcaption span") == "calls get_weather"
    assert json.loads(page.text(".tools code")) == {"city": "Paris", "days": 2}
    assert page.problems == []
    page.close()


def test_stop_ends_the_answer_and_the_work(page, page_server):
    set_up(page, extra=LONG)
    start(page, "Talk")
    page.wait("document.querySelector('.answer > .prose').innerText.length > 5")
    page.click("#send")
    partial = wait_for_answer(page)
    assert partial and page.text(".ending") == "Stopped."
    page_server.wait_for_metric("num_running_reqs", 0)
    assert page.problems == []


def test_another_answer_keeps_the_first(page):
    set_up(page, max_tokens="12", temperature="1.5")
    first = say(page, "Invent a name")
    page.hover(".answer")
    page.click(".answer.is-last [title='Another answer']")
    page.wait("document.querySelector('.version-count')?.innerText === '2 / 2'")
    second = wait_for_answer(page)
    assert len(bodies(page)) == 2 and bodies(page)[0]["messages"] == bodies(page)[1]["messages"]
    page.click("[title='Previous version']")
    assert page.text(".version-count") == "1 / 2" and page.text(".answer > .prose") == first
    page.click("[title='Next version']")
    assert page.text(".answer > .prose") == second


def test_an_edited_message_starts_another_branch(page):
    set_up(page, max_tokens="4")
    say(page, "First question")
    say(page, "Second question")
    page.hover(".user")
    page.click(".user [title='Edit']")
    page.run("document.activeElement.select()")
    page.type("First question, better")
    page.press("Enter")
    page.wait("document.querySelectorAll('.message').length === 2")
    wait_for_answer(page)
    assert bodies(page)[-1]["messages"] == [{"role": "user", "content": "First question, better"}]
    assert page.text(".user .version-count") == "2 / 2"
    page.hover(".user")
    page.click(".user [title='Previous version']")
    assert page.run("[...document.querySelectorAll('.bubble')].map((b) => b.innerText)") == ["First question", "Second question"]


def test_conversations_survive_a_reload(page, page_server):
    set_up(page, max_tokens="4")
    answer = say(page, "Remember me")
    address = page.run("location.href")
    page.open(address)
    page.wait("document.querySelector('.bubble')")
    assert page.text(".bubble") == "Remember me" and page.text(".answer > .prose") == answer
    page.wait("document.querySelector('#context-use').innerText")
    page.click("#new-chat")
    assert page.is_visible("#welcome") and page.run("location.hash") == "#chat"
    say(page, "Another one")
    assert page.run("[...document.querySelectorAll('.conversation')].map((c) => c.innerText)") == ["Another one", "Remember me"]
    page.open(f"{page_server.url}/")
    page.click("li:nth-child(2) .conversation")
    assert page.text(".bubble") == "Remember me"
    page.hover("li.is-shown")
    page.click("li.is-shown [title^='Rename']")
    page.run("document.activeElement.select()")
    page.type("Renamed")
    page.press("Enter")
    page.wait("document.querySelector('.is-shown .conversation')?.innerText === 'Renamed'")
    page.hover("li.is-shown")
    page.click("li.is-shown [title^='Delete']")
    page.wait("document.querySelectorAll('.conversation').length === 1")
    assert page.is_visible("#welcome")
    page.click(".toast button")
    page.wait("document.querySelectorAll('.conversation').length === 2")
    assert page.text(".bubble") == "Remember me"


def test_two_tabs_see_the_same_conversations(browser, page, page_server):
    set_up(page, max_tokens="4")
    other = browser.page(context=page.context)
    other.open(f"{page_server.url}/")
    page.bring_to_front()
    say(page, "From the first tab")
    other.wait("document.querySelector('.conversation')?.innerText === 'From the first tab'")
    other.close()


def test_a_server_with_a_key_asks_for_it(browser, keyed_page_server):
    page = browser.page()
    page.open(f"{keyed_page_server.url}/")
    page.wait("document.querySelector('#key').open")
    for key in ("wrong", KEY):
        page.type(key)
        page.press("Enter")
        if key == "wrong":
            page.wait("document.querySelector('#key-text').innerText.startsWith('The key was not accepted')")
    page.wait("document.querySelector('#model-name').innerText")
    assert not page.run("document.querySelector('#key').open")
    set_up(page, max_tokens="2")
    say(page, "Hi")
    assert page.text(".ending.is-error") == ""
    assert page.run("[sessionStorage['braid.key'], JSON.stringify(localStorage).includes(sessionStorage['braid.key'])]") == [KEY, False]
    page.open(f"{keyed_page_server.url}/")
    page.wait("document.querySelector('#model-name').innerText")
    assert not page.run("document.querySelector('#key').open"), "the key is kept for the tab"
    page.close()


def test_a_user_without_a_key_is_told_so(browser, keyed_page_server):
    page = browser.page()
    page.open(f"{keyed_page_server.url}/")
    page.wait("document.querySelector('#key').open")
    page.press("Escape")
    page.wait("document.querySelector('#banner').innerText.startsWith('This server wants an API key')")
    page.click("#tab-server")
    page.wait("document.querySelector('#key').open")
    page.click("#key-cancel")
    page.wait("document.querySelector('.state.is-problem')?.innerText.startsWith('These figures need an API key')")
    page.close()


def test_by_keyboard_alone(page):
    set_up(page, max_tokens="3")
    page.open(page.run("location.href"))
    page.type("Line one")  # the field has the focus at the start
    page.press("Enter", "shift")
    page.type("line two")
    page.press("Enter")
    page.wait("document.querySelector('.answer')")
    wait_for_answer(page)
    assert page.text(".bubble") == "Line one\nline two"
    page.press("ArrowUp")
    page.wait("document.activeElement.closest('.edit')")
    page.press("Escape")
    assert page.count(".edit") == 0
    page.press("r", "alt")
    page.wait("document.querySelector('.version-count')?.innerText === '2 / 2'")
    wait_for_answer(page)
    page.press("n", "alt")
    page.wait("document.querySelector('#welcome').checkVisibility()")
    page.press("v", "alt")
    page.wait("document.querySelector('#server').checkVisibility()")
    page.press("/")
    page.wait("document.activeElement.id === 'prompt'")
    page.press("s", "alt")
    page.wait("document.querySelector('#settings').open")
    page.press("Escape")
    page.wait("!document.querySelector('#settings').open")
    # From the top of the page to a conversation with Tab alone. Every stop is visible and has a name.
    page.run("document.querySelector('.skip').focus()")
    names = []
    for _ in range(12):
        page.press("Tab")
        names.append(page.run("""(() => {
          const node = document.activeElement;
          const style = getComputedStyle(node);
          return node.checkVisibility({visibilityProperty: true}) && (style.outlineStyle !== 'none' || node.id === 'prompt') &&
            (node.innerText.trim() || node.title || node.getAttribute('aria-label') || node.labels?.[0]?.innerText);
        })()"""))
        if names[-1] == "Line one":
            break
    assert all(names) and names[-1] == "Line one", names
    page.press("Enter")
    page.wait("document.querySelector('.bubble')")


def test_escape_stops(page):
    set_up(page, extra=LONG)
    start(page, "Talk")
    page.wait("document.querySelector('.answer > .prose').innerText")
    page.press("Escape")
    wait_for_answer(page)
    assert page.text(".ending") == "Stopped."


def test_on_a_phone(browser, page_server):
    page = browser.page(width=360, height=740, is_phone=True)
    page.open(f"{page_server.url}/")
    fits = "document.documentElement.scrollWidth <= innerWidth && document.querySelector('#scroller').scrollWidth <= innerWidth"
    assert page.run(fits) and not page.is_visible("#sidebar")
    set_up(page, max_tokens="5")
    say(page, "Hi")
    page.open(f"{page_server.url}/")
    assert page.run("Math.min(...[...document.querySelectorAll('.top button, #send')].filter((b) => b.checkVisibility()).map((b) => b.getBoundingClientRect().height)) >= 32")
    page.click("#toggle-sidebar")
    page.wait("document.querySelector('#sidebar').getBoundingClientRect().left === 0")
    page.click(".conversation")
    page.wait("!document.querySelector('#sidebar').checkVisibility({visibilityProperty: true})")
    assert page.text(".bubble") == "Hi"
    wide = "A | B\n--|--\n" + "x" * 60 + " | y\n\n```\n" + "z" * 120 + "\n```\n\n" + "w" * 100
    page.run(f"""(async () => {{
      const answer = (await import('./page/markdown.js')).renderMarkdown({json.dumps(wide)});
      answer.className = 'prose';
      document.querySelector('#messages').append(answer);
    }})()""")
    assert page.run(fits)
    page.click("#toggle-sidebar")
    page.click("#new-chat")
    page.wait("!document.querySelector('#sidebar').checkVisibility({visibilityProperty: true})")
    page.click("#prompt")
    page.press("Enter")
    assert page.run("document.querySelector('#prompt').value") == "\n", "Enter makes a line where there is no Shift"
    page.click("#tab-server")
    page.wait("document.querySelector('.figure b')")
    assert page.run("document.querySelector('#server').scrollWidth <= innerWidth")
    assert page.problems == []
    page.close()


def test_light_and_dark(browser, page_server):
    page = browser.page(is_dark=True)
    page.open(f"{page_server.url}/")
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0) / 3"
    assert page.run(brightness) < 60
    page.prefer(is_dark=False)
    page.wait(f"{brightness} > 200")
    page.click("#theme")
    page.click("#theme")
    assert page.run("document.querySelector('#theme').title") == "Colours: dark" and page.run(brightness) < 60
    page.open(f"{page_server.url}/")
    assert page.run(brightness) < 60, "the choice is kept"
    for theme in ("dark", "light"):
        page.run(f"localStorage['braid.theme'] = '{theme}'; dispatchEvent(new Event('braid-theme'))")
        for selector in ("body", ".hint", ".model", ".suggestions button", "#settings-summary", "#tab-server"):
            page.wait(f"{contrast(selector)} >= 4.5")
    page.close()


def contrast(selector):
    """An expression for WCAG's contrast ratio of a text and its background."""
    return f"""(() => {{
      const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      let node = document.querySelector('{selector}');
      const ink = luminance(parts(getComputedStyle(node).color));
      while (node && parts(getComputedStyle(node).backgroundColor)[3] === 0) node = node.parentElement;
      const paper = luminance(parts(getComputedStyle(node ?? document.documentElement).backgroundColor));
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    }})()"""


def test_the_server_tab_is_live(browser, page, page_server):
    set_up(page, extra=LONG)
    start(page, "Talk")
    other = browser.page(context=page.context)
    other.open(f"{page_server.url}/#server")
    figure = "Object.fromEntries([...document.querySelectorAll('.figure')].map((f) => [f.innerText.replace(/.* /, ''), f.innerText.split(' ')[0]]))"
    other.wait(f"({figure}).running === '1'")
    other.wait(f"Number(({figure}).written) > 1")
    assert other.run(f"({figure}).queued") == "0"
    assert other.count(".chart .line") >= 4
    other.wait("[...document.querySelectorAll('.chart .line')].some((line) => line.getAttribute('d').includes('L'))")
    page.bring_to_front()
    page.click("#send")
    wait_for_answer(page)
    other.bring_to_front()
    other.wait(f"({figure}).running === '0'")
    counts = "Object.fromEntries([...document.querySelectorAll('.counts div')].map((d) => d.innerText.split('\\n')))"
    assert int(other.run(counts)["Tokens written"].replace(",", "")) > 0
    latencies = other.run("[...document.querySelectorAll('.latencies tbody tr')].map((row) => row.innerText.split('\\t'))")
    assert [row[0] for row in latencies] == ["First token", "Between tokens", "Whole request", "In the queue"]
    info = page_server.get("/get_server_info")
    shown = "This server does not tell" if info.status == 404 else next(str(one) for one in info.json().values() if isinstance(one, str) and one)
    other.wait(f"document.querySelector('.info').innerText.includes({json.dumps(shown)})")
    assert "num_running" not in other.text(".info"), "the charts draw what changes"
    assert other.problems == []
    other.close()


def test_the_server_tab_shows_every_rank(browser, braid, default_model):
    flags = ["--tp-size", "2", "--dp-size", "2", "--enable-dp-attention", "--kv-cache-memory-bytes", "200MB"]
    with Server(braid, default_model, *flags) as server:
        page = browser.page()
        page.open(f"{server.url}/#server")
        page.wait("document.querySelectorAll('.ranks tbody tr').length === 2")
        rows = page.run("[...document.querySelectorAll('.ranks tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText))")
        assert [row[1:3] for row in rows] == [["0", "0"], ["1", "1"]]
        body = {"text": "Hi", "sampling_params": {"max_new_tokens": 8, "ignore_eos": True}}
        assert server.post("/generate", body).status == 200
        page.wait("Number(document.querySelector('.ranks tbody tr').cells[4].innerText) > 3")
        assert "All run." in page.text("section:has(.ranks)")
        assert page.problems == []
        page.close()


def test_an_error_says_what_is_wrong_and_can_be_tried_again(page):
    set_up(page, extra='{"top_logprobs": 99}')
    start(page, "Hi")
    page.wait("document.querySelector('.ending.is-error')?.checkVisibility()")
    assert "top_logprobs" in page.text(".ending")
    set_up(page, extra="", max_tokens="2")
    page.click(".ending button")
    page.wait("document.querySelector('.version-count')?.innerText === '2 / 2'")
    assert wait_for_answer(page)


def test_a_server_that_goes_away_is_named(browser, braid, default_model):
    page = browser.page()
    with Server(braid, default_model, "--kv-cache-memory-bytes", "200MB") as server:
        page.open(f"{server.url}/")
        set_up(page, extra=LONG)
        start(page, "Talk")
        page.wait("document.querySelector('.answer > .prose').innerText")
        server.process.kill()
        server.process.wait()
    page.wait("document.querySelector('.ending.is-error')?.checkVisibility()")
    assert "connection" in page.text(".ending")
    assert page.text(".answer > .prose")
    start(page, "Are you there?")
    page.wait("document.querySelectorAll('.ending.is-error')[1]?.checkVisibility()")
    assert page.run("[...document.querySelectorAll('.ending')].at(-1).innerText").startswith("The server cannot be reached.")
    page.wait("document.querySelector('#banner').innerText.startsWith('The server cannot be reached')")
    page.close()
