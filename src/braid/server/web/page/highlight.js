// Colours for code: comments, strings, numbers and keywords that most languages share. Knows no language's grammar; one
// pass with one expression.
import {el} from './dom.js';

const kWords = new Set(`abstract and as assert async await auto bool break case catch char class const constexpr continue def
default defer del delete do double elif else end enum except export extends extern false False final finally float fn for
foreach from func function go if impl implements import in include inline instanceof int interface is lambda let local long
match mod module mut namespace new nil None not null nullptr of operator or override package pass private protected pub public
raise ref return self short signed sizeof static struct super switch template then this throw trait true True try type typedef
typeof union unless unsigned until use using var virtual void volatile when where while with yield
select insert update create table join group order by limit values into set having distinct on left inner outer
echo fi done esac`.split(/\s+/));

const kHashComments = /^(?:py|python|sh|bash|shell|zsh|console|rb|ruby|r|yaml|yml|toml|perl|pl|make|makefile|cmake|dockerfile|nix|ini|conf)$/i;
const kDashComments = /^(?:sql|lua|haskell|hs|ada|vhdl|elm)$/i;
const kPlain = /^(?:|text|txt|plain|plaintext|output|markdown|md|latex|tex|diff|csv)$/i;
const kMaxLength = 50_000;  // characters; longer code stays plain

// Bounded, so that unclosed quotes cost little.
const kString = String.raw`"(?:[^"\\\n]|\\.){0,400}"|'(?:[^'\\\n]|\\.){0,400}'|` + '`(?:[^`\\\\]|\\\\.){0,800}`';
const kRest = String.raw`|(?<number>\b(?:0[xXbB][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?))|(?<word>[A-Za-z_]\w*)`;

function expression(language) {
  let comment = String.raw`\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)`;
  if (kHashComments.test(language)) comment = String.raw`#[^\n]*`;
  if (kDashComments.test(language)) comment = String.raw`--[^\n]*`;
  if (/^(?:html|xml|svg|vue)$/i.test(language)) comment = String.raw`<!--[^]*?(?:-->|$)`;
  const long = /^(?:py|python)$/i.test(language) ? String.raw`"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|` : '';
  return new RegExp(`(?<comment>${comment})|(?<string>${long}${kString})${kRest}`, 'g');
}

// The code as text nodes and spans.
export function highlight(text, language) {
  if (kPlain.test(language) || text.length > kMaxLength) return [text];
  const ignoresCase = /^sql$/i.test(language);
  const out = [];
  let done = 0;
  for (const found of text.matchAll(expression(language))) {
    const {comment, string, number, word} = found.groups;
    const kind = comment !== undefined ? 'comment' : string !== undefined ? 'string' : number !== undefined ? 'number'
      : kWords.has(ignoresCase ? word.toLowerCase() : word) ? 'word' : undefined;
    if (!kind) continue;
    if (found.index > done) out.push(text.slice(done, found.index));
    out.push(el('span', {class: `code-${kind}`}, found[0]));
    done = found.index + found[0].length;
  }
  if (done < text.length) out.push(text.slice(done));
  return out;
}
