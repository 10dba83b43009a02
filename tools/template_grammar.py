"""Random templates by type: a production of a type usually yields a value of that type, so most templates render.

A production is a piece of template text with holes: {int} {float} {num} {str} {list} {strs} {nums} {objs} {dict} {pairs}
{bool} {any} {undef} are expressions of that type, {small} a small number, {lit} a short string literal, {name} a free name, {body}
statements. <% and %> are a tag's borders, drawn with white space control.
"""
import random
import re

VARIABLES = {
    "i": 7, "j": -13, "k": 100, "zero": 0, "f": 2.5, "g": -0.75, "h": 1e-5, "e": 1e22, "pi": 3.14159,
    "s": "Hello, World", "t": "  two  words\t\n", "u": "Straße ÉÈ ñandú 日本 🎉 ǅ", "q": "it's \"q\" \\ \n<b>&", "empty": "",
    "lines": "one\n\n  two\r\nthree\n\n", "csv": "a,b,,c , d", "num": " 42 ", "hex": "0x1F", "mixed": "aBcABC-abc_12 x1",
    "yes": True, "no": False, "nil": None,
    "nums": [3, -1, 2.5, 10, 2], "words": ["b", "A", "c", "a", "B", "ab"], "mix": [1, "a", None, 2.0, True, [1, [2]], {"k": "v"}],
    "nothing": [], "deep": {"a": {"b": [{"c": "x", "n": 1}, {"c": "y"}]}, "0": "zero", "items": "shadow"},
    "d": {"b": 1, "a": 2, "C": 3, "n": None}, "args": {"place": "Zürich", "days": 2, "on": True, "l": [1, {"x": "\u2028"}]},
    "objs": [{"name": "bob", "age": 30, "tags": ["x", "y"], "in": {"city": "Rome"}}, {"name": "Al", "age": 4, "in": {"city": "oslo"}},
             {"name": "Bob", "age": 17, "on": True, "in": {"city": "Oslo"}}, {"name": "eve", "age": 4, "tags": [], "in": {}}],
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hi <there> "},
                 {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}}]},
                 {"role": "tool", "content": "{\"t\": 1}"}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}],
}

ATOMS = {
    "int": ["i", "j", "k", "zero", "0", "1", "2", "3", "12", "true", "nums[0]", "deep.a.b[0].n", "0x1F", "1_000", "messages|length"],
    "float": ["f", "g", "h", "pi", "0.5", "1.0", "2.0", "1e3", "10.25", "e"],
    "str": ["s", "t", "u", "q", "empty", "lines", "csv", "num", "mixed", "'a'", "''", "'x y'", "\"it's\"", "'\\n'", "messages[0].content",
            "words[1]", "d|first", "'é\\t\\x41\\u00e9'", "hex"],
    "list": ["nums", "words", "mix", "nothing", "objs", "[]", "[1, 'b', none]", "range(4)|list", "[[1, 2], [3, 4]]", "(1, 2)", "messages"],
    "strs": ["words", "['x', 'Y', 'z']", "csv.split(',')", "d|list", "u|list", "('p', 'q')", "s|list"],
    "nums": ["nums", "[1, 2, 3]", "range(5)", "[0.5, 2]", "range(10, 0, -3)", "objs|map(attribute='age')"],
    "objs": ["objs", "objs[1:]", "objs[::-1]", "messages", "[{'name': 'z', 'age': 1}, {'name': 'y', 'age': 0}]"],
    "dict": ["d", "args", "deep", "objs[0]", "{}", "{'a': 1, 'b': [2]}", "messages[0]", "dict(a=1, b='x')", "{1: 'one', none: 2, 1.5: 3}"],
    "pairs": ["d.items()", "d|items", "d|dictsort", "[('a', 1), ('b', 2)]", "args.items()|list", "[[1, 2]]"],
    "bool": ["yes", "no", "true", "false", "True", "False"],
    "undef": ["missing", "d.nope", "nums[99]", "nil.x", "s.nope", "nothing|first", "(1 if no)"],
    "any": ["nil", "mix[3]", "missing", "none", "None", "range(3)"],
}

