// One message on the page, with its actions.
import {copyButton, el, icon, iconButton} from './dom.js';
import {partsOf, tokenRate} from './conversation.js';
import {chooseImages, takeFilesAt} from './image_sources.js';
import {imageRow} from './image_view.js';
import {MarkdownView} from './markdown.js';

const kEndings = {
  length: 'Ended at the length limit.',
  stopped: 'Stopped.',
  interrupted: 'Broken off: the page was left while this was written.',
  abort: 'The server ended this answer early.',
  content_filter: 'The server withheld the rest.',
};

const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

// actions: {edit(node, text, images), again(node), version(node, step), images: an Images, makeTray(options): an
// ImageTray}
export function makeMessageView(node, actions) {
  return node.role === 'user' ? new UserView(node, actions) : new AnswerView(node, actions);
}

function versionSwitch(node, {index, count}, actions) {
  if (count < 2) return [];
  return [el('span', {class: 'versions'},
    iconButton('left', 'Previous version', () => actions.version(node, -1), {disabled: index === 0}),
    el('span', {class: 'version-count'}, `${index + 1} / ${count}`),
    iconButton('right', 'Next version', () => actions.version(node, 1), {disabled: index === count - 1}))];
}

class UserView {
  #node;
  #actions;
  #version;

  constructor(node, actions) {
    this.#node = node;
    this.#actions = actions;
    this.root = el('article', {class: 'message user', 'aria-label': 'You'});
  }

  update({version}) {
    const isSame = this.#version?.index === version.index && this.#version.count === version.count;
    this.#version = version;
    if (!isSame && !this.root.querySelector('form')) this.#showText();
  }

  #showText() {
    const {content, images = []} = this.#node;
    this.root.replaceChildren(...[
      images.length > 0 && imageRow(images, this.#actions.images),
      content && el('div', {class: 'bubble'}, content),
      el('div', {class: 'actions'},
        versionSwitch(this.#node, this.#version, this.#actions),
        iconButton('edit', 'Edit', () => this.edit()),
        content && copyButton(() => content)),
    ].filter(Boolean));
  }

  edit() {
    const area = el('textarea', {'aria-label': 'Your message', rows: 1});
    area.value = this.#node.content;
    const tray = this.#actions.makeTray({onEmpty: () => area.focus()});
    tray.show(this.#node.images ?? []);
    const close = () => {
      tray.discard();
      this.#showText();
      this.root.querySelector('.icon-button[title="Edit"]').focus();
    };
    const save = () => {
      const text = area.value.trim();
      if (tray.isBusy || (!text && !tray.list.length)) return;
      const images = tray.take();
      this.#showText();
      this.#actions.edit(this.#node, text, images);
    };
    area.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      save();
    });
    const form = el('form', {class: 'edit', on: {submit: (event) => { event.preventDefault(); save(); }}}, tray.root, area,
      el('div', {class: 'edit-row'},
        tray.isOpen && iconButton('image', 'Add images', async () => tray.add(await chooseImages())),
        el('span', {class: 'quiet'}, 'What was said before stays as another version.'),
        el('button', {type: 'button', class: 'button', on: {click: close}}, 'Cancel'),
        el('button', {type: 'submit', class: 'button primary'}, 'Send')));
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    });
    takeFilesAt(form, (files) => tray.add(files));
    this.root.replaceChildren(form);
    growArea(area);
    area.addEventListener('input', () => growArea(area));
    area.focus();
  }
}

class AnswerView {
  #node;
  #actions;
  #thinking = el('div', {class: 'prose'});
  #summary = el('span');
  #fold = el('details', {class: 'thinking', hidden: true}, el('summary', {}, icon('right'), this.#summary), this.#thinking);
  #answer = el('div', {class: 'prose'});
  #tools = el('div', {class: 'tools'});
  #waiting = el('p', {class: 'waiting', hidden: true}, el('span', {class: 'for-readers'}, 'Waiting for the first token'), el('i'), el('i'), el('i'));
  #ending = el('p', {class: 'ending', hidden: true});
  #row = el('div', {class: 'actions'});
  #stats = el('span', {class: 'stats'});
  #thinkingView = new MarkdownView(this.#thinking);
  #answerView = new MarkdownView(this.#answer);
  #rowKey = '';

