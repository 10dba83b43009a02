// Splits text into Markdown blocks as plain objects: paragraph, heading, rule, code, quote, list, table. CommonMark as
// chat models write it, with GitHub's tables and task lists; raw HTML is text. Knows no DOM.

const kMaxDepth = 10;       // nesting of lists and quotes; deeper ones are text
const kMaxColumns = 64;

const kFence = /^( {0,3})(`{3,}|~{3,})([^\n]*)$/;
const kHeading = /^ {0,3}(#{1,6})(?= |$)/;
const kRule = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const kQuote = /^ {0,3}> ?/;
const kItem = /^( {0,3})(?:([-*+])|(\d{1,9})([.)]))( *)(?:(?=\S)|$)/;

// The expressions above and below never try a run of characters twice, however long a line is.

// Blocks and their lines: {type, from, to, …}; `to` is the line after the last. Lines end with \n. Tabs that indent
// count as four columns; in code they stay tabs.
export function parseBlocks(text) {
  let open = null;
  let isNested = false;  // the open fence, in a list
  const lines = text.split('\n').map((line) => {
    const isCode = open !== null && !isNested;
    if (open === null) isNested = line.trimStart() !== line;
    open = afterFence(open, line.trimStart());
    return isCode ? line : line.replace(/^[ \t]+/, (indent) => indent.replaceAll('\t', '    '));
  });
  return blocksOf(lines, 0);
}

function blocksOf(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      ++at;
      continue;
    }
    const block = startBlock(lines, at, depth);
    blocks.push({...block, from: at});
    at = block.to;
  }
  return blocks;
}

const isBlank = (line) => line.trim() === '';

function startBlock(lines, at, depth) {
  const line = lines[at];
  const fence = fenceOf(line);
  if (fence) return code(lines, at, fence);
  const heading = kHeading.exec(line);
  if (heading) return {type: 'heading', level: heading[1].length, text: headingText(line.slice(heading[0].length)), to: at + 1};
  if (kRule.test(line)) return {type: 'rule', to: at + 1};
  if (depth < kMaxDepth) {
    if (kQuote.test(line)) return quote(lines, at, depth);
    const item = itemOf(line);
    if (item) return list(lines, at, item, depth);
  }
  if (isTable(lines, at)) return table(lines, at);
  return paragraph(lines, at, depth);
}

// Without the #s that may close it.
function headingText(rest) {
  const text = rest.trim();
  let end = text.length;
  while (text[end - 1] === '#') --end;
  return end === 0 || text[end - 1] === ' ' ? text.slice(0, end).trimEnd() : text;
}

function fenceOf(line) {
  const fence = kFence.exec(line);
  return fence && !(fence[2][0] === '`' && fence[3].includes('`')) ? fence : null;
}

// Up to the closing fence, or to the end: the fence may still arrive.
function code(lines, at, fence) {
  const [, indent, marks, info] = fence;
  const body = [];
  let to = at + 1;
  let isClosed = false;
  while (to < lines.length && !isClosed) {
    const line = lines[to++];
    const end = /^ {0,3}(`{3,}|~{3,}) *$/.exec(line);
    isClosed = end !== null && end[1][0] === marks[0] && end[1].length >= marks.length;
    if (!isClosed) body.push(line.slice(Math.min(indent.length, line.length - line.trimStart().length)));
  }
  return {type: 'code', language: info.trim().split(/\s/)[0].slice(0, 40), text: body.join('\n'), isClosed, to};
}

function quote(lines, at, depth) {
  const inner = [];
  let to = at;
  let isParagraph = false;
  while (to < lines.length && !isBlank(lines[to])) {
    const mark = kQuote.exec(lines[to]);
    if (!mark && !(isParagraph && !startsBlock(lines, to, depth))) break;
    inner.push(mark ? lines[to].slice(mark[0].length) : lines[to]);
    isParagraph = !isBlank(inner.at(-1)) && !fenceOf(inner.at(-1));
    ++to;
  }
  return {type: 'quote', blocks: blocksOf(inner, depth + 1), to};
}

// Whether this line ends a paragraph above it.
function startsBlock(lines, at, depth) {
  const line = lines[at];
  if (fenceOf(line) || kHeading.test(line) || kRule.test(line) || isTable(lines, at)) return true;
  if (depth >= kMaxDepth) return false;
  if (kQuote.test(line)) return true;
  const item = itemOf(line);
  return item !== null && !item.isEmpty;
}

function paragraph(lines, at, depth) {
  let to = at + 1;
  while (to < lines.length && !isBlank(lines[to]) && !startsBlock(lines, to, depth)) ++to;
  return {type: 'paragraph', text: lines.slice(at, to).map((line) => line.trimStart()).join('\n').trimEnd(), to};
}