PRODUCTIONS = {
    "int": [
        "{int} + {int}", "{int} - {int}", "{int} * {int}", "{int} // {int}", "{int} % {int}", "-{int}", "+{int}", "{int} ** {small}",
        "{list}|length", "{str}|length", "{list}|count", "{dict}|length", "{str}.find({lit})", "{str}.rfind({lit})", "{str}.count({lit})",
        "{str}|wordcount", "{float}|int", "{str}|int", "{str}|int({int})", "{str}|int(base=16)", "{str}|int(0, {small})", "{int}|abs",
        "{int} if {bool} else {int}", "{strs}|length", "{str}.index({lit})", "{list}.index({any})", "{list}.count({any})", "{bool} + {int}",
        "{nums}|first|int", "{num}|int", "{any}|int", "{str}.find({lit}, {small})", "{str}.count({lit}, {small}, -{small})", "{dict}.items()|length",
        "{int} or {int}", "{int} and {int}", "({int}, {int})[{small} % 2]", "[{int}, {int}]|max", "[{int}, {int}]|min", "{undef}|default({int})",
        "namespace(v={int}).v", "{str}.rindex({lit})", "{objs}|map(attribute='age', default=0)|sum", "{objs}|sum(attribute='age', start={int})",
    ],
    "float": [
        "{num} / {num}", "{float} * {num}", "{num} + {float}", "{num} - {float}", "{float} // {num}", "{float} % {num}", "{float} ** {small}",
        "{num}|float", "{str}|float", "{str}|float({float})", "{any}|float(default=1.5)", "{num}|round", "{float}|round({small})",
        "{float}|round(1, 'floor')", "{float}|round(method='ceil')", "{float}|round({small}, 'common')", "{int}|round(-1)", "{float}|abs", "-{float}",
        "{int} ** -{small}", "{num}|round(2, 'ceil')", "{int}|round(-{small}, 'floor')", "{nums}|sum", "{float} if {bool} else {num}",
    ],
    "num": ["{int}", "{float}", "{nums}|max", "{nums}|min", "{nums}|sum", "{nums}|first", "{nums}|last", "{int}|abs", "{any}|default({num})"],
    "str": [
        "{str}.upper()", "{str}.lower()", "{str}.title()", "{str}.capitalize()", "{str}.swapcase()", "{str}.strip()", "{str}.lstrip()",
        "{str}.rstrip()", "{str}.strip({lit})", "{str}.lstrip({lit})", "{str}.rstrip({lit})", "{str}.replace({lit}, {str})",
        "{str}.replace({lit}, {lit}, {small})", "{lit}.join({strs})", "{str}.zfill({small})", "{str}.ljust({small}, '*')", "{str}.rjust({small})",
        "{str}.center({small}, '-')", "{str}.removeprefix({lit})", "{str}.removesuffix({lit})", "{str}.casefold()", "{str}.expandtabs({small})",
        "{str}|upper", "{str}|lower", "{str}|title", "{str}|capitalize", "{str}|trim", "{str}|trim({lit})", "{str}|replace({lit}, {str})",
        "{str}|replace({lit}, {lit}, {small})", "{str}|reverse", "{str}|string", "{any}|string", "{str}|e", "{str}|escape", "{str}|safe",
        "{str}|indent", "{str}|indent({small})", "{str}|indent({small}, true)", "{str}|indent(first=true, blank=true)", "{str}|indent({lit})",
        "{str}|indent(width={small}, blank={bool})", "{str}|truncate({small} + 3, {bool})", "{str}|center({small})", "{str}|first", "{str}|last",
        "{str}|forceescape", "{str}|urlencode", 
        "{list}|join({lit})", "{strs}|join", "{objs}|join({lit}, attribute='name')", "{nums}|join('-')", "{objs}|join('/', 'in.city')",
        "{any}|tojson", "{dict}|tojson", "{list}|tojson", "{dict}|tojson(indent={small})", "{any}|tojson(ensure_ascii={bool})",
        "{dict}|tojson(separators=(',', ':'))", "{dict}|tojson(sort_keys=true, indent=2)", "{any}|tojson(indent={small}, separators=(', ', ' : '))",
        "{list}|tojson(indent={lit})", "{str}|tojson", "{num}|tojson",
        "{str} ~ {any}", "{any} ~ {str} ~ {num}", "{str} + {str}", "{str} * {small}", "{small} * {str}", "{str}[{small}]", "{str}[-{small}]",
        "{str}[{small}:]", "{str}[:-{small}]", "{str}[::-1]", "{str}[-{small}:{small}:-2]", "{str}[{int}:{int}]", "{str}[::{small}]",
        "{str} if {bool} else {str}", "{str} or {str}", "{str} and {str}", "{undef}|default({str})", "{str}|default({str}, true)", "{any}|d({lit}, {bool})",
        "'%s|%5s|%-4s|%r' % ({any}, {lit}, {str}, {str})", "'%d %05d %+d %x' % ({num}, {int}, {int}, {int})", "'%.2f %e %g' % ({num}, {num}, {num})",
        "'%(a)s %(b)r' % {{'a': {any}, 'b': {str}}}", "'%s and %s'|format({any}, {str})", "'%(v)s'|format(v={any})", "'%s' % {str}", "'%i%%' % {num}",
        "'{{}} {{}}'.format({any}, {str})", "'{{1}} {{0}}'.format({str}, {num})", "'{{a}}-{{b!r}}'.format(a={str}, b={any})",
        "'{{:>8}}|{{:^7}}|{{:<6}}|'.format({lit}, {lit}, {lit})", "'{{:08.3f}} {{:,}} {{:+d}} {{:x}}'.format({num}, {int}, {int}, {int})",
        "'{{0[0]}} {{1[a]}}'.format({list}, {{'a': {any}}})", "'{{:.{{}}}}'.format({lit}, {small})", "'{{:d}}'.format({int})", "'{{:%}} {{:e}} {{:g}}'.format({num}, {num}, {num})",
        "{str}.format({any}, {any})", "{str}.partition({lit})[{small} % 3]", "{str}.split({lit})|last", "{str}.rsplit({lit}, 1)[0]",
        "{str}.splitlines()|join('|')", "{strs}|first", "{strs}|max", "{strs}|min", "{strs}|sort|join(',')", "{dict}|join(',')",
        "{dict}['name']|default({lit})", "{dict}.get({lit}, {str})", "strftime_now('%Y/%m/%d')", "{str}.split()|join('_')",
        "(namespace(v={str})).v", "{str}|list|unique|join", "{str}|lower|title", "'a' 'b' ~ {str}",
    ],
    "list": [
        "{list} + [{any}]", "[{any}, {any}]", "[{any}]", "({any}, {str})", "{list}|list", "{list}|reverse|list", "{list}[{small}:]", "{list}[:-{small}]",
        "{list}[::-1]", "{list}[{small}:{small}:-1]", "{list}[{int}:{int}:{small}]", "{list}|batch({small} + 1)|list", "{list}|batch({small} + 1, {any})|list",
        "{list}|slice({small} + 1)|list", "{list}|slice({small} + 1, {lit})|list", "{list}|select|list", "{list}|reject|list", "{list}|select('string')|list",
        "{list}|reject('none')|list", "{list}|map('string')|list", "{list}|select('defined')|list", "{list}|unique|list" , "{str}|list", "{dict}|list",
        "{pairs}|list", "{dict}|dictsort", "{dict}|dictsort(true)", "{dict}|dictsort(by='value')", "{dict}|dictsort(reverse=true)",
        "{dict}|dictsort(false, 'value', {bool})", "{dict}.items()|list", "{dict}.keys()|list", "{dict}.values()|list", "{dict}|items|list",
        "{strs}", "{nums}|list", "{objs}", "{objs}|groupby('age')|list", "{objs}|groupby('name')|map('last')|list", "{objs}|groupby('in.city', default='?')|map('first')|list",
        "{objs}|groupby('name', case_sensitive=true)|map('first')|list", "{objs}|groupby(attribute='age')|map(attribute='grouper')|list",
        "{objs}|groupby('age')|map(attribute='list')|list", "{objs}|sort(attribute='age')", "{objs}|sort(attribute='name', reverse=true)",
        "{objs}|sort(attribute='age,name')", "{objs}|sort(false, true, 'name')", "{objs}|selectattr('on')|list", "{objs}|rejectattr('on')|list",
        "{objs}|selectattr('age', 'gt', {num})|list", "{objs}|rejectattr('name', 'in', {strs})|list", "{objs}|selectattr('in.city', 'defined')|list",
        "{objs}|map(attribute='name')|list", "{objs}|map(attribute='tags', default=[])|list", "{objs}|map(attribute='in.city', default={lit})|list",
        "{objs}|map('tojson')|list", "{objs}|map('length')|list", "{objs}|unique(attribute='name')|list", "{objs}|unique(true, 'name')|list",
        "{list} * {small}", "{list} if {bool} else {list}", "{list} or {list}", "{undef}|default([{any}])", "{undef}|list", "[{list}, {dict}]|map('list')|list",
        "range({small}, {int} % 20, {small} + 1)|list", "dict({pairs}).items()|list", "{list}.copy()", "{strs}|map('replace', {lit}, {lit})|list",
    ],
    "strs": [
        "{str}.split()", "{str}.split({lit})", "{str}.split({lit}, {small})", "{str}.rsplit({lit}, {small})", "{str}.rsplit(none, {small})", "{str}.split(none, {small})",
        "{str}.split(maxsplit={small})", "{str}.splitlines()", "{str}.splitlines(true)", "{str}.partition({lit})", "{str}.rpartition({lit})", "{strs}|sort",
        "{strs}|sort(reverse=true)", "{strs}|sort(case_sensitive=true)", "{strs}|unique|list", "{strs}|unique(true)|list", "{strs}|map('upper')|list",
        "{strs}|map('trim')|list", "{strs}|map('capitalize')|list", "{strs}|select('ne', {lit})|list", "{strs}|reject('in', {str})|list", "{strs}|select('upper')|list",
        "{strs}|map('default', {lit}, true)|list", "{strs}|reverse|list", "{strs}[1:]", "{list}|map('string')|list", "{str}|list", "[{str}, {str}, {str}]",
        "{strs}|map('indent', {small}, true)|list", "{strs}|map('truncate', 4, true, '', 0)|list", "{strs}|map('center', {small})|list", "{strs}|reject('equalto', {lit})|list",
    ],
    "nums": ["{nums}|sort", "{nums}|sort(reverse={bool})", "{nums}|unique|list", "{nums}|map('abs')|list", "{nums}|select('gt', {num})|list", "{nums}|map('round')|list",
             "{nums}|reject('divisibleby', 2)|list", "[{num}, {num}, {num}]", "{nums}|map('int')|list", "{nums}|select('odd')|list", "{nums}|reverse|list", "{strs}|map('length')|list",
             "{nums}|map('float')|list", "{nums}|select('<=', {num})|list", "range({small})", "{nums}|map('string')|map('int')|list"],
    "objs": ["{objs}[:{small}]", "{objs}|reverse|list", "{objs}|sort(attribute='age')", "{objs}|selectattr('name')|list", "{objs}|rejectattr('tags', 'defined')|list",
             "[{{'name': {str}, 'age': {int}, 'in': {{'city': {str}}}}}, {{'name': {lit}, 'age': {num}}}]", "{objs}|unique(attribute='age')|list", "{objs} + [{{'name': {str}}}]"],
    "dict": ["{{'a': {any}, {lit}: {any}}}", "dict({pairs})", "dict({dict}, z={any})", "dict(a={any}, b={str})", "{{{str}: {any}, {int}: {any}}}", "{objs}|first", "{objs}|last",
             "{dict}.copy()", "{dict} if {bool} else {dict}", "{{({int}, {str}): {any}}}", "{undef}|default({{}})", "dict({dict})"],
    "pairs": ["{dict}.items()", "{dict}|items", "{dict}|dictsort", "[({str}, {any}), ({lit}, {any})]", "{dict}.items()|list|reverse", "{dict}|dictsort(by='value')", "{pairs}|list"],
    "bool": [
        "not {bool}", "{bool} and {bool}", "{bool} or {bool}", "{num} < {num}", "{num} <= {num} < {num}", "{int} == {num}", "{num} != {num} > {num}", "{str} == {str}",
        "{str} < {str}", "{lit} in {str}", "{lit} not in {str}", "{any} in {list}", "{any} not in {list}", "{lit} in {dict}", "{str} in {strs}", "{any} == {any}", "{any} != {any}",
        "{list} == {list}", "{nums}|list < {nums}|list", "{any} is defined", "{undef} is undefined", "{any} is none", "{any} is not none", "{any} is string", "{any} is mapping",
        "{any} is sequence", "{any} is iterable", "{any} is number", "{any} is integer", "{any} is float", "{any} is boolean", "{any} is true", "{any} is false", "{any} is callable",
        "{int} is odd", "{int} is even", "{int} is divisibleby {small}", "{int} is divisibleby({small} + 1)", "{str} is lower", "{str} is upper", "{any} is sameas none",
        "{any} is in {list}", "{lit} is in({str})", "{num} is gt({num})", "{num} is le({num})", "{any} is eq({any})", "{any} is ne({any})", "{any} is not defined",
        "{any} is escaped", "{str} is filter", "{str} is test", "{any} is equalto({any})", "{num} is lt 3", "{num} is ge 0.5",
        "{str}.startswith({lit})", "{str}.endswith({lit})", "{str}.startswith(({lit}, {lit}))", "{str}.endswith(({lit}, 'd'))", "{str}.startswith({lit}, {small})", "{str}.isdigit()",
        "{str}.isalpha()", "{str}.isalnum()", "{str}.isspace()", "{str}.isupper()", "{str}.islower()", "{str}.istitle()", "{str}.isnumeric()", "{str}.isdecimal()", "{str}.isascii()",
        "{str}.isidentifier()", "{str}.isprintable()", "{bool} if {bool}", "{any}|default(false)", "({bool}) == true", "{list} < {list}", "{any} is not string and {any} is not none",
    ],
    "undef": ["{dict}.nope", "{dict}['nope']", "{list}[99]", "{undef}|default({undef})", "{any}.nope", "(1 if false)", "[]|first", "{str}.nope", "{str}[99]"],
    "any": ["{int}", "{float}", "{str}", "{list}", "{dict}", "{bool}", "{strs}", "{nums}", "{undef}", "nil", "{any} if {bool}", "{any} if {bool} else {any}", "{any} or {any}", "{any} and {any}",
            "{list}[{small}]", "{list}|first", "{list}|last", "{dict}.a", "{dict}['b']", "{dict}.get({lit})", "{dict}[{lit}]", "{any}|default({any})", "{list}|random if no", "({any})",
            "{objs}|map(attribute='in')|first", "{list}[{small}]", "{dict}.items()", "range({small})", "{list}|map('string')", "[{any}, {any}][{bool}]", "{any}|list if {any} is iterable"],
}

