// Markdown as DOM nodes. Only changed text is drawn again: while an answer streams, the nodes already drawn stay, and
// with them the reader's selection.
import {copyButton, el} from './dom.js';
import {highlight} from './highlight.js';
import {parseBlocks} from './markdown_blocks.js';
import {parseInline} from './markdown_inline.js';

// Draws a text into a node, repeatedly while it grows.
export class MarkdownView {
  #root;
  #text = '';
  #drawn = [];      // {source, node} of each block
  #offsets = [];    // of each block's start in the text

  constructor(root) {
    this.#root = root;
  }

  // The last two blocks can still change: "2" after a list may become its next item.
  update(written) {
    const text = written.replace(/\r\n?/g, '\n');
    if (text === this.#text) return;
    const keep = text.startsWith(this.#text) ? Math.max(0, this.#drawn.length - 2) : 0;
    const start = keep ? this.#offsets[keep] : 0;
    const rest = text.slice(start);
    const lines = rest.split('\n');
    const lineStarts = [0];
    for (const line of lines) lineStarts.push(lineStarts.at(-1) + line.length + 1);
    const blocks = parseBlocks(rest);
    for (let i = 0; i < blocks.length; ++i) {
      const at = keep + i;
      const source = lines.slice(blocks[i].from, blocks[i].to).join('\n');
      this.#offsets[at] = start + lineStarts[blocks[i].from];
      const old = this.#drawn[at];
      if (old?.source === source) continue;
      const node = blockNode(blocks[i]);
      if (old) old.node.replaceWith(node);
      else this.#root.append(node);
      this.#drawn[at] = {source, node};
    }
    for (const {node} of this.#drawn.splice(keep + blocks.length)) node.remove();
    this.#offsets.length = this.#drawn.length;
    this.#text = text;
  }
}

// Draws a complete text once.
export function renderMarkdown(text) {
  const root = el('div');
  new MarkdownView(root).update(text);
  return root;
}

function blockNode(block) {
  switch (block.type) {
    case 'heading': return el(`h${Math.min(6, block.level + 2)}`, {class: `h h-${block.level}`}, inlineNodes(block.text));
    case 'rule': return el('hr');
    case 'code': return codeNode(block);
    case 'quote': return el('blockquote', {}, block.blocks.map(blockNode));
    case 'list': return listNode(block);
    case 'table': return tableNode(block);
    default: return el('p', {}, inlineNodes(block.text));
  }
}

function codeNode({language, text}) {
  return el('figure', {class: 'code'},
    el('figcaption', {}, el('span', {}, language), copyButton(() => text, 'Copy this code')),
    el('pre', {tabindex: 0, 'aria-label': language ? `Code in ${language}` : 'Code'}, el('code', {}, highlight(text, language))));
}

function listNode({isOrdered, start, isLoose, items}) {
  const nodes = items.map(({task, blocks}) => {
    const content = blocks.flatMap((block) =>
      block.type === 'paragraph' && !isLoose ? inlineNodes(block.text) : [blockNode(block)]);
    if (task === undefined) return el('li', {}, content);
    return el('li', {class: 'task'}, el('span', {class: 'box', role: 'img', 'aria-label': task ? 'done' : 'to do'}, task ? '✓' : ''), content);
  });
  return el(isOrdered ? 'ol' : 'ul', isOrdered && start !== 1 ? {start} : {}, nodes);
}

function tableNode({aligns, header, rows}) {
  const row = (tag, cells) => el('tr', {}, cells.map((cell, column) => el(tag, {class: aligns[column]}, inlineNodes(cell))));
  return el('div', {class: 'table', tabindex: 0, role: 'region', 'aria-label': 'Table'},
    el('table', {}, el('thead', {}, row('th', header)), el('tbody', {}, rows.map((cells) => row('td', cells)))));
}

function inlineNodes(text) {
  return parseInline(text).map(inlineNode);
}

function inlineNode(node) {
  switch (node.type) {
    case 'br': return el('br');
    case 'code': return el('code', {}, node.text);
    case 'math': return el('span', {class: 'math'}, node.text);
    case 'em': case 'strong': case 'del': return el(node.type, {}, node.children.map(inlineNode));
    case 'link':
      return el('a', {href: node.href, target: '_blank', rel: 'noopener noreferrer', title: node.href, class: node.isImage ? 'image' : undefined},
        node.children.map(inlineNode));
    default: return document.createTextNode(node.text);
  }
}
