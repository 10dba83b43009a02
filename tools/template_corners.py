"""Odd corners of the template language, for tools/make_template_fixtures.py: one template a line, ¶ for a line break.

The variables are those of template_grammar.py. Intended differences from jinja2 are not here
(docs/decisions.md).
"""

CORNERS = [line.replace("¶", "\n") for line in r'''
{{ 1 < 2 < 3 < 3 }} {{ 1 < 3 > 2 != 5 in [5] }} {{ 1 == 1.0 == true }} {{ 'a' in 'abc' in ['abc'] }} {{ not 1 < 2 < 0 }}
[{{ 'x' if no }}] [{{ ('x' if no) is defined }}] {{ ('x' if no)|default('d') }} [{{ 'x' if no else '' }}]
{{ ('x' if no) + 1 }}
{{ ('x' if no).y }}
{{ words[::-2] }} {{ words[4:1:-1] }} {{ words[-1:-4:-2] }} {{ s[::-3] }} {{ words[100:0:-1] }} {{ words[-100::-1] }} {{ words[:-100:-1] }} {{ u[-1:0:-3] }} {{ (1,2,3)[::-1] }} {{ range(9)[7:1:-3] }} {{ range(9)[::-1] }}
{{ words[yes:] }} {{ words[nil:nil:nil] }} {{ words[1.0:] }}
{{ words['a':] }}
{{ words[missing:] }}
{{ '\101\x41\u0041\U00000041\t|\v|\f|\a|\b|\0|\'|\"|\\|\q' }} {{ "\¶x" }} {{ 'a\¶b' }}
{{ '\x4' }}
{% for n in [{'v':1,'c':[{'v':2,'c':[{'v':3}]},{'v':4}]},{'v':5}] recursive %}{{ loop.depth }}/{{ loop.depth0 }}:{{ n.v }}:{{ loop.index }}:{{ loop.length }}:{{ loop.last }}:{{ loop.revindex0 }}{{ '(' ~ loop(n.c) ~ ')' if n.c }}{{ loop.previtem.v if loop.previtem is defined }};{% else %}E{% endfor %}
{% for n in [[1,[2,[]]],[]] recursive %}[{{ loop(n) if n is iterable }}{{ n }}]{% else %}none{% endfor %}
{% for a in [1,2] %}{{ loop([1]) }}{% endfor %}
{% for a in [1,2] %}{{ q2 }}{% set q2 = a %}{{ q2 }}{% endfor %}{{ q2 }}
{% for a in [1,2,3] %}{{ loop.nextitem }}{{ loop.nextitem is defined }}{{ loop.previtem is defined }}{% endfor %}{{ loop is defined }}{{ loop }}
{% for a in [1,2,3] %}{% for b in 'xy' %}{{ loop.index }}{% else %}{% endfor %}{{ loop.index }}{% endfor %}
{% for a in [1,2,3] if a > 1 %}{{ loop.index }}{{ loop.length }}{{ loop.previtem }}{% endfor %}
{% for a in [1,2,3,4] %}{{ loop.changed(a // 2) }}{{ loop.changed(1, 2) }}{% endfor %}
{% for a in [1,2,3] %}{{ loop.cycle('odd', 'even') }}{{ loop.cycle(a) }}{% endfor %}
{% for a in [1] %}{{ loop.cycle() }}{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}{% for x in (1, 2) %}{{ x }}{% endfor %}
{% if 0, %}t{% else %}f{% endif %}{% if () %}t{% else %}f{% endif %}
{% set x = 1, %}{{ x }}{% set x = (1) %}{{ x }}
{% set a = b = 1 %}
{% macro f(a, b=a ~ '!', c=b) %}{{ a }}{{ b }}{{ c }}|{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(1, c=3) }}{{ f(b=2) }}{{ f(*[1, 2, 3]) }}{{ f(*[1], **{'c': 9}) }}
{% macro f(a) %}{{ a is defined }}{{ a }}{{ varargs }}{{ kwargs }}{{ caller is defined }}{% endmacro %}{{ f() }}{{ f(1, 2, 3) }}{{ f(x=1) }}{{ f(1, a2=2) }}
{% macro f() %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.catch_varargs }}{{ f.caller }}{% endmacro %}{{ f() }}
{% macro f(a, b=1) %}{{ caller(a) }}{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.caller }}{{ f.catch_kwargs }}
{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}a{% call f() %}b{% endcall %}{% endcall %}{{ f() }}
{% macro f() %}[{{ caller(1) }}{{ caller(1, 2) }}{{ caller(x=3) }}]{% endmacro %}{% call(x, y='d') f() %}{{ x }}{{ y }}{% endcall %}
{% macro f() %}[{{ caller(1) }}]{% endmacro %}{% call f() %}{% endcall %}
{% macro f(caller) %}x{% endmacro %}{{ f(1) }}
{% macro f(caller=none) %}{{ caller() if caller else 'n' }}{% endmacro %}{{ f() }}{% call f() %}y{% endcall %}
{% macro outer() %}{% macro inner(x) %}<{{ x }}{{ i }}>{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer() }}{{ inner is defined }}
{% macro f() %}{% set i = 99 %}{{ i }}{% endmacro %}{{ f() }}{{ i }}{% set i = 5 %}{{ f() }}{{ i }}
{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ f() }}{% for x in [3] %}{{ f() }}{{ x }}{% endfor %}
{% if yes %}{% macro g() %}G{% endmacro %}{% endif %}{{ g() }}{% if no %}{% macro h2() %}H{% endmacro %}{% endif %}{{ h2 is defined }}
{% for a in [1] %}{% macro g() %}{{ a }}G{% endmacro %}{{ g() }}{% endfor %}{{ g is defined }}
{{ f2() }}{% macro f2() %}late{% endmacro %}
{% set ns = namespace(a=1, b=[1]) %}{% set ns.a = ns.a + 1 %}{% set ns.c = 'n' %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns['a'] }}{{ ns.zz is defined }}
{% set ns = namespace(x=0) %}{% macro f() %}{% set ns.x = ns.x + 1 %}{% endmacro %}{{ f() }}{{ f() }}{{ ns.x }}
{% set ns = namespace() %}{% for a in 'ab' %}{% set ns[a] = 1 %}{% endfor %}
{% set ns = namespace(d={}) %}{% set ns.d.x = 1 %}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}
{% set ns = namespace() %}{% set ns.t %}b{{ i }}{% endset %}{{ ns.t }}{% set ns.u | upper %}b{{ i }}c{% endset %}{{ ns.u }}
{{ namespace(1) }}
{{ namespace([('a', 1)], b=2).a }}{{ namespace({'a': 1}).a }}{{ namespace(a=1).items }}{{ namespace(a=1).get }}
{% set x | length %}abc{% endset %}{{ x + 1 }}{% set y | upper | list %}ab{% endset %}{{ y }}{% set z | default('q') %}{% endset %}[{{ z }}]
{% filter length %}abc{% endfilter %}
a{% filter list %}abc{% endfilter %}
{% filter first %}{% endfilter %}
{% filter upper | replace('A', 'x') | indent(2, true) %}a¶b{{ s }}{% set q9 = 1 %}{% endfilter %}{{ q9 is defined }}
{% filter string | center(9) %}ab{% endfilter %}|{% filter e %}<{{ html }}>{% endfilter %}
 {%- if yes -%} x {%- endif -%} y
  {%+ if yes %} x {%+ endif %} y
a {%- set q = 1 %} b {% set q = 1 -%} c {%- set q = 1 -%} d
  {{- 1 -}}  {{ 2 -}} ¶  {{- 3 }}
{%- for x in [1,2] -%} {{ x }} {%- endfor -%} z
  {#- c -#}  x  {# c #}  y {#+ c +#} z
{# a #}{# b #}¶  {# c #}¶x
{% if yes %}¶  a¶  {%- else %}¶  b¶{%- endif %}¶¶c
{{ objs|groupby('in.city', default='zz')|map('first')|list }}{{ objs|groupby('in.city', default='zz', case_sensitive=true)|map('first')|list }}
{% for g, items in objs|groupby('age') %}{{ g }}:{{ items|map(attribute='name')|join(',') }};{% endfor %}{% for g in objs|groupby('name') %}{{ g.grouper }}={{ g.list|length }}={{ g[0] }};{% endfor %}
{{ objs|groupby('in.city')|list }}
{{ [[1, 'a'], [2, 'b'], [1, 'c']]|groupby(0)|list }} {{ [[1, 'a'], [2, 'b'], [1, 'c']]|groupby('0')|map('last')|list }}
{{ ['B', 'a', 'b', 'A', 'ä', 'Ä']|unique|list }} {{ ['B', 'b']|unique(case_sensitive=true)|list }} {{ [[1], [1]]|unique|list }}
{{ [(1, 2), (1, 2), (2, 1)]|unique|list }} {{ [1, true, 1.0, 0, false, none, none]|unique|list }} {{ 'abcABC'|unique|join }}
{{ objs|sort(attribute='age', reverse=true)|map(attribute='name')|list }} {{ objs|sort(attribute='name')|map(attribute='name')|list }} {{ objs|sort(attribute='name', case_sensitive=true)|map(attribute='name')|list }} {{ objs|sort(attribute='age,name', reverse=true)|map(attribute='name')|list }}
{{ objs|sort(attribute='in.city')|map(attribute='name')|list }}
{{ [[3, 'a'], [1, 'b']]|sort(attribute=0) }} {{ [[3, 'a'], [1, 'b']]|sort(attribute='1', reverse=true) }} {{ ['b', 'A', 'c']|sort }} {{ {'b': 1, 'A': 2}|sort }} {{ 'hello'|sort }} {{ [none, none]|sort }}
{{ [1, 'a']|sort }}
{{ [true, 0, 2.5, -1]|sort }} {{ [[2, 1], [1, 2], [1]]|sort }} {{ [none]|sort }} {{ (3, 1)|sort }} {{ [{'a': 1}, {'a': 0}]|sort(attribute='a') }}
{{ [{}, {}]|sort }}
{{ objs|map(attribute='in.city', default='-')|list }} {{ objs|map(attribute='tags.0', default='-')|list }} {{ objs|map(attribute='nope')|list }} {{ objs|map(attribute='nope', default=none)|list }}
{{ words|map('replace', 'a', 'b', count=1)|list }} {{ nums|map('round', method='floor')|list }} {{ words|map('default', 'x')|list }} {{ [[1, 2]]|map('join', '-')|list }} {{ words|map('indent', width=2, first=true)|list }}
{{ words|map(attribute='upper')|list|length }}
{{ words|map('upper', 1)|list }}
{{ objs|map('nope')|list }}
{% set g = objs|map('nope') %}ok{{ 'T' if g }}
{% if mix|select('gt', 0) %}lazy{% endif %}{{ (nums|map('upper'))|first }}
{% set g = words|map('upper') %}{{ g|first }}{{ g|list }}{{ g|list }}
{% set g = words|select %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% else %}empty{% endfor %}
{{ {'b': 2, 'a': 3, 'c': 1}|dictsort(by='value') }} {{ {'b': 'Z', 'a': 'y'}|dictsort(false, 'value') }} {{ {'b': 'Z', 'a': 'y'}|dictsort(true, 'value') }} {{ {'B': 1, 'a': 2}|dictsort }} {{ {'B': 1, 'a': 2}|dictsort(true) }} {{ {2: 1, 1: 2}|dictsort(reverse=true) }}
{{ {1: 1, 'a': 2}|dictsort }}
{{ d|dictsort(by='value') }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb\n\nc'|indent(2, true, true) }}|{{ 'a\r\nb'|indent(2) }}|{{ '\n'|indent(1, true, true) }}|{{ 'a\n'|indent(2) }}|{{ 'a\x0bb\u2028c'|indent(1) }}|{{ ''|indent(2, true) }}|{{ 'x\ny'|indent('>> ') }}|{{ 'x\ny'|indent(0) }}|{{ 'x\ny'|indent(-1) }}
{{ 5|indent }}
{{ missing|indent }}
{{ ('a\nb'|safe)|indent(2) }} {{ none|indent }}
{{ [1,2,3,4,5]|batch(2)|list }} {{ [1,2,3,4,5]|batch(2, none)|list }} {{ [1,2,3]|batch(2, 'x')|list }} {{ [1]|batch(0)|list }} {{ 'abc'|batch(2, '-')|list }} {{ []|batch(2, 0)|list }} {{ d|batch(2)|list }}
{{ [1,2,3,4,5]|slice(2)|list }} {{ [1,2,3,4,5]|slice(3, 'x')|list }} {{ [1]|slice(3, 0)|list }} {{ []|slice(2, 'e')|list }} {{ 'abcd'|slice(3)|list }} {{ [1,2]|slice(2, 'f')|list }}
{{ [1,2]|slice(0)|list }}
{{ [1,2]|slice(-1)|list }}
{{ 2.5|round }} {{ 3.5|round }} {{ -2.5|round }} {{ 2.675|round(2) }} {{ 1.005|round(2, 'common') }} {{ 7.1|round(0, 'ceil') }} {{ -7.1|round(0, 'floor') }} {{ 123|round(-1) }} {{ 125|round(-1) }} {{ 135|round(-1) }} {{ 123.456|round(-2) }} {{ 5|round(2, 'ceil') }} {{ 123|round(-1, 'floor') }} {{ true|round }} {{ 1e20|round }} {{ 0.5|round }} {{ 1.5|round(none) }}
{{ 1|round(1, 'x') }}
{{ 'a'|round }}
{{ '0b101'|int(base=2) }} {{ '101'|int(base=2) }} {{ '0o17'|int(0, 8) }} {{ '0xff'|int(0, 16) }} {{ 'ff'|int(0, 16) }} {{ '0xff'|int(0, 0) }} {{ '12'|int(0, 0) }} {{ 'zz'|int(-1, 36) }} {{ '9'|int(7, 8) }} {{ '-0x1f'|int(0, 16) }} {{ '1e3'|int }} {{ '1.9'|int }} {{ '1.9'|int(base=16) }} {{ ' 5 '|int }} {{ '5_0'|int }} {{ '_5'|int(1) }} {{ '0_5'|int }} {{ '007'|int }} {{ '007'|int(9, 0) }} {{ none|int(4) }} {{ 'inf'|int(3) }} {{ 2.99|int }} {{ -2.99|int }} {{ '٣'|int }}
{{ [1]|int('d') }} {{ 'x'|int(default='q') }} {{ ''|int }} {{ '--5'|int }}
{{ ('1' * 30)|int }}
{{ '1.5e3'|float }} {{ 'nan'|float }} {{ '-inf'|float }} {{ 'infinity'|float }} {{ '1_000.5'|float }} {{ ' 2 '|float }} {{ 'x'|float('d') }} {{ none|float(1) }} {{ true|float }} {{ '.5'|float }} {{ '5.'|float }} {{ '0x10'|float(7) }} {{ '1e'|float(7) }} {{ '1__0'|float(7) }} {{ 12345678901234567890|float }}
{{ '%s-%s'|format(1, 'a') }} {{ '%(a)s'|format(a=1) }} {{ '%5.1f|%-8s|%+d|%05d|%x|%#o|%e|%%'|format(3.14159, 'ab', 5, 42, 255, 8, 12345.678) }} {{ '%s'|format([1]) }} {{ '%s'|format(missing) }}|{{ '%r'|format('é') }} {{ '%a'|format('é🎉') }}
{{ '%s'|format() }}
{{ '%s'|format(1, a=2) }}
{{ '%d'|format('1') }}
{{ '%s' % [1] }} {{ '%s' % (1,) }} {{ 'x' % [] }} {{ 'x' % {} }} {{ '%(a)s%(a)s' % {'a': 1} }} {{ 'x' % missing }} {{ 'x' % range(2) }} {{ '%s' % none }} {{ '%i' % 2.9 }} {{ '%c%c' % ('a', 98) }} {{ '%5%' % () }} {{ '%.3s|%.0s|' % ('abcdef', 'x') }} {{ '% d' % 5 }} {{ '%G %g %g' % (1e-10, 1e6, 1e5) }} {{ '%.2e' % 0 }} {{ '%F' % 1e400 }}
{{ '%(a)s %s' % {'a': 1} }}
{{ '%s %s' % (1,) }}
{{ '%s' % (1, 2) }}
{{ '%q' % 1 }}
{{ '%' % 1 }}
{{ 'one two,three_four  5 é-ß'|wordcount }} {{ ''|wordcount }} {{ 5|wordcount }} {{ none|wordcount }} {{ "it's"|wordcount }}
{{ {'b': [1, {'c': none}], 'a': 'é"'}|tojson }} {{ {'b': 1, 'a': 2}|tojson(sort_keys=true, indent=2) }} {{ 'é'|tojson(ensure_ascii=true) }} {{ 'é'|tojson(true) }} {{ [1, 2]|tojson(separators=(',', ':')) }} {{ {'a': [1, {}], 'b': []}|tojson(indent=4) }} {{ [1]|tojson(indent=none) }} {{ [1]|tojson(indent=0) }} {{ {'a': 1}|tojson(indent=2, separators=(',', ':')) }} {{ [1]|tojson(false, 2) }} {{ [1]|tojson(indent=true) }} {{ [1]|tojson(indent='--') }}
{{ '</script>&\'<'|tojson }} {{ 1.0|tojson }} {{ 1e100|tojson }} {{ (1 if no)|default(none)|tojson }} {{ ('a'|safe)|tojson }} {{ {none: 1, true: 2, 1: 3, 2.5: 4}|tojson }}
{{ range(2)|tojson }}
{{ (words|map('upper'))|tojson }}
{{ namespace()|tojson }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7 // -2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -7 % -3 }} {{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % -2 }} {{ -0.0 }} {{ 0 * -1.0 }} {{ 6 / 3 }} {{ 1 / 3 }} {{ 10 ** 20 }} {{ 2 ** 64 }} {{ 2 ** 100 }} {{ (-2) ** 3 }} {{ 2 ** -2 }} {{ 4 ** 0.5 }} {{ 0 ** 0 }} {{ 10 ** 20 // 7 }} {{ -(10 ** 20) // 7 }} {{ 10 ** 20 % 7 }} {{ 2 ** 53 + 1 }} {{ (2 ** 53 + 1) / 1 }} {{ 9007199254740993 / 3 }} {{ 1 / 10 ** 20 }} {{ 10 ** 18 / 3 }} {{ 12345678901234567 / 7 }}
{{ 1 + 1.0 }} {{ 3 * 1.0 }} {{ 3 - 3.0 }} {{ true + 1 }} {{ true / 2 }} {{ 1 == 1.0 }} {{ 2 ** 53 == 2.0 ** 53 }} {{ 1e16 }} {{ 1e15 }} {{ 123456789012345.678 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ 100000.0 * 10 ** 11 }} {{ 5 // 0.3 }} {{ 5 % 0.3 }} {{ -1 % 0.1 }} {{ 1e300 * 1e10 }} {{ -1e300 * 1e10 }}
{{ 'a,b,,c'.split(',') }} {{ 'a,b,,c'.split(',', 1) }} {{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b '.split() }} {{ ' a  b c '.split(none, 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ ' a  b '.split(' ', 2) }} {{ 'abc'.split('bc') }} {{ 'a b'.split(maxsplit=0) }} {{ 'aXbXc'.split(sep='X', maxsplit=1) }} {{ 'x'.split('x') }} {{ '\u3000a\u00a0b'.split() }} {{ 'a\x1cb\x85c'.split() }}
{{ 'a'.split(1) }}
{{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }} {{ 'abc'.rpartition('-') }}
{{ 'a'.partition('') }}
{{ 'xyaxy'.strip('yx') }} {{ 'xyaxy'.lstrip('yx') }} {{ 'xyaxy'.rstrip('yx') }} {{ ' a '.strip(none) }}| {{ 'éaé'.strip('é') }} {{ '\u2003a\u200b'.strip() }}| {{ 'aaa'.strip('a') }}|
{{ 'abc'.startswith('a', 1) }} {{ 'abc'.startswith(('x', 'ab')) }} {{ 'abc'.endswith(('bc',)) }} {{ 'abc'.startswith('b', 1, 2) }} {{ 'abc'.endswith('b', 0, 2) }} {{ 'abc'.startswith('', 3) }} {{ 'abc'.startswith('', 4) }} {{ 'abc'.startswith(()) }} {{ 'abc'.endswith('', -1) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.startswith(none) }}
{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{a}'.format(a=1) }} {{ '{0[k]}{1.a}'.format({'k': 1}, {'a': 2}) }} {{ '{0[1]}'.format([1, 2]) }} {{ '{{}}'.format() }} {{ '{:>5}|{:<5}|{:^5}|'.format(1, 2, 3) }} {{ '{:*^7}'.format('a') }} {{ '{:05d}'.format(-42) }} {{ '{:+}'.format(5) }} {{ '{:.2f}'.format(2) }} {{ '{:,}'.format(1234567.891) }} {{ '{:_}'.format(1234567) }} {{ '{:x}{:X}{:o}{:b}'.format(255, 255, 8, 5) }} {{ '{:#x}{:#b}{:#o}'.format(255, 5, 8) }} {{ '{:e}'.format(12345.678) }} {{ '{:g}'.format(0.00001) }} {{ '{:%}'.format(0.25) }} {{ '{:.1%}'.format(0.256) }} {{ '{:c}'.format(65) }} {{ '{:s}'.format('a') }} {{ '{!r}'.format('a') }} {{ '{!s:>3}'.format(1) }} {{ '{!a}'.format('é') }}
{{ '{:05}'.format('a') }}|{{ '{:.3}'.format(3.0) }}|{{ '{:.3}'.format(1234.5) }}|{{ '{:8}'.format(2.5) }}|{{ '{:<8}|'.format(2.5) }}|{{ '{:=+6d}'.format(5) }}|{{ '{: d}'.format(5) }}|{{ '{:.1f}'.format(-0.0) }}|{{ '{:5}'.format(true) }}|{{ '{:.2}'.format('abc') }}|{{ '{:>{}}'.format('a', 4) }}|{{ '{:{w}.{p}f}'.format(2.5, w=8, p=2) }}|{{ '{:{}{}{}}'.format('a', '*', '^', 5) }}|{{ '{:010,}'.format(1234) }}|{{ '{:n}'.format(5) }}|{{ '{:é>3}'.format(1) }}|{{ '{:.0f}'.format(2.5) }}|{{ '{:g}'.format(1e10) }}|{{ '{:.3g}'.format(1234567) }}|{{ '{:,.2f}'.format(1234567.891) }}|{{ '{:#.3g}'.format(1) }}
{{ '{:.2d}'.format(5) }}
{{ '{:d}'.format('a') }}
{{ '{:d}'.format(2.5) }}
{{ '{:>5}'.format(none) }}
{{ '{:>5}'.format([1]) }}
{{ '{}'.format() }}
{{ '{a}'.format(1) }}
{{ '{0}{}'.format(1, 2) }}
{{ '{'.format(1) }}
{{ '}'.format(1) }}
{{ '{:Z}'.format(1) }}
{{ '{!x}'.format(1) }}
{{ '{a[b]}'.format_map({'a': {'b': 3}}) }} {{ '{0.nope}'.format({}) }}| {{ '{0.a.b}'.format({'a': {'b': 'deep'}}) }} {{ '{0[x y]}'.format({'x y': 1}) }} {{ '{0[-1]}'.format({'-1': 1}) }} {{ '{}'.format(missing) }}| {{ '{} {} {}'.format(none, true, [1]) }} {{ '{}'.format(1.0) }}
{{ ','.join(['a']) }} {{ ''.join(words) }} {{ '-'.join({'a': 1, 'b': 2}) }} {{ '-'.join(words|map('upper')) }} {{ '-'.join(('a', 'b')) }} {{ ', '.join(missing) }}|
{{ ','.join([1]) }}
{{ ','.join(5) }}
{{ "hello world's end".title() }} {{ 'x1y'.title() }} {{ 'ǆabc'.title() }} {{ 'HELLO'.title() }} {{ 'ﬁx ßa'.title() }} {{ '1a'.capitalize() }} {{ 'ÉCOLE'.capitalize() }} {{ 'ß'.upper() }} {{ 'İ'.lower()|length }} {{ 'ΑΣ'.lower() }} {{ 'aBc'.swapcase() }} {{ 'ß'.swapcase() }} {{ 'Straße'.casefold() }} {{ 'ΑΣ'.casefold() }}
{{ '42'.zfill(5) }} {{ '-42'.zfill(5) }} {{ '+4'.zfill(4) }} {{ 'abc'.zfill(2) }} {{ ''.zfill(2) }} {{ '--5'.zfill(5) }} {{ 'é'.zfill(3) }} {{ 'a'.zfill(-1) }}
{{ 'a\tb'.expandtabs() }}|{{ 'a\tb\n\tc'.expandtabs(4) }}|{{ '\t'.expandtabs(0) }}|{{ 'ab\té\tx'.expandtabs(tabsize=3) }}
{{ 'abc'.isascii() }} {{ 'é'.isascii() }} {{ 'a1'.isidentifier() }} {{ '1a'.isidentifier() }} {{ 'if'.isidentifier() }} {{ 'é_x'.isidentifier() }} {{ ''.isidentifier() }} {{ 'a b'.isprintable() }} {{ 'a\n'.isprintable() }} {{ ''.isprintable() }} {{ 'Hello World'.istitle() }} {{ 'Hello world'.istitle() }} {{ 'ǅ'.istitle() }} {{ ''.istitle() }} {{ '1A'.istitle() }} {{ '²'.isdigit() }} {{ '²'.isdecimal() }} {{ '½'.isnumeric() }} {{ '½'.isdigit() }} {{ '٣'.isdecimal() }} {{ '一'.isnumeric() }} {{ '①'.isdigit() }} {{ '㊀'.isnumeric() }} {{ 'Ⅷ'.isnumeric() }} {{ 'Ⅷ'.isupper() }} {{ 'ª'.islower() }}
{{ 'abc'.center(10) }}|{{ 'abc'.center(9) }}|{{ 'ab'.center(5, '*') }}|{{ 'abc'.ljust(5, 'é') }}|{{ 'abc'.rjust(2) }}
{{ 'a'.center(5, '') }}
{{ 'banana'.replace('a', 'o') }} {{ 'banana'.replace('a', 'o', 2) }} {{ 'banana'.replace('', '-') }} {{ 'banana'.replace('an', '') }} {{ 'banana'.replace('a', 'o', -1) }} {{ 'banana'.replace('a', 'o', 0) }} {{ 'banana'|replace('a', 'o', 0) }} {{ 'banana'|replace('a', 1) }} {{ ''.replace('', 'x') }} {{ ''|replace('', 'x', 0) }}|
{{ 'banana'.find('a', 2) }} {{ 'banana'.rfind('a', 0, 5) }} {{ 'banana'.find('') }} {{ 'banana'.rfind('') }} {{ 'banana'.index('n') }} {{ 'banana'.count('an') }} {{ 'banana'.count('a', 2, 4) }} {{ 'ünï'.find('ï') }} {{ 'banana'.find('x', 9) }} {{ 'banana'.count('', 2) }} {{ 'banana'.count('', 9) }}
{{ 'banana'.index('z') }}
{{ 'a\nb\r\nc\x0bd\x0ce\x1cf\x85g\u2028h'.splitlines() }} {{ '\n'.splitlines() }} {{ 'a\n'.splitlines(true) }} {{ ''.splitlines() }} {{ 'a\r\n\rb'.splitlines(keepends=true) }}
{{ 'abcabc'.removeprefix('abc') }} {{ 'abcabc'.removesuffix('abc') }} {{ 'abc'.removeprefix('x') }} {{ 'abc'.removesuffix('') }}
{{ [1, 2, 1].count(1) }} {{ [1, 2, 1].index(1) }} {{ [1, 2, 1].index(1, 1) }} {{ [1, 2, 1].index(2, 0, 2) }} {{ [1, [2]].copy() }} {{ (1, 2).count(1) }} {{ range(5).index(3) }} {{ range(5).count(9) }}
{{ [1].index(1, 5) }}
{{ [1].append(2) }}
{{ [2, 1].reverse() }}
{{ [2, 1].pop() }}
{{ d.get('a') }} {{ d.get('zz') }} {{ d.get('zz', 5) }} {{ d.keys()|list }} {{ d.values()|list }} {{ d.items()|list }} {{ d.copy() }} {{ d.a }} {{ d['a'] }} {{ {'items': 1}['items'] }} {{ {'keys': 1}.keys() }} {{ {}.get(none) }} {{ {1: 2}.get(true) }} {{ {'get': 5}.get('get') }}
{{ {}.get() }}
{{ {}.get([1]) }}
{{ d.setdefault('a', 1) }}
{{ d.items().x is defined }} {{ d.pop is defined }} {{ d.__class__ is defined }} {{ d['__class__'] is defined }} {{ s.__len__ is defined }} {{ ''.__class__.__mro__ is defined }}
{{ deep['items'] }} {{ deep.0 }} {{ deep['0'] }} {{ deep.a.b.0.c }} {{ deep.a['b'][1]['c'] }} {{ deep.a.b[-1].c }} {{ deep.a.b[5] is defined }} {{ deep.x is defined }} {{ deep['x']|default('dd') }}
{{ deep.x.y }}
{{ deep.x.y is defined }}
{{ missing ~ missing }}|{{ missing|upper }}|{{ missing|trim }}|{{ missing|replace('a', 'b') }}|{{ missing|sort }}|{{ missing|reverse|list }}|{{ missing|unique|list }}|{{ missing|map('upper')|list }}|{{ missing|sum }}|{{ missing|batch(2)|list }}|{{ missing|groupby('x')|list }}|{{ missing|wordcount }}|{{ missing|title }}|{{ missing|e }}|{{ missing|capitalize }}|{{ missing|center(5) }}|{{ missing|last is defined }}|{{ missing|min is defined }}|{{ missing|select|list }}|{{ missing|format }}|{{ missing|urlencode }}|{{ missing|slice(2)|list }}|{{ missing|truncate }}|{{ missing|string|length }}
{{ missing is string }} {{ missing is mapping }} {{ missing is sequence }} {{ missing is iterable }} {{ missing is callable }} {{ missing is number }} {{ missing is none }} {{ missing is true }} {{ missing is false }} {{ missing is lower }} {{ missing is escaped }} {{ missing is in [1] }} {{ missing is sameas missing }} {{ missing is eq missing2 }} {{ missing is filter }} {{ missing is boolean }} {{ missing is integer }} {{ missing is float }} {{ missing is odd if no }}
{{ missing is odd }}
{{ missing is gt 1 }}
{{ missing is divisibleby 2 }}
{{ missing|abs }}
{{ missing|round }}
{{ missing|float }}
{{ missing|dictsort }}
{{ missing|tojson }}
{{ missing[0] }}
{{ missing[1:] }}
{{ missing.x|default('d') }}
{{ dict(missing) }}
{{ namespace(missing) }}
{{ range(missing) }}
{{ 'a' * missing }}
{{ [1, missing, 2] }} {{ {'a': missing} }} {{ (missing,) }} {{ [missing] == [missing] }} {{ [missing]|join(',') }}| {{ missing in [missing] }} {{ {missing: 1} }} {{ missing == none }} {{ missing != missing }} {{ missing or 'o' }} {{ missing and 'a' }}| {{ not missing }}
{% for k, v in missing %}x{% else %}e{% endfor %}{% for k in missing.items() %}{% endfor %}
{{ 10 is divisibleby 5 }} {{ 10 is divisibleby(3) }} {{ 10 is not divisibleby 3 }} {{ 'ab' is in 'cab' }} {{ 1 is in [1] }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }} {{ 5 is test }} {{ none is none }} {{ 1.0 is integer }} {{ true is number }} {{ true is integer }} {{ [] is sequence }} {{ {} is sequence }} {{ {} is mapping }} {{ 'a' is sequence }} {{ 1 is iterable }} {{ {}.keys() is sequence }} {{ range(3) is sequence }} {{ words|map('upper') is iterable }} {{ words|map('upper') is sequence }} {{ 'AB1' is upper }} {{ '1' is upper }} {{ 1 is lower }} {{ 1 is sameas 1 }} {{ [] is sameas [] }} {{ none is sameas none }} {{ 1 is sameas true }} {{ ('a'|safe) is escaped }} {{ 'a' is escaped }} {{ 3 is ge 3 }} {{ 3 is lessthan 4 }} {{ 3 is equalto 3.0 }} {{ 'a' is lt 'b' }}
{{ 'a' is odd }}
{{ 5 is in 5 }}
{{ 5 is in 'a5' }}
{{ 1 is divisibleby 0 }}
{{ 1 is divisibleby }}
{{ range(5)|list }} {{ range(2, 8, 3)|list }} {{ range(5, 0, -1)|list }} {{ range(0)|list }} {{ range(3)|sum }} {{ range(3)[1] }} {{ range(3)[-1] }} {{ range(3)|length }} {{ 2 in range(3) }} {{ range(3) == range(3) }} {{ range(3)|first }} {{ range(3)|last }} {{ range(0, 100000)|length }} {{ range(true) }}
{{ range(100001) }}
{{ range(1, 2, 0) }}
{{ range() }}
{{ range(1.5) }}
{{ range('3') }}
{{ dict(a=1) }} {{ dict([['a', 1]]) }} {{ dict({'a': 1}, a=2) }} {{ dict() }} {{ dict(['ab', 'cd']) }} {{ dict(d.items()) }} {{ dict((('a', 1),)) }}
{{ dict([1]) }}
{{ dict(1) }}
{{ dict([['a']]) }}
{{ dict(none) }}
{% set c = cycler(1, 'b', none) %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}{{ c.items if no }}
{{ cycler() }}
{% set j = joiner() %}{{ j() }}a{{ j() }}b{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{% set j = joiner(sep=1) %}{{ j() }}{{ j() }}
{{ raise_exception('a' ~ 1) }}
{{ raise_exception() }}
{{ '<b>'|e }} {{ '<b>'|e|e }} {{ '<b>'|escape|length }} {{ ('<b>'|safe)|e }} {{ ('<'|e) + '<' }} {{ '<' + ('<'|e) }} {{ ('<'|safe) ~ '<' }} {{ ['<'|e] }} {{ ('a'|safe) == 'a' }} {{ 5|e }} {{ none|e }} {{ "'\"&"|e }} {{ ('<'|safe)|upper }} {{ [('<'|safe), '>']|join }} {{ ('<'|safe) * 2 }} {{ '<'|forceescape|forceescape }} {{ ('x'|safe)[0] }}
{{ {'a b': 'c&d', 'e': 1}|urlencode }} {{ [['a', 1], ['b', '/ é']]|urlencode }} {{ 'a b/&é~'|urlencode }} {{ 5|urlencode }} {{ none|urlencode }} {{ {}|urlencode }}
{{ 'Hello big world'|truncate(9) }} {{ 'Hello big world'|truncate(9, true) }} {{ 'Hello big world'|truncate(11, false, '..', 0) }} {{ 'Hello'|truncate(3, leeway=0) }} {{ 'Hello big'|truncate(8, end='', leeway=0) }} {{ [1,2]|truncate }}
{{ 'abc'|truncate(2) }}
{{ [3, 1]|min }} {{ ['b', 'A']|min }} {{ ['b', 'A']|max(case_sensitive=true) }} {{ objs|max(attribute='age') }} {{ 'hello'|max }} {{ d|min }} {{ [[1, 2], [1, 3]]|max }} {{ [1, 2.5, true]|max }}
{{ [1, 'a']|max }}
{{ [1, 2]|sum(start=0.5) }} {{ objs|sum('age') }} {{ []|sum(start='x') }} {{ [[1], [2]]|sum(start=[]) }} {{ [true, true]|sum }} {{ [0.1, 0.2, 0.3]|sum }} {{ [0.1] * 10 }} {{ ([0.1] * 10)|sum }}
{{ ['a', 'b']|sum }}
{{ ['a', 'b']|sum(start='') }}
{{ objs|sum(attribute='name') }}
{{ 'abc'|first }} {{ ''|first }}| {{ {}|last }}| {{ d|first }} {{ (1, 2)|last }} {{ words|map('upper')|first }} {{ d.items()|last }} {{ 'é🎉'|last }} {{ range(4)|last }}
{{ words|map('upper')|last }}
{{ 5|first }}
{{ 5|length }}
{{ none|length }}
{{ 5|list }}
{{ none|join }}
{{ 5|reverse }}
{{ none|reverse }}
{{ 'abc'|reverse }} {{ [1, 2]|reverse|list }} {{ d|reverse|list }} {{ (1, 2)|reverse|first }} {{ words|map('upper')|reverse|list }} {{ range(3)|reverse|list }}
{{ none|items|list }}
{{ [1]|items|list }}
{{ {}|items|list }} {{ d|items|map('first')|list }} {{ d|items|list|length }}
{{ 5|upper }} {{ none|lower }} {{ 1.5|string }} {{ true|capitalize }} {{ [1]|title }} {{ {'A': 1}|lower }} {{ 5|trim }} {{ 5|replace(5, 6) }} {{ none|string|length }} {{ 'x'|string is string }}
{{ 5.upper() }}
{{ i.upper() }}
{{ nil.upper() }}
{{ nums.5 }} {{ mix.6.k }} {{ mix.5.1.0 }} {{ 1.5.x }}
{{ s.0 }} {{ words.0.0 }} {{ words[0][0] }}
{{ 1if yes else 2 }} {{ 1 if(yes)else 2 }} {{ not(yes) }} {{ yes and(no) }} {{ 'a'if yes }} {{[1,2][0]}} {{-1}} {{- 1}} {{+1}} {{ - 1 }} {{ i-1 }} {{ i -1 }} {{ i*-1 }} {{ i--1 }} {{ not not yes }} {{ not -1 }} {{ -i|abs }} {{ (-i)|abs }} {{ -i.real if no }} {{ 2**-1 }} {{ -2**2 }} {{ 2**3**2 }} {{ -2.5|abs }} {{ 1|string ~ 2 }} {{ 1 ~ 2|string }} {{ 'a' ~ 'b'|upper }} {{ i is odd and yes }} {{ i is odd is sameas true if no }}
{{ yes is true and no is not true or missing is defined }} {{ 1 in [1] and 2 not in [1] }} {{ not 1 in [2] }} {{ 1 not in [2] == true }} {{ 'a' ~ 1 == 'a1' }} {{ 1 + 2 * 3 ** 2 // 4 % 5 }} {{ (1, 2) + (3,) == (1, 2, 3) }} {{ [1, 2][0] + 1 }} {{ {'a': 1}.a + 1 }} {{ ('a', 'b')|join }} {{ {'a': 1, 2: 'b', none: 3, (1, 2): 4}[(1, 2)] }}
{{ [1,2,3][1:][0] }} {{ 'abc'[1:].upper() }} {{ (words|sort)[0] }} {{ words|sort|first|upper }} {{ (words|join)|length }} {{ words|length + 1 }} {{ words|length > 3 }} {{ words|length is odd }} {{ words[words|length - 1] }} {{ words[-(1)] }} {{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list|length }} {{ messages[-1].content[0].type }} {{ (messages|last).role }} {{ messages[::-1][0]['role'] }} {{ loop_messages|default(messages)|length }}
{{ {'a': {'b': 1}}['a']['b'] }} {{ {'a': [1, 2]}.a|last }} {{ {'a': 1}|length }} {{ {'a': 1,}|list }} {{ [1,]|length }} {{ (1,)|length }} {{ ()|length }} {{ (1)|string }} {{ {} == dict() }} {{ [] is sameas [] }} {{ [[]] == [[]] }} {{ {'a': 1} != {'a': 2} }} {{ 'a' != 1 }} {{ none == none }} {{ [1, 'a', none] == [1, 'a', none] }} {{ 1 in {1: 2} }} {{ 'a' in none if no }}
{{ 'a' in none }}
{{ 1 in 'a' }}
{{ [1] in {} }}
{{ {} < {} }}
{{ none < none }}
{{ 'a' < 1 }}
{{ [1] < ['a'] }}
{{ {[]: 1} }}
{{ [] + 1 }}
{{ none + 1 }}
{{ 'a' - 'b' }}
{{ {} + {} }}
{{ 'a' * 'b' }}
{{ 'a' * 1.5 }}
{{ 1 // 0 }}
{{ 1.5 % 0 }}
{{ -'a' }}
{{ +none }}
{{ f() }}
{{ s() }}
{{ {}() }}
{{ nope() }}
{{ d.a() }}
{{ words|join(1, 2, 3) }}
{{ words|nope }}
{{ words is nope }}
{% if no %}{{ words|nope }}{% endif %}ok
{% if no %}{{ words is nope }}{% endif %}ok
{{ 'x'|upper(1) }}
{{ 'x'|default(1, 2, 3) }}
{{ range(3)|batch }}
{% for a, b in [1, 2] %}{% endfor %}
{% for a, b in ['ab', 'cd'] %}{{ a }}{{ b }}{% endfor %}{% for a, b in {'xy': 1} %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [(1,)] %}{% endfor %}
{% for a in 5 %}{% endfor %}
{% for a in nil %}{% endfor %}
{% for k, v in d %}{% endfor %}
{% for x in words %}{% if loop.first %}{% continue %}{% endif %}{{ x }}{% if loop.index == 3 %}{% break %}{% endif %}{% else %}never{% endfor %}
{% for x in [] %}{% else %}{% for y in [1] %}{{ y }}{% endfor %}{% endfor %}
{% for x in words %}{% for y in words %}{% if y == 'c' %}{% break %}{% endif %}{{ y }}{% endfor %}|{% endfor %}
{% for x in [1,2] %}{% with y = x %}{% if y == 1 %}{% continue %}{% endif %}{{ y }}{% endwith %}{% endfor %}
{% for x in [1,2,3] %}{% set t %}{% if x == 2 %}two{% else %}{{ x }}{% endif %}{% endset %}{{ t }}{% endfor %}{{ t is defined }}
{% with a=1, b=a %}{{ a }}{{ b }}{% endwith %}
{% with a=i %}{% set i = 3 %}{{ a }}{{ i }}{% endwith %}{{ i }}
{% generation %}{{ i }}{% set gg = 1 %}{% endgeneration %}{{ gg is defined }}{% for x in [1] %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}
{% generation %}{% for x in [1,2] %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}{% endgeneration %}
{% raw %}{{ a }}{% b %}{# c #}{% endraw %} {%- raw %}  x {% endraw -%} y
{% raw %}¶x{% endraw %}¶y
{% autoescape false %}{{ '<' }}{% endautoescape %}
{% do 1 %}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% trans %}x{% endtrans %}
{% set %}
{% set x %}
{% for %}
{% elif %}
{% endfor %}
{% if yes %}{% else %}{% else %}{% endif %}
{% if yes %}{% endfor %}
{% macro f(1) %}{% endmacro %}
{% macro f(a=1, b) %}{% endmacro %}
{% call %}{% endcall %}
{% call f %}{% endcall %}
{{ f(*a, *b) }}
{{ f(**a, b) }}
{{ f(a=1, *[2]) if no }}ok
{{ 'a' 'b' ~ "c" 'd' }} {{ 'a'¶'b' }}
{{ "unclosed }}
{{ 1 2 }}
{{ a..b }}
{{ a.1b }}
{{ [1, 2 }}
{{ {1: 2 }}
{{ {'a' 1} }}
{{ (1, 2] }}
{{ 0777 }}
{{ 0b12 }}
{{ 1_ }}
{{ 1__0 }}
{{ 0xg }}
{{ 1e }}
{{ 1.e5 }}
{{ $ }}
{{ a ? b : c }}
{{ a && b }}
{{ !a }}
{{ a := 1 }}
{{ @a }}
{{ a; b }}
{{ x|f|}}
{{ lambda x: x }}
{{ is defined }}
{{ a is not }}
{{ a not b }}
{{ a in }}
{{ and a }}
{{ a or }}
{{ if }}
{{ for }}
{{ a b }}
{{ true.x is defined }} {{ none.x is defined }} {{ True }} {{ None }} {{ False }} {{ TRUE is defined }} {{ null is defined }}
{{ ünïcode is defined }} {% set été = 5 %}{{ été }} {{ _x is defined }} {{ __x is defined }}
{{ caller is defined }} {{ varargs is defined }} {{ context is defined }} {{ loop is defined }}
{% set loop = 5 %}{{ loop }}
{% set range = 5 %}{{ range }}
{% set none = 1 %}
{% set yes.x = 1 %}
{% set x = x|default(3) %}{{ x }}{% set x = x + 1 %}{{ x }}
{% set content = messages[1].content|trim %}{% set pos = content.find('>') %}{{ content[:pos] ~ '|' ~ content[pos + 1:] }}{{ content.split('<')[-1].split('>')[0] }}
{%- for message in messages -%}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ loop.index0 }}{%- endif -%}{%- endfor -%}
{{- '<|' + 'x' + '|>' + ('a' if yes else 'b') + '\n' -}}  
{{ (strftime_now('%d %b %Y'))|length }} {{ strftime_now('%Z|%z|%%') }}
{{ (words|list + ['z'])|join(' and ') }} {{ words[:2] + words[3:] }} {{ [words, [1]]|map('first')|list }} {{ [{'a': 1}, {'b': 2}]|map('list')|list }} {{ [d, args]|map(attribute='a')|list }} {{ [[1, [2, 3]]]|map(attribute='1.0')|list }}
{{ messages|map(attribute='role')|unique|sort|join(',') }} {{ messages|rejectattr('tool_calls')|list|length }} {{ messages|selectattr('tool_calls', 'defined')|map(attribute='tool_calls')|first|map(attribute='function.name')|join }} {{ messages|selectattr('content', 'string')|map(attribute='content')|map('trim')|join('|') }} {{ messages|selectattr('role', 'in', ['user', 'tool'])|list|length }} {{ messages|groupby('role')|map('first')|list }}
{{ args|tojson|length }} {{ args.items()|map('join', '=')|join('&') }} {% for k, v in args|items %}{{ k }}={{ v if v is string else v|tojson }};{% endfor %}{% for k in args|sort %}{{ k }}{% endfor %}{{ (args|dictsort)[0][0] }}
{{ loop.index if loop is defined else 'no' }} {{ [loop]|length }} {{ range is callable }} {{ namespace is callable }} {{ 'a'.upper is callable }} {{ cycler(1) is callable }} {{ joiner() is callable }}
'''.strip("\n").split("\n")]