STATEMENTS = [
    "{{{{ {any} }}}}", "{{{{ {any} }}}}", "{{{{- {str} -}}}}", "{{{{ {str} }}}}", "{{{{ {num} }}}}", "{{{{ {list} }}}}", "{{{{ {bool} }}}}", "text", "\n", " a \n  b\n",
    "<% if {bool} %>{body}<% elif {any} %>{body}<% else %>{body}<% endif %>", "<% if {any} %>{body}<% endif %>", "<% if not {any} %>x<% else %>{body}<% endif %>",
    "<% for {name} in {list} %>{{{{ {name} }}}}{body}<% endfor %>", "<% for {name} in {list} if {name} is {test} %>{{{{ loop.index }}}}{body}<% else %>none<% endfor %>",
    "<% for p, v in {pairs} %>{{{{ p }}}}={{{{ v|tojson }}}}{{{{ ',' if not loop.last }}}}<% endfor %>", "<% for a, (b, c) in [(1, (2, {any}))] %>{{{{ a ~ b ~ c }}}}<% endfor %>",
    "<% for {name} in {strs} %>{{{{ loop.index0 }}}}{{{{ loop.revindex }}}}{{{{ loop.first }}}}{{{{ loop.previtem }}}}{{{{ loop.nextitem }}}}{{{{ loop.length }}}}<% endfor %>",
    "<% for {name} in {nums} %><% if {name} is {test} %><% continue %><% endif %>{{{{ loop.cycle('x', {any}) }}}}<% if loop.index > {small} %><% break %><% endif %><% endfor %>",
    "<% for {name} in {list} %>{{{{ loop.changed({name}) }}}}<% set tmp = loop.index * 2 %>{{{{ tmp }}}}<% endfor %>{{{{ tmp }}}}", "<% for {name} in {objs} recursive %>{{{{ {name}.name }}}}<% if {name}.tags %>[{{{{ loop({name}.tags) }}}}]<% endif %>{{{{ loop.depth }}}}<% endfor %>",
    "<% set {name} = {any} %>{{{{ {name} }}}}", "<% set {name} %>{body}<% endset %>[{{{{ {name} }}}}]", "<% set {name} | {sfilter} %>{body}<% endset %>[{{{{ {name}|length }}}}{{{{ {name} }}}}]",
    "<% set a, b = {any}, {any} %>{{{{ b }}}}{{{{ a }}}}", "<% set a, b = {pairs}|first %>{{{{ a }}}}", "<% set ns = namespace(n={int}, s={str}) %><% for {name} in {list} %><% set ns.n = ns.n + loop.index %><% set ns.s = ns.s ~ {name} %><% endfor %>{{{{ ns.n }}}}{{{{ ns.s }}}}",
    "<% macro m(a, b={any}, c='x') %>({{{{ a }}}}{{{{ b }}}}{{{{ c }}}}{body})<% endmacro %>{{{{ m({any}) }}}}{{{{ m({str}, c={any}) }}}}{{{{ m({any}, {any}, {any}) }}}}",
    "<% macro m() %>{{{{ varargs }}}}{{{{ kwargs|dictsort }}}}<% endmacro %>{{{{ m({any}, z={any}, y=1) }}}}{{{{ m(*{strs}) }}}}{{{{ m(**{{'q': {any}}}) }}}}",
    "<% macro m(x) %>[{{{{ caller({any}) if caller else 'no' }}}}{{{{ x }}}}]<% endmacro %><% call(v) m({str}) %>{{{{ v }}}}{body}<% endcall %>{{{{ m(1) }}}}",
    "<% filter {sfilter} %>{body}<% endfilter %>", "<% with a = {any}, b = {str} %>{{{{ a }}}}{body}<% endwith %>{{{{ a }}}}", "<% generation %>{body}<% endgeneration %>",
    "<% raw %>{{{{ x }}}} <% if %>  \n<% endraw %>", "{{#- c {lit} -#}}", "  {{# c #}}\n", "<% set c = cycler({any}, {lit}, 3) %>{{{{ c.next() }}}}{{{{ c.current }}}}{{{{ c.next() }}}}<% set jj = joiner({lit}) %>{{{{ jj() }}}}{{{{ jj() }}}}",
    "<% for m in messages %>{{{{ m.role }}}}:<% if m.content is string %>{{{{ m.content|trim }}}}<% elif m.content %><% for c in m.content %>{{{{ c.type }}}}<% endfor %><% endif %>{body}<% endfor %>",
    "<% if {any} is mapping and {any} %>{body}<% endif %>", "<% set x = {dict} %><% for y in x %>{{{{ y }}}}{{{{ x[y] }}}}<% endfor %>", "<% print {any} %>", "{{{{ {any}, {str} }}}}",
    "<% set ns = namespace() %><% set ns.a %>{body}<% endset %>{{{{ ns.a }}}}{{{{ ns.b is defined }}}}", "{{{{ raise_exception({str}) if {undef} }}}}",
]

