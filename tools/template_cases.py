"""What tools/make_template_fixtures.py renders: conversations and snippets."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place,\nnow: <b>\"café\"</b> & more 🌦",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A city's name"},
                "unit": {"type": "string", "enum": ["°C", "°F"]},
                "days": {"type": ["integer", "null"], "minimum": 0, "maximum": 1e22},
                "spots": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}},
            },
            "required": ["place"],
        },
    },
}
SEARCH = {
    "type": "function",
    "function": {"name": "find", "description": "", "parameters": {"type": "object", "properties": {}}, "strict": True},
}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": 2, "f": 0.5, "on": None, "l": [1, {}]}},
}
TEXT_CALL = {"id": "c2", "type": "function", "function": {"name": "find", "arguments": '{"q": "x y"}'}}
BARE_CALL = {"name": "find", "arguments": {"q": "'quoted' \\ \u2028"}}

SYSTEM = {"role": "system", "content": "  Be brief.\n"}
USER = {"role": "user", "content": "What's up in Zürich? "}
ANSWER = {"role": "assistant", "content": "<think>\nHm, well.\n</think>\n\nAll is well."}

CONVERSATIONS = {
    "question": {"messages": [USER]},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And?\n"}]},
    "late system": {"messages": [USER, ANSWER, SYSTEM, USER]},
    "answer last": {"messages": [USER, ANSWER]},
    "reasoning": {
        "messages": [USER, {"role": "assistant", "content": "\n\nYes.", "reasoning_content": "\nI think.\n"}, USER,
                     {"role": "assistant", "content": "No.", "reasoning_content": "Again."}]
    },
    "call": {"messages": [SYSTEM, USER, {"role": "assistant", "content": "", "tool_calls": [CALL]},
                          {"role": "tool", "content": "{\"t\": 20}"}]},
    "call null": {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                               {"role": "tool", "name": "get_weather", "content": {"t": 20}},
                               {"role": "assistant", "content": "20 °C"}]},
    "calls": {"messages": [USER, {"role": "assistant", "content": "Let me see.", "tool_calls": [TEXT_CALL, BARE_CALL]},
                           {"role": "tool", "content": "one"}, {"role": "tool", "content": "two"}, USER]},
    "result as user": {"messages": [USER, ANSWER, {"role": "user", "content": "<result>7</result>"}]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image"},
                                                        {"type": "text", "text": "this"}, {"type": "audio"},
                                                        {"type": "text", "text": "not"}]}]},
    "odd role": {"messages": [{"role": "critic", "content": "Meh."}, USER]},
    "no content": {"messages": [{"role": "user"}]},
    "modes": {"messages": [{"role": "system", "content": "Short. /no_think\n"}, USER, ANSWER, USER]},
    "override": {"messages": [{"role": "system", "content": "All mine. /override "}, USER]},
    "long ids": {"messages": [SYSTEM, USER, {"role": "assistant", "content": None, "tool_calls": [CALL | {"id": "abcdefghi"}]},
                              {"role": "tool", "tool_call_id": "abcdefghi", "content": "20"},
                              {"role": "assistant", "content": "20.", "thinking": "So."}, USER]},
    "call and thought": {"messages": [{"role": "developer", "content": "Dev."}, USER,
                                      {"role": "assistant", "thinking": "Hm.", "tool_calls": [CALL]},
                                      {"role": "tool", "tool_call_id": "c1", "content": {"content": {"t": [1, 2.5]}}}]},
    "system parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": " In parts. "}]},
                                  {"role": "user", "content": [{"type": "text", "text": " Hi "}, {"type": "image"}]},
                                  {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]}]},
    "empty": {"messages": []},
    "two users": {"messages": [USER, USER]},
}

_COMMON = [
    {},
    {"add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"},
    {"add_generation_prompt": True, "tools": [WEATHER, SEARCH], "bos_token": "<s>", "eos_token": "</s>"},
    {"add_generation_prompt": False, "tools": None, "bos_token": "<s>"},
    {"tools": []},
]
MODEL_OPTIONS = {
    "thinking": _COMMON + [
        {"add_generation_prompt": True, "enable_thinking": False},
        {"add_generation_prompt": True, "enable_thinking": True, "tools": [SEARCH]},
    ],
    "subscripts": _COMMON,
    "headers": _COMMON + [
        {"tools": [SEARCH], "tools_with_user": False, "date_string": "9 Mar 2026"},
        {"built_in": ["search", "interpreter", "get_weather"], "add_generation_prompt": True},
        {"own_tools": [WEATHER], "tools": None, "bos_token": "<s>"},
    ],
    "channels": _COMMON[:3] + [{"built_in": ["search"], "effort": "high", "identity": "I am.", "tools": [SEARCH]}],
    "tagged": _COMMON[:3],
    "keys": _COMMON[:1] + [
        {"add_generation_prompt": True, "tools": [WEATHER], "enable_thinking": False},
        {"add_generation_prompt": True, "enable_thinking": True},
    ],
    "sections": _COMMON[1:3],
    "flags": _COMMON[1:3] + [{"add_generation_prompt": True, "thinking": True, "bos_token": "<s>"}],
    "documents": _COMMON[:3] + [
        {"add_generation_prompt": True, "thinking": True, "tools": [SEARCH], "controls": {"citations": True, "length": "long"},
         "documents": [{"id": 1, "text": "Grüße, \"one\""}, {"id": "b", "text": "two\nlines"}]},
        {"add_generation_prompt": True, "documents": [{"id": None, "text": ""}], "controls": []},
    ],
    "indexed": _COMMON[1:3] + [{"today": "now", "tools": [SEARCH, WEATHER], "eos_token": "</s>"}],
    "modes": _COMMON[:3] + [{"enable_thinking": False, "add_generation_prompt": True, "own_tools": ["def f(): pass"]}],
    "prefixed": _COMMON[:2],
    "piped": _COMMON[:3],
    "signatures": _COMMON[1:3],
    "blocks": _COMMON[:3] + [{"own_tools": [WEATHER], "tools": [SEARCH]}],
    "plain": _COMMON[:2],
    "alternating": _COMMON[:2],
    "schema": _COMMON[:3],
}

VARIABLES = {
    "i": 7, "n": -3, "z": 0, "f": 2.5, "g": -0.1, "big": 12345678901234567890, "e": 1e22, "tiny": 1.5e-7,
    "s": "Hello, World", "t": "  a b\tc\n", "u": "Straße ÀÉ ñ İ ǆ 🎉x", "q": "it's \"q\"", "empty": "",
    "yes": True, "no": False, "nil": None,
    "l": [3, 1, 2], "m": ["b", "A", "c", "a"], "x": [1, "a", None, 2.0, True, [1, [2]], {"k": "v"}],
    "d": {"b": 1, "a": 2, "C": 3}, "w": {"k": {"k": [10, {"z": "deep"}]}, "items": 5, "1": "one", "none": None},
    "o": [{"name": "bob", "age": 30, "tags": ["x"]}, {"name": "Al", "age": 4}, {"name": "bob", "age": 17, "on": True}],
    "html": "<a href='x'>&amp;\"</a>", "lines": "one\n\n  two\r\nthree\n",
}

SNIPPETS = [
    # numbers
    "{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }}",
    "{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2.0 ** 0.5 }} {{ 2 ** 100 }}",
    "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % -2 }} {{ -7.5 % 2 }} {{ 0.1 + 0.2 }} {{ 1e3 }} {{ 1e16 }} {{ 1e15 }} {{ 1.0 }}",
    "{{ e }} {{ tiny }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456789.123456789 }} {{ -0.0 }} {{ 1e400 }} {{ -1e400 }} {{ big }}",
    "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 1.0 % 0 }}", "{{ 0 ** -1 }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}",
    "{{ true + true }} {{ true * 3 }} {{ -true }} {{ +true }} {{ +2.5 }} {{ - -3 }}",
    "{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1_0.5_0 }} {{ 1e-3 }} {{ 1E5 }}",
    "{{ 5.0 == 5 }} {{ 1 == true }} {{ '1' == 1 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 != 1 }}",
    "{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ (1,) < (1, 0) }}", "{{ 1 < 'a' }}", "{{ nil < 1 }}",
    "{{ 1 if yes }}|{{ 1 if no }}|{{ 1 if no else 2 }}|{{ 1 if no else 2 if no else 3 }}",
    "{{ yes and 5 }} {{ no or 'x' }} {{ not yes }} {{ not no and yes }} {{ nil or empty or 0 }} {{ [] and 1 }}",
    "{{ 42|round }} {{ 42.55|round(1) }} {{ 42.55|round(1, 'floor') }} {{ 42.51|round(1, 'ceil') }} {{ 2.5|round }} {{ 3.5|round }}",
    "{{ -2.5|round }} {{ 1234|round(-2) }} {{ 1250|round(-2) }} {{ 1350|round(-2) }} {{ 1234.5|round(-2) }} {{ 2.675|round(2) }}",
    "{{ 'x'|int }} {{ '42'|int }} {{ '42.9'|int }} {{ ' 7 '|int }} {{ '0x1f'|int(base=16) }} {{ 'z'|int(5) }} {{ '1_0'|int }} {{ 3.99|int }} {{ -3.99|int }}",
    "{{ '1f'|int(0, 16) }} {{ '0b11'|int(0, 2) }} {{ nil|int }} {{ [1]|int }} {{ true|int }} {{ '-5'|int }} {{ '+5'|int }} {{ ''|int(-1) }}",
    "{{ '1.5'|float }} {{ 'x'|float }} {{ 3|float }} {{ '1e3'|float }} {{ 'inf'|float }} {{ '-Infinity'|float }} {{ 'nan'|float }} {{ 'x'|float(2.5) }}",
    "{{ -5|abs }} {{ n|abs }} {{ g|abs }} {{ 'x'|abs }}", "{{ l|sum }} {{ o|sum(attribute='age') }} {{ [1.5, 2]|sum(start=10) }} {{ []|sum }}",
    "{{ l|min }} {{ l|max }} {{ m|min }} {{ m|max }} {{ o|max(attribute='age') }} {{ []|min }} {{ m|min(true) }}",
    "{{ 7 is odd }} {{ 7 is even }} {{ 8 is divisibleby 4 }} {{ 8 is divisibleby(3) }} {{ -3 is odd }} {{ 2.0 is even }}",
    "{{ 10 is gt 5 }} {{ 10 is lt(5) }} {{ 10 is ge 10 }} {{ 10 is le 9 }} {{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 3 is greaterthan 2 }}",
    # strings
    "{{ 'a' 'b' \"c\" }} {{ 'it\\'s' }} {{ \"\\\"\" }} {{ 'a\\nb' }} {{ 'a\\tb\\\\' }} {{ '\\x41\\u00e9\\U0001F600\\101\\0'|length }} {{ '\\d' }}",
    "{{ s|upper }} {{ s|lower }} {{ u|upper }} {{ u|lower }} {{ u|title }} {{ u|capitalize }} {{ 'foo-bar baz(qux)'|title }}",
    "{{ s.upper() }} {{ u.lower() }} {{ u.title() }} {{ 'hELLO wORLD'.capitalize() }} {{ \"they're bill's\".title() }} {{ u.swapcase() }}",
    "{{ 'ΑΣ ΑΣΑ Σ'|lower }} {{ 'ŉ ﬁ ß'|upper }} {{ 'ǆ'|capitalize }} {{ 'ß'|title }}",
    "[{{ t|trim }}] [{{ t.strip() }}] [{{ t.lstrip() }}] [{{ t.rstrip() }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'xyax'|trim('xy') }}] [{{ 'abc'.rstrip('cb') }}]",
    "{{ s.split() }} {{ s.split(',') }} {{ s.split('o', 1) }} {{ s.rsplit('o', 1) }} {{ t.split() }} {{ ' a  b '.split(' ') }} {{ 'a b c'.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}",
    "{{ 'a b  c '.rsplit(none, 1) }} {{ 'a,b,c'.rsplit(',') }} {{ 'a b c'.split(maxsplit=1) }}", "{{ s.split('') }}",
    "{{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ 'a.b.c'.partition('.') }} {{ 'a.b.c'.rpartition('.') }} {{ 'a'.partition('.') }} {{ 'a'.rpartition('.') }}",
    "{{ s.startswith('Hell') }} {{ s.endswith('d') }} {{ s.startswith(('x', 'H')) }} {{ s.startswith('l', 2) }} {{ s.endswith('o', 0, 5) }} {{ s.startswith('') }}",
    "{{ s.find('o') }} {{ s.rfind('o') }} {{ s.find('z') }} {{ s.index('o') }} {{ s.count('l') }} {{ s.count('') }} {{ u.find('x') }} {{ s.find('o', 5) }} {{ s.find('o', -4, -1) }}",
    "{{ s.index('z') }}", "{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ s|replace('o', '0') }} {{ s|replace('o', '0', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 2) }} {{ 123|replace(2, 'x') }}",
    "{{ '-'.join(['a', 'b']) }} {{ ','.join('abc') }} {{ ''.join([]) }}", "{{ ','.join([1]) }}",
    "{{ 'abc'.isdigit() }} {{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab'.islower() }} {{ ''.isdigit() }} {{ 'É'.isupper() }}",
    "{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} [{{ 'a'.ljust(3) }}] [{{ 'a'.rjust(3, '*') }}] [{{ 'ab'.center(5) }}] [{{ 'a'.center(4, '-') }}]",
    "{{ s[0] }} {{ s[-1] }} {{ s[1:4] }} {{ s[::-1] }} {{ s[::2] }} {{ s[-5:] }} {{ s[:-5] }} {{ s[10:2:-2] }} {{ u[7:] }} {{ u[-2] }} [{{ s[99] }}] [{{ s[99:] }}]",
    "{{ 'ab' * 3 }} {{ 3 * 'ab' }} [{{ 'ab' * -1 }}] {{ [1] * 2 }} {{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] }} {{ 'a' in 'abc' }} {{ 'd' not in 'abc' }} {{ '' in '' }}",
    "{{ '%s is %d' % ('x', 3) }} {{ '%5.2f|%-5s|%05d|%+d|%x|%X|%o|%e|%g|%%' % (3.14159, 'ab', 42, 5, 255, 255, 8, 12345.678, 0.0001) }}",
    "{{ '%(a)s-%(b)03d' % {'a': 1, 'b': 2} }} {{ '%s' % 'x' }} {{ '%s' % [1, 'a'] }} {{ '%r' % 'x' }} {{ '%c' % 65 }} {{ '%5s|%-5s|' % ('é', 'é') }} {{ '%.2s' % 'abc' }} {{ '%*d' % (5, 3) }}",
    "{{ '%d' % 'x' }}", "{{ '%s %s' % 'x' }}", "{{ '%s' % ('a', 'b') }}", "{{ 'x' % 5 }}", "{{ '%s, %s!'|format('a', 'b') }} {{ '%(x)s'|format(x=1) }} {{ '%d%%'|format(5.9) }}",
    "{{ '{} {} {0}'.format(1, 2) }}", "{{ '{} {}'.format(1, 'a') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=3) }} {{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 42, 3.14159, 1234567) }} {{ '{{}}'.format() }} {{ '{!r}'.format('x') }} {{ '{0.k}{0[1]}'.format(w) }}",
    "{{ html|e }} {{ html|escape }} {{ html|safe }} {{ ('<b>'|safe) + '<i>' }} {{ '<i>' + ('<b>'|safe) }} {{ ('<b>'|safe) ~ '<i>' }} {{ html|e|e }} {{ html|forceescape }}",
    "{{ lines|indent }}|{{ lines|indent(2, true) }}|{{ lines|indent(width='>', blank=true) }}|{{ ''|indent }}",
    "{{ 'the quick brown fox'|truncate(9) }} {{ 'the quick brown fox'|truncate(9, true) }} {{ 'the quick'|truncate(9, false, '...', 0) }} {{ s|center(20) }}|{{ 'a b_c-d é'|wordcount }}",
    "{{ 'a b/ü?&'|urlencode }} {{ s|length }} {{ u|length }} {{ u|count }} {{ u|reverse }} {{ u|list }} {{ u|first }} {{ u|last }}",
    "{{ s is string }} {{ 1 is string }} {{ 'a' is lower }} {{ 'A' is upper }} {{ 'aB' is lower }} {{ '1' is lower }} {{ 'a' is in 'abc' }} {{ 'a' is in(['b']) }}",
    # printing
    "{{ x }} {{ d }} {{ w }} {{ (1,) }} {{ () }} {{ (1, 'a') }} {{ [] }} {{ {} }} {{ nil }} {{ yes }} {{ [none, true, 1.0, 'a\\'b', \"a\\\"b\", 'a\"\\'b'] }}",
    "{{ ['\\n\\t\\\\\\x00\\x7f\\u200b', u, '\\u00a0', '\\ud7ff'] }} {{ {1: 2, 'a': [1], none: 1.5, (1, 2): {}} }}",
    "{{ d.items() }} {{ d.keys() }} {{ d.values() }} {{ range(3) }} {{ range(1, 10, 3) }} {{ range(5, 0, -2)|list }} {{ range(0) }} {{ dict(a=1, b=2) }} {{ dict([('x', 1)]) }} {{ dict({'a': 1}, b=2) }}",
    "{{ x|tojson }} {{ d|tojson }} {{ w|tojson(indent=2) }} {{ u|tojson }} {{ u|tojson(ensure_ascii=true) }} {{ html|tojson }} {{ nil|tojson }} {{ [1.0, 1e22, -0.0, 1e-7]|tojson }}",
    "{{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(',', ':')) }} {{ x|tojson(indent=1, separators=(', ', ' : ')) }} {{ []|tojson(indent=2) }} {{ {}|tojson(indent=2) }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }} {{ [[], {}, [[]]]|tojson(indent=0) }} {{ d|tojson(indent='\\t') }}",
    "{{ '\\x00\\x1f\\x7f\\u2028\\\\/\"'|tojson }} {{ '\\x7f🎉'|tojson(true) }} {{ (1, 2)|tojson }} {{ missing|tojson }}", "{{ missing|tojson }}", "{{ range(3)|tojson }}", "{{ d.items()|tojson }}", "{{ d.items()|list|tojson }}", "{{ {(1, 2): 3}|tojson }}", "{{ {1: 1, 'a': 2}|tojson(sort_keys=true) }}",
    # undefined
    "[{{ missing }}] [{{ missing|default('d') }}] [{{ nil|default('d') }}] [{{ nil|default('d', true) }}] [{{ missing|d }}] {{ missing is defined }} {{ missing is undefined }} {{ missing is none }}",
    "{{ missing|length }} {{ missing|list }} {{ missing|join(',') }} [{{ missing|upper }}] {{ missing|items|list }} [{{ missing|string }}] {{ missing == missing2 }} {{ missing == none }} {{ not missing }} {{ missing|first is defined }}",
    "{{ missing.x }}", "{{ missing['x'] }}", "{{ missing() }}", "{{ missing + 1 }}", "{{ 'a' + missing }}", "{{ missing|int }}", "{{ -missing }}", "{{ missing < 1 }}", "{{ missing.x is defined }}", "{{ missing in 'abc' }}", "{{ 'a' in missing }}", "{{ 1 in [missing] }}",
    "{% for a in missing %}x{% else %}none{% endfor %}", "{% for a in nil %}{% endfor %}", "{% for a in 5 %}{% endfor %}", "{{ nil.x is defined }} {{ nil.x }} {{ i.x }} {{ s.nope }} {{ l.nope }} {{ l['a'] }} {{ d.nope }} {{ d['nope'] }} {{ l[9] }} {{ l[1.0] }} {{ nil[0] }}", "{{ nil.x.y }}", "{{ d.nope.x }}", "{{ d.nope() }}", "{{ nil() }}", "{{ 5() }}", "{{ s.__class__ }} {{ d.__len__ is defined }}",
    "{{ x[-1] }} {{ x[::2] }} {{ x[:0] }} {{ (1, 2, 3)[1:] }} {{ range(10)[2:8:2] }} {{ range(5)[-1] }} {{ range(5)[::-1]|list }} {{ l[true] }} {{ d[0] }} {{ nil[1:] }} {{ d[1:] }}", "{{ l[::0] }}",
    "{{ w['items'] }} {{ w.k.k[1].z }} {{ w['k']['k'][0] }} {{ w.get('k') }} {{ w.get('q') }} {{ w.get('q', 'dflt') }} {{ w['1'] }} {{ w.none }} {{ w.items()|length }} {{ x.6.k }} {{ x.0 }}",
    "{{ l.append(4) }}", "{{ d.update({}) }}", "{{ d.pop('a') }}", "{{ d.clear }}", "{{ l.sort() }}", "{{ l.index(1) }} {{ l.count(3) }} {{ (1, 2).index(2) }} {{ l.copy() }} {{ d.copy() }}", "{{ l.index(9) }}",
    # lists and dicts
    "{{ [1, 2] + [3] }} {{ (1,) + (2,) }} {{ 1 in l }} {{ 9 not in l }} {{ 'a' in d }} {{ 'a' in d.keys() }} {{ 1 in d.values() }} {{ ('a', 2) in d.items() }} {{ 3 in range(5) }} {{ [1] in x }}", "{{ [1] + (2,) }}", "{{ [1] in d }}", "{{ {[1]: 2} }}", "{{ 1 in 5 }}", "{{ 1 in 'a' }}",
    "{{ {'a': 1, 'a': 2} }} {{ {1: 'x', true: 'y'} }} {{ {1: 1} == {1.0: true} }} {{ [1, 2] == (1, 2) }} {{ [1] == [1.0] }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ none == false }} {{ 0 == false }}",
    "{{ l|sort }} {{ l|sort(reverse=true) }} {{ m|sort }} {{ m|sort(case_sensitive=true) }} {{ o|sort(attribute='age')|map(attribute='age')|list }} {{ o|sort(attribute='name,age')|map(attribute='age')|join(',') }} {{ o|sort(true, attribute='name')|map(attribute='age')|list }}", "{{ x|sort }}",
    "{{ d|dictsort }} {{ d|dictsort(true) }} {{ d|dictsort(false, 'value') }} {{ d|dictsort(reverse=true) }} {{ d|dictsort(by='value', reverse=true) }}", "{{ d|dictsort(by='x') }}", "{{ l|dictsort }}",
    "{{ m|unique|list }} {{ m|unique(true)|list }} {{ o|unique(attribute='name')|map(attribute='age')|list }} {{ [1, 1.0, true, '1']|unique|list }}",
    "{{ l|first }} {{ l|last }} {{ []|first is defined }} {{ l|reverse|list }} {{ l|length }} {{ d|length }} {{ d|list }} {{ d|first }} {{ d|last }} {{ 'abc'|list }} {{ d.items()|first }}",
    "{{ l|join }} {{ l|join(', ') }} {{ o|join('-', attribute='name') }} {{ [1, none, 'a', [2]]|join('|') }} {{ d|join(',') }} {{ 'abc'|join('.') }} {{ l|join(1) }}", "{{ 5|join }}",
    "{{ o|map(attribute='name')|list }} {{ o|map(attribute='tags', default='-')|list }} {{ o|map(attribute='tags.0')|list }} {{ m|map('upper')|list }} {{ m|map('replace', 'a', 'X')|join }} {{ l|map('string')|list }} {{ [[1, 2], [3]]|map('length')|list }} {{ [[3, 1], [2]]|map('sort', reverse=true)|list }}", "{{ l|map('nofilter')|list }}", "{{ l|map|list }}",
    "{{ l|select('odd')|list }} {{ l|reject('odd')|list }} {{ x|select|list }} {{ x|select('string')|list }} {{ o|selectattr('age', 'gt', 10)|map(attribute='name')|list }} {{ o|selectattr('on')|list|length }} {{ o|rejectattr('on', 'defined')|list|length }} {{ m|select('in', ['a', 'b'])|list }} {{ m|reject('equalto', 'a')|list }} {{ o|selectattr('name', 'equalto', 'bob')|list|length }} {{ l|select('>', 1)|list }}", "{{ l|select('notest')|list }}", "{{ l|selectattr|list }}",
    "{% set g = m|map('upper') %}{{ g|list }}{{ g|list }}", "{{ (m|map('upper'))|length }}", "{{ 'X' if m|select('equalto', 'zzz') else 'Y' }}{{ 'X' if (m|select('equalto', 'zzz')|list) else 'Y' }}",
    "{{ range(7)|batch(3)|list }} {{ range(7)|batch(3, 'x')|list }} {{ range(7)|slice(3)|list }} {{ range(7)|slice(3, 'x')|map('list')|list }} {{ o|groupby('name')|map('first')|list }} {% for name, items in o|groupby('name') %}{{ name }}:{{ items|length }} {% endfor %}{{ (o|groupby('name')|first).grouper }} {{ (o|groupby('tags', default=''))|length if no }}",
    "{{ x is iterable }} {{ x is sequence }} {{ d is mapping }} {{ d is iterable }} {{ s is iterable }} {{ i is iterable }} {{ range(2) is sequence }} {{ d.items() is sequence }} {{ (l|map('int')) is sequence }} {{ nil is none }} {{ i is number }} {{ yes is number }} {{ yes is integer }} {{ i is integer }} {{ f is float }} {{ yes is boolean }} {{ no is false }} {{ yes is true }} {{ 1 is true }} {{ x is callable }} {{ range is callable }} {{ nil is sameas none }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ missing is iterable }}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in d|items %}{{ k }}{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a + b + c }}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    # statements
    "{% for a in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.previtem }}{{ loop.nextitem }} {% endfor %}",
    "{% for a in l %}{% for b in m %}{{ loop.depth0 }}{{ a }}{{ b }}{% if loop.last %}!{% endif %}{% endfor %}{{ loop.cycle('x', 'y') }}{% endfor %}", "{% for a in [1, 1, 2, 2, 1] %}{{ loop.changed(a) }} {% endfor %}",
    "{% for a in range(10) if a is odd %}{{ a }}{{ loop.index }}{{ loop.last }} {% else %}no{% endfor %}{% for a in [] %}{% else %}none{% endfor %}{% for a in range(9) if a > 99 %}{% else %}none{% endfor %}",
    "{% for a in range(10) %}{% if a == 2 %}{% continue %}{% endif %}{% if a == 5 %}{% break %}{% endif %}{{ a }}{% endfor %}", "{% break %}", "{% for a in l %}{% set q2 = a %}{% endfor %}[{{ q2 }}]", "{% set q2 = 0 %}{% for a in l %}{% set q2 = q2 + a %}{{ q2 }}{% endfor %}[{{ q2 }}]",
    "{% set ns = namespace(n=0, found=false) %}{% for a in l %}{% set ns.n = ns.n + a %}{% if not ns.found and a == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.n }}{{ ns.found }}{{ ns.nope }}{{ ns['n'] }}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}", "{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set ns2.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set a, b = b, a %}{{ a }}{{ b }}{% set (p, q3) = 'xy' %}{{ p }}{{ q3 }}", "{% set a, b = 1 %}", "{% set x2 %}a{{ i }}b{% endset %}[{{ x2 }}]{{ x2 is string }}{% set x3 | upper | trim %} abc {% endset %}[{{ x3 }}]",
    "{% if i > 5 %}big{% elif i > 2 %}mid{% else %}small{% endif %}{% if no %}a{% elif no %}b{% endif %}{% if nil %}{% else %}c{% endif %}{% if i == 7 and s %}d{% endif %}",
    "{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(1, c='z') }} {{ f(b=5, a=4) }} {{ f() }} {{ f.name }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, z=2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(3) }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}x{{ i }}{% endcall %}", "{% macro f(l2) %}{% for a in l2 %}{{ caller(a, loop.index) }}{% endfor %}{% endmacro %}{% call(a, b) f(l) %}{{ a }}:{{ b }} {% endcall %}", "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}", "{% macro f() %}{{ caller is defined }}{{ i }}{{ z2 }}{% endmacro %}{% set z2 = 'late' %}{{ f() }}", "{% macro f() %}{% set inner = 1 %}{% endmacro %}{{ f() }}[{{ inner }}]",
    "{% filter upper %}abc{{ s }}{% endfilter %}{% filter replace('a', 'b') | indent(2) %}aa\naa{% endfilter %}", "{% with %}{% set w2 = 1 %}{{ w2 }}{% endwith %}[{{ w2 }}]{% with a = 1, b = i %}{{ a }}{{ b }}{% endwith %}[{{ a }}]", "{% generation %}x{% set g2 = 1 %}{% endgeneration %}[{{ g2 }}]", "{% for a in l %}{% generation %}{{ a }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% autoescape false %}{{ html }}{% endautoescape %}", "{% print i, s %}",
    ("{% for node in tree recursive %}{{ node.n }}{% if node.c %}({{ loop(node.c) }}){% endif %}{{ loop.depth }}{% endfor %}", {"tree": [{"n": 1, "c": [{"n": 2, "c": [{"n": 3}]}, {"n": 4}]}, {"n": 5}]}),
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}{% set j = joiner('; ') %}[{{ j() }}]{{ j() }}{{ j() }}", "{{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %% %-d %d %b %y %I %p') }}", "{{ raise_exception('no') }}", "{% if no %}{{ raise_exception('no') }}{% endif %}ok", "{{ f2(1) if f2 is defined else 'nof' }}", "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}", "{% raw -%}  a  {%- endraw %} b", "a {#- c -#} b{# x\ny #}\nc", "{{ range(1000000000) }}", "{{ range(3, 0) }}{{ range(1, 2, 0) }}", "{{ f(*l) if no }}{% macro f(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*l) }}{{ f(1, **{'b': 5, 'c': 6}) }}{{ f(*[1], **{'b': 2}) }}", "{{ dict(**d) }}", "{{ dict(a=1, **{'a': 2}) }}",
    # white space
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc\n", "a  {%- if yes -%}  b  {%- endif -%}  c", "  {% if yes +%}\nb{% endif %}", "a\n  {%+ if yes %}\nb{% endif %}\n\n", "  {{ i }}  \n  {{- i -}}  \n x", "\n\n{% set a = 1 %}\n\nx\n\n", "a {% if yes %} \n b {% endif %} \n", "{#- c -#}  \n  x {# y #}\n z", "x\n\t {# c #}\ny", "a\r\nb\rc\n{% if yes %}\r\nd{% endif %}\r\n", "  {% raw %}  \n a {% endraw %}\nb", "{%- for a in l -%}\n  {{ a }},\n{%- endfor %}\n", "{%for a in l%}{{a}}{%endfor%}", "x{{''}}\n", "x\n\n", "{% if yes %}  {% endif %}|", "a{# c +#}\nb", "   {% set q = 1 %} {% set r = 2 %}\nx", "\n   {{ 1 }}\n   {% set q = 1 %}{{ 2 }}", "{{ '}}' }}{{ '%}' }}{{ {'a': {'b': 1}}.a.b }}{{ {'a': {}} }}", "{{ [1,2,] }}{{ (1,) }}{{ {'a':1,} }}", "{{ 1, 2 }}",
    # errors in the source
    "{{ 1 +", "{{ }}", "{% if %}{% endif %}", "{% if yes %}", "{% endif %}", "{% for a in l %}{% endif %}", "{% foo %}", "{{ 'abc }}", "{{ (1 }}", "{{ 1 ) }}", "{# x", "{% raw %}x", "{{ a b }}", "{{ 1 | }}", "{{ x | nofilter }}", "{{ x is notest }}", "{% set 5 = 1 %}", "{% set true = 1 %}", "{% for true in l %}{% endfor %}", "{{ f(a=1, 2) }}", "{{ . }}", "{{ x. }}", "{{ x[ }}", "{% macro %}{% endmacro %}", "{% macro f(a=1, b) %}{% endmacro %}", "{% call x %}{% endcall %}", "{{ 1 ! 2 }}", "{{ \"a\\x4\" }}", "{{ a is defined is none }}", "{% else %}", "{{ {1} }}", "{{ [1 2] }}", "{% import 'x' as y %}", "{% include 'x' %}", "{% extends 'x' %}", "{% set x %}", "{{ 01 }}", "{{ 1.2.3 }}", "}} %} #} { % {", "{{ x|join(',' }}", "{% with a %}{% endwith %}", "{{ not }}", "{{ 1 if }}", "{{ yes if yes else }}", "{% for %}{% endfor %}", "{% for a l %}{% endfor %}", "{% break %}{% continue %}",
    "{{ - 5|abs }} {{ -5 is odd }} {{ not 1 == 2 }} {{ not nil is none }} {{ 1 + 2 ~ 3 + 4 }} {{ 'a' ~ 1 + 2 }} {{ 2 * 3 ~ 4 }} {{ 5 - 2 - 1 }} {{ 'a' ~ 'b' == 'ab' }} {{ 1 in [1] == true }}",
    "{{ (i, s)|first }} {{ [i][0].x is defined }} {{ 'a,b'.split(',')[1].upper() }} {{ ('a' ~ 'b').upper() }} {{ s|lower|replace('l', '')|title }} {{ {'k': [1, 2]}['k'][-1] }} {{ (l|sort)[0] }} {{ s.split(',')|map('trim')|list }} {{ 'x' if s is string and i is not none else 'y' }} {{ l is not string }} {{ i is not defined or yes }} {{ d.a is defined and d.a == 2 }}",
    "{{ 'é' < 'z' }} {{ '🎉' > '\\uffff' }} {{ ['b', 'a', 'é', 'B']|sort }} {{ 'É'|lower == 'é' }} {{ 5 is sameas 5 }} {{ x|length == 7 and x[5][1][0] == 2 }}",
]
