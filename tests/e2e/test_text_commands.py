"""braid tokenize, detokenize and render, which need only the tokenizer's files."""

import unicodedata

TEXTS = ["", "Hello, world!", "  two  spaces\tand a tab\n\nlines ", "wörld, naïve, 日本語, русский, 12345678",
         "👩‍👩‍👧‍👦 🙂 e\u0301", "def f(x):\n    return x**2  # 'quoted' \"too\"\r\n", "\u0000\u001f\u007f", "a" * 5000]


def test_decoding_inverts_encoding(braid, default_model, tiny_model):
    composed = [unicodedata.normalize("NFC", text) for text in TEXTS]  # Qwen's tokenizer does this first
    for model, texts in ((default_model, TEXTS), (tiny_model, composed)):
        ids = braid.lines("tokenize", "--model-path", model, inputs=TEXTS)
        assert len(ids) == len(TEXTS)
        assert all(isinstance(i, int) for line in ids for i in line)
        assert braid.lines("detokenize", "--model-path", model, inputs=ids) == texts


def test_ids_are_those_of_the_reference(braid, default_model, expected):
    raw = [case for case in expected["cases"] if not case["chat"]]
    ids = braid.lines("tokenize", "--model-path", default_model, inputs=[case["prompt"] for case in raw])
    assert ids == [case["prompt_ids"] for case in raw]


def test_rendered_conversations_are_those_of_the_reference(braid, default_model, expected):
    chats = [case for case in expected["cases"] if case["chat"]]
    rendered = braid.lines("render", "--model-path", default_model, inputs=[
        {"messages": [{"role": "user", "content": case["prompt"]}], "add_generation_prompt": True} for case in chats])
    ids = braid.lines("tokenize", "--model-path", default_model, inputs=rendered)
    assert ids == [case["prompt_ids"] for case in chats]


def test_a_conversation_that_cannot_be_rendered_is_an_error_in_its_line(braid, tiny_model, tmp_path):
    template = tmp_path / "template.jinja"
    template.write_text("{% if not messages %}{{ raise_exception('no messages here') }}{% endif %}"
                        "{{ messages[0]['content'] }}")
    out = braid.lines("render", "--model-path", tiny_model, "--chat-template", template, inputs=[
        {"messages": []}, {"messages": [{"role": "user", "content": "hi"}]}, 7])
    assert len(out) == 3
    assert "no messages here" in out[0]["error"]
    assert out[1] == "hi"
    assert "error" in out[2]


def test_an_invalid_line_is_named(braid, tiny_model):
    for line in ("[1, -1]", "[1, 3000000000]", "7", "[1"):
        assert "line 2" in braid.error("detokenize", "--model-path", tiny_model, stdin=f"[1]\n{line}\n")
    assert "line 1" in braid.error("tokenize", "--model-path", tiny_model, stdin="not JSON\n")


def test_an_id_beyond_the_vocabulary_has_no_text(braid, tiny_model):
    """As in the reference: a padded vocabulary has ids that the tokenizer does not know."""
    assert braid.lines("detokenize", "--model-path", tiny_model, inputs=[[65, 280, 66], [65, 66]])[0] == \
        braid.lines("detokenize", "--model-path", tiny_model, inputs=[[65, 66]])[0]