LITERALS = ["'a'", "'b'", "'o'", "'l'", "' '", "','", "'ab'", "'H'", "'é'", "'x'", "''", "'\\n'", "'name'", "'-'", "'A'", "'🎉'", "'.'", "'ß'", "'items'"]
TESTS = ["string", "none", "odd", "defined", "mapping", "number", "gt 2", "in words", "not none", "true", "integer", "lower", "divisibleby 2", "iterable"]
STRING_FILTERS = ["upper", "trim", "replace('a', 'Z')", "indent(3)", "title", "trim|upper", "e", "length", "list|join('.')", "tojson", "reverse", "truncate(6, true)"]
NAMES = ["v", "w", "item", "s", "d", "xs"]
TOKEN = re.compile(r"\{\{|\}\}|\{(\w+)\}")


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def expression(self, kind, depth):
        r = self.random
        if kind == "small":
            return str(r.choice([0, 1, 1, 2, 2, 3, 4, 6, 9]))
        if kind == "lit":
            return r.choice(LITERALS)
        if r.random() < 0.03:
            kind = "any"
        if kind == "num" and r.random() < 0.5:
            kind = r.choice(["int", "float"])
        if (depth <= 0 or r.random() < 0.2) and kind in ATOMS:
            return r.choice(ATOMS[kind])
        return self.fill(r.choice(PRODUCTIONS[kind]), depth - 1)

    def fill(self, production, depth):
        name = self.random.choice(NAMES)

        def hole(match):
            kind = match.group(1)
            if kind is None:
                return match.group(0)[0]
            if kind == "name":
                return name
            if kind == "test":
                return self.random.choice(TESTS)
            if kind == "sfilter":
                return self.random.choice(STRING_FILTERS)
            if kind == "body":
                return self.body(depth)
            text = self.expression(kind, depth)
            is_plain = re.fullmatch(r"[\w.]+|'[^']*'|\[.*\]|\(.*\)", text, re.S) and kind not in ("int", "float", "num")
            return text if is_plain or re.fullmatch(r"\w+", text) or self.random.random() < 0.05 else f"({text})"

        return TOKEN.sub(hole, production)

    def tags(self, text):
        r = self.random
        gap = lambda: r.choice(["", "", "", " ", "\n", "  \n", "\n  "])  # noqa: E731
        text = re.sub(r"<%", lambda _: gap() + "{%" + r.choice(["", "", "", "-", "+"]), text)
        return re.sub(r"%>", lambda _: r.choice(["", "", "", "-", "+"]) + "%}" + gap(), text)

    def body(self, depth):
        count = self.random.choice([0, 1, 1, 1, 2]) if depth > 0 else 0
        return "".join(self.fill(self.random.choice(STATEMENTS), min(depth - 1, 2)) for _ in range(count)) or self.random.choice(["", "-", " . "])

    def template(self):
        count = self.random.choice([1, 1, 2, 3])
        return self.tags("".join(self.fill(self.random.choice(STATEMENTS), self.random.choice([2, 3, 3, 4])) for _ in range(count)))
