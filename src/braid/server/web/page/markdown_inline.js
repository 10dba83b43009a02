// Parses a line's Markdown to a tree of plain objects: text, code, em, strong, del, link, br, math. Raw HTML is text.
// Every step is linear in the text's length, or bounded, because a model may write anything.

const kMaxDepth = 12;      // nesting of emphasis and links; deeper ones are text
const kMaxOpeners = 32;    // waiting for their closers
const kMaxRun = 4;         // longer runs of * _ ~ are text
const kMaxAddress = 2048;  // characters of a link's address and title
const kPunctuation = /[\p{P}\p{S}]/u;
const kEntities = {amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™', hellip: '…',
  ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', bull: '•', middot: '·',
  times: '×', divide: '÷', deg: '°', plusmn: '±', le: '≤', ge: '≥', ne: '≠', rarr: '→', larr: '←', euro: '€'};

// The address if it is absolute and http or https, else undefined.
export function safeAddress(text) {
  let address;
  try {
    address = new URL(text);
  } catch {
    return undefined;
  }
  return address.protocol === 'http:' || address.protocol === 'https:' ? address.href : undefined;
}

export function parseInline(text) {
  return joined(new Scanner(text).run());
}

// Joins neighbouring texts.
function joined(nodes) {
  const out = [];
  for (const node of nodes) {
    const last = out.at(-1);
    if (node.type === 'text' && last?.type === 'text') {
      last.text += node.text;
    } else if (node.type !== 'text' || node.text) {
      out.push(node.children ? {...node, children: joined(node.children)} : {...node});
    }
  }
  return out;
}

function depthOf(nodes) {
  return nodes.reduce((depth, node) => Math.max(depth, node.depth ?? 0), 0);
}

