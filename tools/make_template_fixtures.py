#!/usr/bin/env python3
"""Makes src/braid/tokenizer/testdata/templates/*.jsonl: templates, variables, and what jinja2 renders.

The environment is the one that transformers builds for chat templates. Each line is
{"name", the template and its variables, "output" or "error": true}; the first line has the common parts. Needs jinja2.
"""
import copy
import datetime
import json
import re
import sys
import warnings
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.path.insert(0, str(Path(__file__).parent))

FOLDER = Path("src/braid/tokenizer/testdata/templates")
NOW = datetime.datetime(2026, 3, 9, 4, 5, 6)  # the time that strftime_now shows in the tests


class Generation(jinja2.ext.Extension):
    """transformers' tag around the assistant's text; it renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _render(self, context, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    class TemplateDict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

    class TemplateNamespace(jinja2.utils.Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attributes = dict(*args, **kwargs)
            for name in attributes:
                TemplateNamespace.check(name)
            jinja2.utils.Namespace.__init__(self, attributes)

        def __setitem__(self, name, value):
            TemplateNamespace.check(name)
            jinja2.utils.Namespace.__setitem__(self, name, value)

        @staticmethod
        def check(name):
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(name)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    env.globals["dict"] = TemplateDict()
    env.globals["namespace"] = TemplateNamespace
    return env


ENV = environment()


def render(template, variables):
    """{"output": text} or {"error": True}."""
    variables = copy.deepcopy(variables)  # jinja2's indent filter writes into a list
    try:
        return {"output": ENV.from_string(template).render(**variables)}
    except Exception:  # any error here must be an error in braid too
        return {"error": True}


def is_unstable(text):
    """Whether the text shows Python's addresses, iterators or functions, which no prompt has."""
    signs = r" at 0x|object>|<built-in|<bound method|<function|<Macro|<class|<Namespace|<jinja2|Undefined\b"
    return re.search(signs, text, re.IGNORECASE)


def write(path, cases):
    with open(path, "w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps(case, ensure_ascii=False) + "\n")
    errors = sum("error" in case for case in cases)
    print(f"{path}: {len(cases)} cases, {errors} of them errors")


def main():
    warnings.simplefilter("ignore")  # Python's own, about odd expressions in compiled templates
    from template_cases import CONVERSATIONS, MODEL_OPTIONS, SNIPPETS, VARIABLES
    from template_corners import CORNERS
    from template_grammar import VARIABLES as GRAMMAR_VARIABLES
    from template_grammar import Grammar

    cases = []
    for name, options in MODEL_OPTIONS.items():
        template = (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
        for label, conversation in CONVERSATIONS.items():
            for number, option in enumerate(options):
                case = {"name": f"{name}/{label}/{number}", "file": name, "conversation": label, "option": number}
                cases.append(case | render(template, {**conversation, **option}))
    write(FOLDER / "conversations.jsonl", [{"conversations": CONVERSATIONS, "options": MODEL_OPTIONS}] + cases)

    cases = []
    for number, snippet in enumerate(SNIPPETS):
        template, variables = snippet if isinstance(snippet, tuple) else (snippet, VARIABLES)
        case = {"name": f"snippet {number}", "template": template}
        if variables is not VARIABLES:
            case["variables"] = variables
        cases.append(case | render(template, variables))
    write(FOLDER / "snippets.jsonl", [{"variables": VARIABLES}] + cases)

    cases = [{"name": f"corner {n}", "template": t} | render(t, GRAMMAR_VARIABLES) for n, t in enumerate(CORNERS)]
    write(FOLDER / "corners.jsonl", [{"variables": GRAMMAR_VARIABLES}] + cases)

    grammar = Grammar(20260309)
    cases = []
    while len(cases) < 600:
        template = grammar.template()
        result = render(template, GRAMMAR_VARIABLES)
        text = result.get("output", "")
        # How long a text stays marked `safe` is a known difference (docs/decisions.md).
        if is_unstable(text) or "Markup(" in text or len(template) + len(text) > 500:
            continue
        if "error" in result and grammar.random.random() < 0.85:
            continue
        cases.append({"name": f"random {len(cases)}", "template": template} | result)
    write(FOLDER / "random.jsonl", [{"variables": GRAMMAR_VARIABLES}] + cases)


if __name__ == "__main__":
    main()
