// Builds DOM nodes from plain data. Nothing in the page parses HTML: a model's output can only become text.

const kAttributes = new Set(['alt', 'autocomplete', 'class', 'cols', 'd', 'datetime', 'disabled', 'for', 'hidden', 'href', 'id',
  'inputmode', 'list', 'max', 'maxlength', 'min', 'name', 'open', 'placeholder', 'readonly', 'rel', 'role', 'rows', 'scope',
  'spellcheck', 'start', 'step', 'tabindex', 'target', 'title', 'type', 'value', 'viewBox', 'x', 'x1', 'x2', 'y', 'y1', 'y2',
  'cx', 'cy', 'r', 'width', 'height', 'text-anchor', 'focusable']);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (kAttributes.has(name) || name.startsWith('aria-') || name.startsWith('data-')) {
      node.setAttribute(name, value === true ? '' : value);
    } else {
      throw new Error(`el(): attribute "${name}" is not one of those it may set`);
    }
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

// el('a', {href, on: {click: f}}, 'text', otherNode, [more, nodes])
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

// One of the symbols of index.html.
export function icon(name) {
  return svg('svg', {class: 'icon', 'aria-hidden': 'true'}, svg('use', {href: `#i-${name}`}));
}

// A button with an icon. `label` is its tooltip and its name for screen readers.
export function iconButton(name, label, onClick, attributes = {}) {
  return el('button', {type: 'button', class: 'icon-button', title: label, ...attributes, on: {click: onClick}},
    icon(name), el('span', {class: 'for-readers'}, label));
}

export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html has no element #${id}`);
  return node;
}

// Announces a text to screen readers only.
export function announce(text) {
  byId('announcer').textContent = text;
}

// Copies with the clipboard where the page may use it (https, or localhost), else with a selection.
export async function copyText(text) {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // refused: try the other way
    }
  }
  const area = el('textarea', {class: 'for-readers', 'aria-hidden': 'true'});
  area.value = text;
  const focused = document.activeElement;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  focused?.focus({preventScroll: true});
  return copied;
}

// A button that copies the result of `text()` and shows that it did.
export function copyButton(text, label = 'Copy') {
  const button = iconButton('copy', label, async () => {
    const copied = await copyText(text());
    announce(copied ? 'Copied' : 'The browser does not let this page copy');
    if (!copied) return;
    button.replaceChild(icon('check'), button.firstChild);
    setTimeout(() => button.replaceChild(icon('copy'), button.firstChild), 1500);
  });
  return button;
}

// A line at the bottom of the page for some seconds, with at most one action.
export function toast(text, action) {
  const line = el('div', {class: 'toast'}, el('span', {}, text));
  const close = () => line.remove();
  if (action) {
    line.append(el('button', {type: 'button', class: 'quiet-button', on: {click: () => { close(); action.run(); }}}, action.label));
  }
  byId('toasts').append(line);
  setTimeout(close, action ? 8000 : Math.max(4000, 80 * text.length));
}

// 128 random bits. (crypto.randomUUID exists only in secure contexts.)
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// localStorage and sessionStorage throw if the user forbids them. Then a value lasts as long as the page.
export class KeptValue {
  #storage;
  #name;
  #value = null;

  constructor(kind, name) {
    this.#name = name;
    try {
      this.#storage = kind === 'session' ? sessionStorage : localStorage;
      this.#value = this.#storage.getItem(name);
    } catch {
      this.#storage = undefined;
    }
  }

  get() {
    return this.#value;
  }

  set(value) {
    this.#value = value;
    try {
      if (value === null) this.#storage?.removeItem(this.#name);
      else this.#storage?.setItem(this.#name, value);
    } catch {
      // full or forbidden: kept in memory
    }
  }
}