class Scanner {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.nodes = [];     // finished nodes, and delimiters and brackets that may still become others
    this.brackets = [];  // indices of '[' in nodes
    this.ticks = undefined;
    this.noMath = {};    // closers that do not occur again
  }

  run() {
    while (this.at < this.text.length) this.step();
    return resolveEmphasis(this.nodes);
  }

  step() {
    const {text, at} = this;
    switch (text[at]) {
      case '\\': return this.escape();
      case '`': return this.code();
      case '*': case '_': case '~': return this.delimiter();
      case '!': if (text[at + 1] === '[') return this.open(2); break;
      case '[': return this.open(1);
      case ']': return this.close();
      case '<': return this.angle();
      case '&': return this.entity();
      case '\n': return this.lineBreak();
      case 'h': if (this.bareAddress()) return undefined; break;
    }
    let end = at + 1;
    while (end < text.length && !'\\`*_~![]<&\nh'.includes(text[end])) ++end;
    return this.add(text.slice(at, end), end);
  }

  add(text, end) {
    this.nodes.push({type: 'text', text});
    this.at = end;
  }

  escape() {
    const next = this.text[this.at + 1];
    if (next === '\n') {
      this.nodes.push({type: 'br'});
      this.at += 2;
    } else if (next === '(' || next === '[') {
      if (!this.math(next === '(' ? '\\)' : '\\]')) this.add(next, this.at + 2);
    } else if (next !== undefined && /[!-/:-@[-`{-~]/.test(next)) {
      this.add(next, this.at + 2);
    } else {
      this.add('\\', this.at + 1);
    }
  }

  // \( … \) is shown as written: formulas are not typeset here, but not garbled either.
  math(closer) {
    if (this.noMath[closer]) return false;
    const end = this.text.indexOf(closer, this.at + 2);
    if (end < 0) {
      this.noMath[closer] = true;
      return false;
    }
    this.nodes.push({type: 'math', text: this.text.slice(this.at + 2, end).trim()});
    this.at = end + 2;
    return true;
  }

  // A run of backticks ends at the next run of the same length. All runs are found once.
  code() {
    if (!this.ticks) {
      this.ticks = new Map();
      for (const {0: run, index} of this.text.matchAll(/`+/g)) {
        if (!this.ticks.has(run.length)) this.ticks.set(run.length, {starts: [], next: 0});
        this.ticks.get(run.length).starts.push(index);
      }
    }
    let end = this.at;
    while (this.text[end] === '`') ++end;
    const runs = this.ticks.get(end - this.at);
    while (runs && runs.starts[runs.next] < end) ++runs.next;
    const close = runs?.starts[runs.next];
    if (close === undefined) return this.add(this.text.slice(this.at, end), end);
    let code = this.text.slice(end, close).replaceAll('\n', ' ');
    if (code.startsWith(' ') && code.endsWith(' ') && code.trim()) code = code.slice(1, -1);
    this.nodes.push({type: 'code', text: code});
    this.at = close + (end - this.at);
    return undefined;
  }

  // A run of * _ or ~ that may open or close emphasis, by the characters on both its sides (CommonMark 6.2).
  delimiter() {
    const {text, at} = this;
    const mark = text[at];
    let end = at;
    while (text[end] === mark) ++end;
    const before = at === 0 ? ' ' : text[at - 1];
    const after = end === text.length ? ' ' : text[end];
    const isSpaceBefore = /\s/u.test(before);
    const isSpaceAfter = /\s/u.test(after);
    const isMarkBefore = kPunctuation.test(before);
    const isMarkAfter = kPunctuation.test(after);
    const length = end - at;
    if (length > kMaxRun || (mark === '~' && length !== 2)) return this.add(text.slice(at, end), end);
    // Models write "**Note:**then" and "**「…」**は" and mean emphasis: for ** only spaces decide.
    const isLenient = mark === '*' && length >= 2;
    const opens = !isSpaceAfter && (isLenient || !isMarkAfter || isSpaceBefore || isMarkBefore);
    const closes = !isSpaceBefore && (isLenient || !isMarkBefore || isSpaceAfter || isMarkAfter);
    this.nodes.push({
      type: 'mark', mark, length, count: length,
      opens: opens && (mark !== '_' || !closes || isMarkBefore),
      closes: closes && (mark !== '_' || !opens || isMarkAfter),
    });
    this.at = end;
    return undefined;
  }

  open(length) {
    this.brackets.push(this.nodes.length);
    this.add(this.text.slice(this.at, this.at + length), this.at + length);
  }

  // The "]" of [text](address "title"), or of an image. An image becomes a link: nothing is loaded from elsewhere.
  close() {
    const from = this.brackets.pop();
    const target = from === undefined ? undefined : linkTarget(this.text, this.at + 1);
    const href = target && safeAddress(target.address);
    if (!href) return this.add(']', this.at + 1);
    const isImage = this.nodes[from].text === '![';
    let children = withoutLinks(resolveEmphasis(this.nodes.splice(from).slice(1)));
    if (isImage) children = [{type: 'text', text: plainText(children)}];
    if (!plainText(children)) children = [{type: 'text', text: target.address}];
    if (!isImage) this.brackets = [];  // no link in a link
    this.nodes.push({type: 'link', href, isImage, depth: depthOf(children) + 1, children});
    this.at = target.end;
    return undefined;
  }

  // <https://…> and <br>; all other tags are text.
  angle() {
    const rest = this.text.slice(this.at, this.at + kMaxAddress);
    const link = /^<(https?:\/\/[^\s<>]+)>/i.exec(rest);
    const href = link && safeAddress(link[1]);
    if (href) {
      this.nodes.push({type: 'link', href, depth: 1, children: [{type: 'text', text: link[1]}]});
      this.at += link[0].length;
      return undefined;
    }
    const br = /^<br\s*\/?>/i.exec(rest);
    if (!br) return this.add('<', this.at + 1);
    this.nodes.push({type: 'br'});
    this.at += br[0].length;
    return undefined;
  }

  entity() {
    const found = /^&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/.exec(this.text.slice(this.at, this.at + 12));
    const code = found?.[1] ? parseInt(found[1], 10) : parseInt(found?.[2], 16);
    const named = found?.[3] && Object.hasOwn(kEntities, found[3]) ? kEntities[found[3]] : undefined;
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    const character = named ?? (isCharacter ? String.fromCodePoint(code) : undefined);
    if (character === undefined) return this.add('&', this.at + 1);
    return this.add(character, this.at + found[0].length);
  }

  // A line break in an answer is meant as one.
  lineBreak() {
    const last = this.nodes.at(-1);
    if (last?.type === 'text') last.text = last.text.trimEnd();
    this.nodes.push({type: 'br'});
    this.at += 1;
    while (this.text[this.at] === ' ') ++this.at;
  }

  bareAddress() {
    const {text, at} = this;
    if (!text.startsWith('http://', at) && !text.startsWith('https://', at)) return false;
    if (at > 0 && /[\p{L}\p{N}_]/u.test(text[at - 1])) return false;
    const address = withoutEnd(/^[^\s<>"'`|\\^{}[\]*]+/.exec(text.slice(at, at + kMaxAddress))[0]);
    const href = safeAddress(address);
    if (!href) return false;
    this.nodes.push({type: 'link', href, depth: 1, children: [{type: 'text', text: address}]});
    this.at += address.length;
    return true;
  }
}

// The full stop of a sentence does not belong to the address in it; a ")" does if its "(" does.
function withoutEnd(address) {
  let surplus = 0;
  for (const character of address) surplus += character === ')' ? 1 : character === '(' ? -1 : 0;
  let end = address.length;
  for (; end > 0; --end) {
    const last = address[end - 1];
    if (last === ')' && surplus > 0) --surplus;
    else if (!'.,:;!?_~'.includes(last)) break;
  }
  return address.slice(0, end);
}

function plainText(nodes) {
  return nodes.map((node) => node.text ?? (node.children ? plainText(node.children) : ' ')).join('');
}

// Replaces links by their content.
function withoutLinks(nodes) {
  return nodes.flatMap((node) => {
    if (node.type === 'link') return node.children;
    return node.children ? [{...node, children: withoutLinks(node.children)}] : [node];
  });
}

// "(address "title")" at `start`: {address, end}, or undefined.
function linkTarget(text, start) {
  if (text[start] !== '(') return undefined;
  const rest = text.slice(start, start + kMaxAddress);
  const found = /^\(\s{0,8}(?:<([^<>\n]*)>|([^\s()]*(?:\([^\s()]*\)[^\s()]*)*))(?:\s{1,8}(?:"[^"]*"|'[^']*'))?\s{0,8}\)/.exec(rest);
  return found ? {address: found[1] ?? found[2], end: start + found[0].length} : undefined;
}

// CommonMark's "process emphasis": each closer looks back for its opener, but not before the place where an earlier
// search failed. There are few openers, so the whole is linear. Takes delimiters of type 'mark' and returns none.
function resolveEmphasis(nodes) {
  const out = [];
  const openers = [];        // indices into out
  const bottom = new Map();  // for each kind of closer, how many openers are known not to match
  for (const node of nodes) {
    if (node.type !== 'mark') {
      out.push(node);
      continue;
    }
    while (node.closes && node.count > 0) {
      const kind = `${node.mark}${node.opens}${node.length % 3}`;
      const floor = bottom.get(kind) ?? 0;
      let found = openers.length - 1;
      while (found >= floor && !matches(out[openers[found]], node)) --found;
      if (found < floor) {
        bottom.set(kind, openers.length);
        break;
      }
      openers.length = found + 1;
      for (const [name, value] of bottom) bottom.set(name, Math.min(value, found + 1));
      wrap(out, openers, node);
    }
    if (node.count === 0) continue;
    if (node.opens) {
      if (openers.length === kMaxOpeners) {
        openers.shift();
        for (const [name, value] of bottom) bottom.set(name, Math.max(value - 1, 0));
      }
      openers.push(out.length);
    }
    out.push(node);
  }
  return out.map(asText);
}

// Puts the nodes after the last opener into an element of their own.
function wrap(out, openers, closer) {
  const at = openers.at(-1);
  const opener = out[at];
  const size = closer.mark === '~' ? 2 : Math.min(2, opener.count, closer.count);
  const children = out.splice(at + 1).map(asText);
  const depth = depthOf(children) + 1;
  opener.count -= size;
  closer.count -= size;
  if (opener.count === 0) {
    openers.pop();
    out.pop();
  }
  if (depth <= kMaxDepth) {
    out.push({type: closer.mark === '~' ? 'del' : size === 2 ? 'strong' : 'em', children, depth});
    return;
  }
  const marks = closer.mark.repeat(size);
  out.push({type: 'text', text: marks});
  for (const child of children) out.push(child);
  out.push({type: 'text', text: marks});
}

function matches(opener, closer) {
  if (opener.mark !== closer.mark || opener.count === 0) return false;
  if (closer.mark === '~') return true;
  const isEither = closer.opens || opener.closes;
  return !isEither || (opener.length + closer.length) % 3 !== 0 || (opener.length % 3 === 0 && closer.length % 3 === 0);
}

function asText(node) {
  return node.type === 'mark' ? {type: 'text', text: node.mark.repeat(node.count)} : node;
}