// A line that begins an item: its marker, and the column where its text begins.
function itemOf(line) {
  const found = kItem.exec(line);
  if (!found) return null;
  const [all, indent, bullet, number, end, gap] = found;
  const isEmpty = all.length === line.length;
  if (!gap && !isEmpty) return null;
  const markEnd = indent.length + (bullet ? 1 : number.length + 1);
  const width = markEnd + (!isEmpty && gap.length <= 4 ? gap.length : 1);
  return {indent: indent.length, mark: bullet ?? end, number: number && Number(number), width, isEmpty};
}

// Items with markers of one kind. Lines indented to an item's text belong to it, and so does the rest of its paragraph.
function list(lines, at, first, depth) {
  const items = [];
  let isLoose = false;
  let to = at;
  for (let item = first; item && item.mark === first.mark && !(to > at && kRule.test(lines[to]));) {
    const {inner, next} = itemLines(lines, to, item, depth);
    const task = /^\[([ xX])\] +(?=\S)/.exec(inner[0]);
    if (task) inner[0] = inner[0].slice(task[0].length);
    const blocks = blocksOf(inner, depth + 1);
    items.push({task: task ? task[1] !== ' ' : undefined, blocks});
    to = next;
    item = to < lines.length ? itemOf(lines[to]) : null;
    isLoose ||= item?.mark === first.mark && isBlank(lines[to - 1]);
    isLoose ||= blocks.some((block, i) => i > 0 && block.from > blocks[i - 1].to && block.type === 'paragraph');
  }
  while (isBlank(lines[to - 1])) --to;
  return {type: 'list', isOrdered: first.number !== undefined, start: first.number ?? 1, isLoose, items, to};
}

// An item's lines without their indentation. Models indent a list inside "1. " by two columns, where three are correct.
function itemLines(lines, at, item, depth) {
  const inner = [lines[at].slice(item.width)];
  let fence = fenceOf(inner[0]);
  let isText = !item.isEmpty;
  let blanks = 0;
  let next = at + 1;
  for (; next < lines.length; ++next) {
    const line = lines[next];
    if (isBlank(line)) {
      ++blanks;
      continue;
    }
    const indent = line.length - line.trimStart().length;
    const isInside = indent >= item.width || (indent >= item.indent + 2 && !fence && itemOf(line) !== null);
    const isRest = blanks === 0 && isText && !fence && !startsBlock(lines, next, depth);
    if (!isInside && !isRest) break;
    for (; blanks > 0; --blanks) inner.push('');
    inner.push(line.slice(Math.min(indent, item.width)));
    fence = afterFence(fence, inner.at(-1));
    isText = true;
  }
  return {inner, next};
}

// Whether a code fence is open after this line.
function afterFence(open, line) {
  const fence = fenceOf(line);
  if (!open) return fence;
  return fence && fence[2][0] === open[2][0] && fence[2].length >= open[2].length && !fence[3].trim() ? null : open;
}

function isTable(lines, at) {
  if (at + 1 >= lines.length || !lines[at].includes('|') || !/^[-|: ]+$/.test(lines[at + 1])) return false;
  const delimiters = cellsOf(lines[at + 1]);
  return delimiters.every((cell) => /^:?-+:?$/.test(cell)) && cellsOf(lines[at]).length === delimiters.length;
}

function table(lines, at) {
  const header = cellsOf(lines[at]);
  const aligns = cellsOf(lines[at + 1]).map((cell) => {
    if (cell.endsWith(':')) return cell.startsWith(':') ? 'center' : 'right';
    return 'left';
  });
  const rows = [];
  let to = at + 2;
  for (; to < lines.length && lines[to].includes('|') && !isBlank(lines[to]); ++to) {
    const cells = cellsOf(lines[to]);
    rows.push(header.map((_, column) => cells[column] ?? ''));
  }
  return {type: 'table', aligns, header, rows, to};
}

// "| a | b \| c |": a bar after a backslash, or in code, does not separate cells.
function cellsOf(line) {
  const cells = [];
  let cell = '';
  const text = line.trim();
  for (let at = text.startsWith('|') ? 1 : 0; at < text.length; ++at) {
    if (text[at] === '\\' && text[at + 1] === '|') {
      cell += '|';
      ++at;
    } else if (text[at] === '|') {
      cells.push(cell.trim());
      cell = '';
    } else {
      cell += text[at];
    }
  }
  if (cell.trim() || !text.endsWith('|')) cells.push(cell.trim());
  return cells.slice(0, kMaxColumns);
}