  constructor(node, actions) {
    this.#node = node;
    this.#actions = actions;
    this.root = el('article', {class: 'message answer', 'aria-label': node.model ?? 'Answer'},
      this.#fold, this.#answer, this.#tools, this.#waiting, this.#ending, this.#row);
  }

  update({version, isLast}) {
    const node = this.#node;
    const isOpen = node.finish === undefined;
    const {thinking, answer} = partsOf(node);
    this.root.classList.toggle('is-open', isOpen);
    this.root.classList.toggle('is-last', isLast);
    this.#fold.hidden = !thinking;
    if (thinking) {
      this.#thinkingView.update(thinking);
      this.#summary.textContent = this.#thinkingLabel(answer, isOpen);
      this.#fold.classList.toggle('is-open', isOpen && !answer);
    }
    this.#answerView.update(answer);
    this.#showTools();
    this.#waiting.hidden = !isOpen || Boolean(thinking || answer || node.tools);
    this.#ending.hidden = !(node.finish in kEndings || node.finish === 'error');
    this.#ending.classList.toggle('is-error', node.finish === 'error');
    this.#showEnding();
    this.#showRow(version, isOpen, answer);
  }

  #showEnding() {
    const {finish, error} = this.#node;
    const text = finish === 'error' ? error : kEndings[finish] ?? '';
    if (this.#ending.firstChild?.textContent === text) return;
    this.#ending.replaceChildren(el('span', {}, text));
    if (finish !== 'error') return;
    this.#ending.append(el('button', {type: 'button', class: 'quiet-button', on: {click: () => this.#actions.again(this.#node)}},
      icon('again'), 'Try again'));
  }

  #thinkingLabel(answer, isOpen) {
    const {times = {}} = this.#node;
    if (isOpen && !answer) return `Thinking … ${seconds((times.last ?? 0) - (times.first ?? 0))}`;
    if (answer) this.#node.thinkingMs ??= (times.last ?? 0) - (times.first ?? 0);
    const ms = this.#node.thinkingMs ?? (times.last ?? 0) - (times.first ?? 0);
    return ms > 50 ? `Thought for ${seconds(ms)}` : 'Thought';
  }

  #showTools() {
    const calls = (this.#node.tools ?? []).filter(Boolean);
    const source = JSON.stringify(calls);
    if (this.#tools.dataset.source === source) return;
    this.#tools.dataset.source = source;
    this.#tools.replaceChildren(...calls.map((call) => el('figure', {class: 'code'},
      el('figcaption', {}, el('span', {}, `calls ${call.name}`), copyButton(() => call.arguments, 'Copy the arguments')),
      el('pre', {tabindex: 0}, el('code', {}, call.arguments)))));
  }

  #showRow(version, isOpen, answer) {
    this.#showStats(isOpen);
    const key = `${isOpen} ${version.index} ${version.count} ${Boolean(answer)}`;
    if (key === this.#rowKey) return;
    this.#rowKey = key;
    const node = this.#node;
    this.#row.replaceChildren(...[
      ...(isOpen ? [] : versionSwitch(node, version, this.#actions)),
      !isOpen && answer && copyButton(() => partsOf(node).answer),
      !isOpen && node.finish !== 'error' && iconButton('again', 'Another answer', () => this.#actions.again(node)),
      this.#stats,
    ].filter(Boolean));
  }

  #showStats(isOpen) {
    const {usage, pieces = 0, times = {}} = this.#node;
    const rate = tokenRate(this.#node);
    const count = usage?.completion_tokens ?? pieces;
    const parts = [];
    if (rate !== undefined) parts.push(`${usage ? '' : '≈ '}${rate.toFixed(rate < 10 ? 1 : 0)} tokens/s`);
    if (count) parts.push(`${count.toLocaleString('en')} ${count === 1 ? 'token' : 'tokens'}`);
    if (!isOpen && times.first !== undefined) parts.push(`first after ${(times.first / 1000).toFixed(2)} s`);
    const text = parts.join(' · ');
    if (this.#stats.textContent !== text) this.#stats.textContent = text;
    const cached = usage?.prompt_tokens_details?.cached_tokens;
    this.#stats.title = usage ? `${usage.prompt_tokens} tokens of prompt${cached ? `, ${cached} of them cached` : ''}` : '';
  }
}

// Makes it as high as its text, up to the style sheet's limit.
export function growArea(area) {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
}
