#!/usr/bin/env python3
"""Renders random templates with braid and with jinja2 as transformers sets it up, and shows where they differ.

    tools/compare_templates.py build/release/braid MODEL [--cases 5000] [--seed 1]

MODEL: any checkpoint (`braid render` needs one). tools/template_grammar.py draws the templates; many share one file behind
`{% if case == N %}`, so that a process renders hundreds. Errors must agree too, and where both are errors, the line in
braid's message must be jinja2's. The exit code is 1 if anything differs. Needs
jinja2.
"""
import argparse
import copy
import datetime
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import make_template_fixtures  # noqa: E402
from template_grammar import VARIABLES, Grammar  # noqa: E402

ENV = make_template_fixtures.environment()
ENV.globals["strftime_now"] = lambda pattern: datetime.datetime.now().strftime(pattern)
GROUP = 200
BEYOND = "beyond 128 bits"  # braid's integers end, Python's do not: docs/decisions.md


def reference(template, variables):
    """(text, None), or (None, the error)."""
    try:
        return template.render(**copy.deepcopy(variables)), None
    except Exception as error:  # any error here must be an error in braid too
        return None, f"{type(error).__name__}: {error}"


def braid(program, model, source, lines):
    with tempfile.NamedTemporaryFile("w", suffix=".jinja", encoding="utf-8", newline="") as file:
        file.write(source)
        file.flush()
        command = [program, "render", "--model-path", model, "--chat-template", file.name]
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8")
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    return answers if len(answers) == len(lines) else done.stderr.strip()


def joined(templates):
    return "".join(f"{{% if case == {n} %}}{{{{ '' }}}}{t}{{{{ '' }}}}{{% endif %}}" for n, t in enumerate(templates))


class Comparison:
    def __init__(self, program, model, shows):
        self.program, self.model, self.shows = program, model, shows
        self.total = self.errors = self.beyond = self.differ = 0

    def group(self, templates):
        source = joined(templates)
        try:
            template = ENV.from_string(source)
        except Exception:
            template = None
        cases = [VARIABLES | {"case": n} for n in range(len(templates))]
        answers = template and braid(self.program, self.model, source, [json.dumps(c, ensure_ascii=False) for c in cases])
        if not isinstance(answers, list):  # one of them does not parse: find it
            if len(templates) > 1:
                half = len(templates) // 2
                self.group(templates[:half])
                self.group(templates[half:])
            else:
                self.source_error(templates[0], template is None, answers)
            return
        for case, text, answer in zip(cases, templates, answers):
            self.judge(text, reference(template, case), answer)

    def source_error(self, text, is_error, message):
        self.total += 1
        self.errors += is_error
        got = message if message else braid(self.program, self.model, joined([text]), ["{}"])
        if isinstance(got, list) != (not is_error):
            self.show(text, "a syntax error" if is_error else "a template", got)

    def judge(self, text, wanted, got):
        self.total += 1
        wanted, error = wanted
        got_error = got["error"] if isinstance(got, dict) else None
        if got_error and BEYOND in got_error:
            self.beyond += 1
        elif error and got_error:
            self.errors += 1
        elif error or got_error:
            self.show(text, error or wanted, got)
        elif wanted != got and not make_template_fixtures.is_unstable(wanted):
            self.show(text, wanted, got)

    def show(self, text, wanted, got):
        self.differ += 1
        if self.differ <= self.shows:
            print(f"{text!r}\n  jinja2 {wanted!r:.600}\n  braid  {got!r:.600}")


def main():
    warnings.simplefilter("ignore")  # Python's own, about odd expressions in compiled templates
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("braid")
    arguments.add_argument("model")
    arguments.add_argument("--cases", type=int, default=5000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--file", help="templates to render instead, a JSON string a line")
    arguments.add_argument("--show", type=int, default=20, help="differences that are printed")
    arguments = arguments.parse_args()
    if arguments.file:
        templates = [line.rstrip("\n") for line in open(arguments.file, encoding="utf-8")]
        templates = [json.loads(line) for line in templates if line]
    else:
        grammar = Grammar(arguments.seed)
        templates = [grammar.template() for _ in range(arguments.cases)]
    comparison = Comparison(arguments.braid, arguments.model, arguments.show)
    for start in range(0, len(templates), GROUP):
        comparison.group(templates[start:start + GROUP])
    print(f"{comparison.total} templates, {comparison.errors} of them errors in both, {comparison.beyond} with integers "
          f"beyond 128 bits, {comparison.differ} differ")
    sys.exit(comparison.differ > 0)


if __name__ == "__main__":
    main()
