"""The page's modules, one by one, in the browser that runs them: Markdown, streams, thinking, metrics, settings."""

import json
import random

import pytest


@pytest.fixture(scope="module")
def page(browser, page_server):
    page = browser.page()
    page.open(f"{page_server.url}/")
    yield page
    page.close()


def call(page, module, expression, *values):
    """The value of an expression over a module's exports `m` and a list of JSON values `v`."""
    text = f"import('./page/{module}').then(async (m) => {{ const v = {json.dumps(values)}; return {expression}; }})"
    return page.run(text)


def html(page, markdown):
    return call(page, "markdown.js", "m.renderMarkdown(v[0]).innerHTML", markdown)


def plain(page, markdown):
    """Without the frame around code blocks."""
    return html(page, markdown).replace(' target="_blank" rel="noopener noreferrer"', "")


@pytest.mark.parametrize("markdown, wanted", [
    ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
    ("a  \nb\\\nc", "<p>a<br>b<br>c</p>"),
    ("# Title #\n## Sub", '<h3 class="h h-1">Title</h3><h4 class="h h-2">Sub</h4>'),
    ("#hashtag", "<p>#hashtag</p>"),
    ("---\n***", "<hr><hr>"),
    ("*a* **b** ***c*** _d_ __e__ ~~f~~", "<p><em>a</em> <strong>b</strong> <em><strong>c</strong></em> <em>d</em> <strong>e</strong> <del>f</del></p>"),
    ("**bold *and* more**", "<p><strong>bold <em>and</em> more</strong></p>"),
    ("snake_case_name 2*3*4 a * b", "<p>snake_case_name 2<em>3</em>4 a * b</p>"),
    ("**Note:**then", "<p><strong>Note:</strong>then</p>"),
    ("**open", "<p>**open</p>"),
    ("`a*b*` ``x`y`` `open", "<p><code>a*b*</code> <code>x`y</code> `open</p>"),
    (r"\*not\* \# \\ \(x_1*2*\)", '<p>*not* # \\ <span class="math">x_1*2*</span></p>'),
    ("&lt;b&gt; &amp; &#65; &nope; &copy;", "<p>&lt;b&gt; &amp; A &amp;nope; ©</p>"),
    ("> a\n> b\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"),
    ("- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
    ("1. a\n  - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
    ("3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("1. a\n\n2. b", "<ol><li><p>a</p></li><li><p>b</p></li></ol>"),
    ("- a\n\n      still a\n- b", "<ul><li><p>a</p><p>still a</p></li><li><p>b</p></li></ul>"),
    ("text\n- a\n- b", "<p>text</p><ul><li>a</li><li>b</li></ul>"),
    ("[a](https://x.example/p?q=1 \"t\")", '<p><a href="https://x.example/p?q=1" title="https://x.example/p?q=1">a</a></p>'),
    ("[**a** b](http://x.example)", '<p><a href="http://x.example/" title="http://x.example/"><strong>a</strong> b</a></p>'),
    ("see https://x.example/a_(b). Or <https://y.example>!",
     '<p>see <a href="https://x.example/a_(b)" title="https://x.example/a_(b)">https://x.example/a_(b)</a>. '
     'Or <a href="https://y.example/" title="https://y.example/">https://y.example</a>!</p>'),
    ("[https://a.example](https://b.example)", '<p><a href="https://b.example/" title="https://b.example/">https://a.example</a></p>'),
    ("[a][b] [c] [d](relative/path)", "<p>[a][b] [c] [d](relative/path)</p>"),
    ("![cat](https://x.example/cat.png)",
     '<p><a href="https://x.example/cat.png" title="https://x.example/cat.png" class="image">cat</a></p>'),
])
def test_markdown(page, markdown, wanted):
    assert plain(page, markdown) == wanted


def test_markdown_code_blocks(page):
    text = "```c\nint a = 1;  // <b>\n\n\tx\n```\nafter"
    shown = call(page, "markdown.js", "[...m.renderMarkdown(v[0]).querySelectorAll('figcaption span, pre, figure + p')].map(n => n.textContent)", text)
    assert shown == ["c", "Copy this code", "int a = 1;  // <b>\n\n\tx", "after"]
    assert '<span class="code-comment">// &lt;b&gt;</span>' in html(page, text)
    assert "<pre" in html(page, "- item\n  ```\n  code\n  ```\n- next")
    assert html(page, "~~~\nopen\n\nstill").count("<figure") == 1
    assert html(page, "```a`b```") == "<p><code>a`b</code></p>"


def test_markdown_tables(page):
    shown = html(page, "| a | b |\n| :-- | --: |\n| `x|y` \\| z | **1** |\n| short |\n\nend")
    assert shown.startswith('<div class="table"')
    assert '<thead><tr><th class="left">a</th><th class="right">b</th></tr></thead>' in shown
    assert "<td class=\"left\">short</td><td class=\"right\"></td>" in shown
    assert shown.endswith("<p>end</p>")
    assert "<table" not in html(page, "a | b\nno table")


def test_markdown_task_lists(page):
    shown = html(page, "- [x] done\n- [ ] to do")
    assert 'aria-label="done"' in shown and 'aria-label="to do"' in shown


HOSTILE = r"""<img src=x onerror="alert(1)"> <script>alert(2)</script> <svg onload=alert(3)>
[a](javascript:alert(4)) [b](JaVaScRiPt&#58;alert(5)) [c](data:text/html,<script>alert(6)</script>) [d]( javascript:alert(7))
![x](javascript:alert(8)) <javascript:alert(9)> [e](vbscript:x) [f](file:///etc/passwd) [g](//evil.example) [h](\x01javascript:alert(1))
<a href="javascript:alert(10)">k</a> <iframe srcdoc="<script>alert(11)</script>"></iframe> <style>*{display:none}</style>
[i](https://ok.example/" onmouseover="alert(12)) <https://ok.example/"onclick="alert(13)> https://ok.example/'onclick='alert(14)

| <img src=x onerror=alert(15)> | <script>alert(16)</script> |
| --- | --- |
| <b onclick=alert(17)>x</b> | [j](javascript:alert(18)) |

```html"><script>alert(19)</script>
<script>alert(20)</script>
```
- <img src=x onerror=alert(21)>
> <script>alert(22)</script>
# <script>alert(23)</script>
"""


def test_hostile_markdown_is_text(page):
    found = call(page, "markdown.js", """(() => {
      const root = m.renderMarkdown(v[0]);
      document.body.append(root);
      return [...root.querySelectorAll('*')].map((n) => [n.localName, [...n.attributes].map((a) => [a.name, a.value])]);
    })()""", HOSTILE)
    allowed = {"p", "br", "a", "div", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "span", "button", "svg", "use",
               "pre", "code", "ul", "li", "blockquote", "h3"}
    assert {name for name, _ in found} <= allowed
    for name, attributes in found:
        assert not [a for a, _ in attributes if a.startswith("on") or a in ("style", "src", "srcdoc")]
        if name == "a":
            link = dict(attributes)
            assert link["href"].startswith(("https://", "http://")) and link["rel"] == "noopener noreferrer"
    assert page.dialogs == []
    page.run("document.body.lastElementChild.remove()")


@pytest.mark.parametrize("text", [
    "*a " * 20000 + "a* " * 20000, "**" * 50000, "_*" * 30000, "[" * 50000, "[a](" * 20000, "[a](http://x.example " * 10000, "![" * 30000,
    "![a](http://x)" * 5000 + "](http://x)" * 5000, "`" * 50000, "".join("`" * (i % 50 + 1) + "x" for i in range(3000)), "> " * 20000,
    "- " * 20000, "  " * 30000 + "- x", "# " + " " * 60000 + "x", "- [ ] " * 5000, "|" * 40000 + "\n" + "|-" * 20000, "-" * 60000 + "x",
    "- - - " * 10000 + "x", "&" * 60000, "<" * 60000, "http://" * 10000, "https://x.example/" + ")" * 60000, "\\(" * 30000, "~~a" * 20000,
    "```\n" * 20000, "a\n" * 30000, "| a\n" * 10000, "1. a\n" * 10000, "> a\n- b\n" * 5000, "```js\n" + "\"\\" * 25000 + "\n```",
    "```js\n" + "`\\`" * 15000 + "\n```", "```py\n" + "'''" * 15001 + "\n```", "x" + "\u202e" * 50000, "\0\ud800\n" * 5000,
], ids=lambda text: repr(text[:12]))
def test_markdown_of_random_text_terminates_and_loses_nothing(page, text):
    letters = call(page, "markdown.js", "[...m.renderMarkdown(v[0]).textContent.matchAll(/[a-z]/g)].length", text)
    assert letters >= min(1, sum(c.isalpha() for c in text))


def test_an_answer_in_pieces_looks_as_in_one(page):
    text = ("# T\n\nA *b* `c`\n- x\n- y\n\n  more\n\n1. a\n\n2. b\n   - c\n\n```py\nx = 1\n\n# no\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
            "\n> q\n> r\n\n---\nend **bold** [l](https://x.example)\n\n- [ ] t\n\n2) z\n") * 2
    seed = 20240607
    rng = random.Random(seed)
    for _ in range(20):
        cuts = sorted(rng.sample(range(1, len(text)), 40)) + [len(text)]
        grown = call(page, "markdown.js", """(() => {
          const root = document.createElement('div');
          const view = new m.MarkdownView(root);
          for (const cut of v[1]) view.update(v[0].slice(0, cut));
          return root.innerHTML;
        })()""", text, cuts)
        assert grown == html(page, text), f"seed {seed}, cuts {cuts}"


def test_drawn_nodes_stay_while_an_answer_grows(page):
    assert call(page, "markdown.js", """(() => {
      const root = document.createElement('div');
      const view = new m.MarkdownView(root);
      view.update('one\\n\\ntwo\\n\\nthr');
      const [first, second] = root.children;
      view.update('one\\n\\ntwo\\n\\nthree\\n\\n- fo');
      return root.children[0] === first && root.children[1] === second && root.children.length === 4;
    })()""")


def test_events_of_a_stream_however_it_is_cut(page):
    stream = (": comment\n\ndata: one\n\ndata:two\r\ndata:  three\r\n\r\nevent: x\nid: 4\ndata: {\"é\": \"\U0001F600\"}\n\n"
              "data\n\ndata: a\rdata: b\r\rdata: [DONE]\n\ndata: never ended").encode()
    wanted = ["one", "two\n three", '{"é": "\U0001F600"}', "", "a\nb", "[DONE]"]
    for size in (1, 2, 3, 7, 1000):
        pieces = [list(stream[i:i + size]) for i in range(0, len(stream), size)]
        assert call(page, "sse.js", """(async () => {
          const stream = new ReadableStream({start(c) { for (const p of v[0]) c.enqueue(new Uint8Array(p)); c.close(); }});
          const events = [];
          for await (const event of m.readEvents(stream)) events.push(event);
          return events;
        })()""", pieces) == wanted


@pytest.mark.parametrize("content, is_whole, thinking, answer", [
    ("plain", True, "", "plain"),
    ("<think>\nwhy\n</think>\n\nso", True, "why", "so"),
    ("why\n</think>\nso", True, "why", "so"),
    ("<think>open", False, "open", ""),
    ("<think>open</thi", False, "open", ""),
    ("<thi", False, "", ""),
    ("<thi", True, "", "<thi"),
    ("I write <think> and </think> in text", True, "", "I write <think> and </think> in text"),
])
def test_thinking_in_the_text(page, content, is_whole, thinking, answer):
    assert call(page, "thinking.js", "m.splitThinking(v[0], v[1])", content, is_whole) == {"thinking": thinking, "answer": answer}


METRICS = """# HELP x_num_running_reqs running
# TYPE x_num_running_reqs gauge
x_num_running_reqs{model_name="a \\"b\\" } c",dp_rank="0"} 3
x_num_running_reqs{model_name="a \\"b\\" } c",dp_rank="1"} 4
x_token_usage 0.25
x_generation_tokens_total 100
x_time_to_first_token_seconds_bucket{le="0.1"} 0
x_time_to_first_token_seconds_bucket{le="0.2"} 10
x_time_to_first_token_seconds_bucket{le="+Inf"} 20
other_token_usage 7
"""


@pytest.mark.parametrize("prefix", ["braid_", "sglang:", ""])
def test_metrics_under_any_prefix(page, prefix):
    first = METRICS.replace("x_", prefix)
    later = first.replace("tokens_total 100", "tokens_total 150").replace("} 0\n", "} 4\n").replace("} 10\n", "} 18\n").replace("} 20\n", "} 28\n")
    assert call(page, "metrics.js", """(() => {
      const [a, b] = [new m.Reading(v[0], 1000), new m.Reading(v[1], 3000)];
      const seen = m.quantiles(a, b, 'time_to_first_token_seconds');
      return [a.total('num_running_reqs'), [...a.groups('num_running_reqs')], a.total('token_usage'), a.total('gen_throughput') ?? null,
        m.rate(a, b, 'generation_tokens_total'), m.rate(b, a, 'generation_tokens_total') ?? null, seen.count, seen.at(0.5),
        Math.round(seen.at(0.75) * 1000), Math.round(seen.at(0.99) * 1000), m.quantiles(a, b, 'queue_time_seconds') ?? null];
    })()""", first, later) == [7, [["0", 3], ["1", 4]], 0.25, None, 25, None, 8, 0.1, 150, 198, None]


@pytest.mark.parametrize("texts, wanted", [
    ({}, {}),
    ({"temperature": "0", "top_p": " 0.9 ", "top_k": "40", "seed": "7", "stop": "a\\n\nb", "system": "s"},
     {"temperature": 0, "top_p": 0.9, "top_k": 40, "seed": 7, "stop": ["a\n", "b"]}),
    ({"temperature": "2.1", "top_k": "1.5", "max_tokens": "0", "seed": "x"}, {}),
    ({"thinking": "off", "extra": '{"min_tokens": 3}'}, {"chat_template_kwargs": {"enable_thinking": False}, "min_tokens": 3}),
    ({"extra": '{"messages": []}'}, {}),
    ({"extra": "[1]"}, {}),
    ({"extra": "{"}, {}),
])
def test_settings_become_parameters(page, texts, wanted):
    assert call(page, "settings_fields.js", "m.parametersOf(v[0])", texts) == wanted


def test_a_conversation_is_a_tree(page):
    assert call(page, "conversation.js", """(() => {
      const c = m.newConversation();
      const say = (parent, role, content, more) => m.addMessage(c, parent, {role, content, ...more});
      const q1 = say(m.lastOf(c), 'user', 'first question\\nsecond line');
      const a1 = say(q1, 'assistant', '<think>hm</think>one', {finish: 'stop'});
      const a2 = say(q1, 'assistant', '', {finish: 'error'});
      const q2 = say(a2, 'user', 'and?');
      const texts = () => m.pathOf(c).map((n) => n.content);
      const long = texts();
      const merged = m.requestMessages(c, q2, 'be brief');
      m.showVersion(c, a2, -1);
      return [c.title, long, merged, texts(), m.versionOf(c, a1), m.requestMessages(c, a1, '')];
    })()""") == [
        "first question", ["first question\nsecond line", "", "and?"],
        [{"role": "system", "content": "be brief"}, {"role": "user", "content": "first question\nsecond line\n\nand?"}],
        ["first question\nsecond line", "<think>hm</think>one"], {"index": 0, "count": 2},
        [{"role": "user", "content": "first question\nsecond line"}, {"role": "assistant", "content": "one"}]]


def test_images_come_before_the_text_of_their_message(page):
    assert call(page, "conversation.js", """(() => {
      const c = m.newConversation();
      const say = (role, content, ids) => m.addMessage(c, m.lastOf(c), {role, content, ...(ids && {images: ids.map((id) => ({id, name: `[${id}]`}))})});
      say('user', '', ['a', 'b']);
      say('assistant', '');
      const last = say('user', 'what?', ['lost', 'a']);
      const urls = new Map([['a', 'data:1'], ['b', 'data:2']]);
      const short = ([message]) => message.content.map((part) => part.text ?? part.image_url.url);
      return [c.title, short(m.requestMessages(c, last, '', urls)), m.requestMessages(c, last, ''), m.imagesUpTo(c, last).length,
        m.imagesIn(c).map(({id}) => id), m.toMarkdown(c, urls)];
    })()""") == [
        "2 images", ["data:1", "data:2", "data:1", "what?"], [{"role": "user", "content": "what?"}], 4, ["a", "b", "lost"],
        "# 2 images\n\n## You\n\n![ a ][image-1] ![ b ][image-2]\n\n## Model\n\n\n\n## You\n\n(image:  lost ) ![ a ][image-1]\n\nwhat?\n"
        "\n[image-1]: data:1\n[image-2]: data:2\n"]


def test_the_scale_of_a_chart_is_round(page):
    values = [0, 0.3, 1, 1.2, 3, 26, 99, 1000, 1001]
    rounded = call(page, "charts.js", "v[0].map(m.roundUp)", values)
    assert all(top >= value for top, value in zip(rounded, values))
    assert rounded == pytest.approx([1, 0.5, 1, 2, 5, 50, 100, 1000, 2000])
