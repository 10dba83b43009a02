// All conversations that the browser keeps, and their list in the sidebar.
import {byId, el, iconButton, toast} from './dom.js';
import {closeOpenAnswers, imagesIn, newConversation, titleOf, toMarkdown} from './conversation.js';
import {Images} from './images.js';
import {Store} from './store.js';

const kDay = 24 * 60 * 60 * 1000;
const kSaveMs = 1000;  // between two writes of an answer that streams
const kUndoMs = 60_000;  // a removed conversation's images stay in memory as long

export class Library {
  #conversations = new Map();
  #shownId = null;
  #timers = new Map();
  #store;
  #isRunning;
  #onOpen;
  #onForeign;
  #onRemoved;
  #removed = new WeakSet();  // an answer that still streams must not bring them back

  // isRunning(id): an answer to it streams in this tab. onOpen(conversation): show it. onForeign(id): another tab
  // changed it. onRemoved(id): it was deleted.
  constructor({isRunning, onOpen, onForeign, onRemoved}) {
    this.#isRunning = isRunning;
    this.#onOpen = onOpen;
    this.#onForeign = onForeign;
    this.#onRemoved = onRemoved;
    this.#store = new Store({
      onProblem: (text) => {
        byId('storage-note').textContent = text;
        byId('storage-note').hidden = false;
      },
      onChange: (id) => this.#reload(id),
    });
    this.images = new Images(this.#store);
  }

  async load() {
    await this.#store.open();
    for (const conversation of await this.#store.all()) {
      closeOpenAnswers(conversation);
      this.#conversations.set(conversation.id, conversation);
    }
    this.draw();
  }

  get(id) {
    return this.#conversations.get(id);
  }

  // A new conversation, kept as soon as it has a message.
  create() {
    return newConversation();
  }

  show(id) {
    this.#shownId = id;
    this.draw();
  }

  // Writes soon: many changes a second become one write.
  changed(conversation) {
    if (this.#removed.has(conversation)) return;
    const isNew = !this.#conversations.has(conversation.id);
    this.#conversations.set(conversation.id, conversation);
    if (isNew) this.draw();
    if (this.#timers.has(conversation.id)) return;
    this.#timers.set(conversation.id, setTimeout(() => this.save(conversation), kSaveMs));
  }

  async save(conversation) {
    if (this.#removed.has(conversation)) return;
    clearTimeout(this.#timers.get(conversation.id));
    this.#timers.delete(conversation.id);
    this.#conversations.set(conversation.id, conversation);
    this.draw();
    await Promise.all([this.images.keep(conversation), this.#store.put(conversation)]);
  }

  saveAll() {
    for (const id of [...this.#timers.keys()]) this.save(this.#conversations.get(id));
  }

  async #reload(id) {
    if (this.#isRunning(id)) return;
    const conversation = await this.#store.get(id);
    if (conversation) this.#conversations.set(id, conversation);
    else this.#conversations.delete(id);
    this.draw();
    this.#onForeign(id);
  }

  draw() {
    const list = [...this.#conversations.values()].sort((a, b) => b.updated - a.updated);
    const groups = new Map();
    for (const conversation of list) {
      const name = dayOf(conversation.updated);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(conversation);
    }
    const root = byId('conversations');
    const items = () => [...root.querySelectorAll('li')];
    const focused = items().findIndex((item) => item.contains(document.activeElement));
    const {title} = document.activeElement;
    root.replaceChildren(...[...groups].map(([name, members]) =>
      el('section', {}, el('h2', {}, name), el('ul', {}, members.map((one) => this.#item(one))))));
    if (focused < 0) return;
    const same = items().flatMap((item) => [...item.querySelectorAll('button')]).find((button) => button.title === title);
    (same ?? items()[Math.min(focused, items().length - 1)]?.querySelector('button') ?? byId('new-chat')).focus();
  }

  #item(conversation) {
    const isShown = conversation.id === this.#shownId;
    const open = el('button', {type: 'button', class: 'conversation', title: conversation.title, 'aria-current': isShown ? 'true' : undefined,
      on: {click: () => this.#onOpen(conversation)}}, conversation.title || 'Untitled');
    const item = el('li', {'data-id': conversation.id,
      class: `${isShown ? 'is-shown' : ''}${this.#isRunning(conversation.id) ? ' is-running' : ''}`}, open,
      el('span', {class: 'item-actions'},
        iconButton('edit', `Rename “${conversation.title}”`, () => this.#rename(conversation, item)),
        iconButton('save', `Save “${conversation.title}” as a file`, () => this.#download(conversation)),
        iconButton('bin', `Delete “${conversation.title}”`, () => this.remove(conversation))));
    return item;
  }

  #rename(conversation, item) {
    const input = el('input', {type: 'text', class: 'rename', 'aria-label': 'Name of the conversation', maxlength: 200});
    input.value = conversation.title;
    let isDone = false;
    const finish = (isKept) => {
      if (isDone) return;
      isDone = true;
      const title = titleOf(input.value);
      if (isKept && title) conversation.title = title;
      this.save(conversation);
    };
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === 'Escape') {
        event.stopPropagation();
        finish(event.key === 'Enter');
      }
    });
    input.addEventListener('blur', () => finish(true));
    item.replaceChildren(input);
    input.select();
  }

  async remove(conversation) {
    clearTimeout(this.#timers.get(conversation.id));
    this.#timers.delete(conversation.id);
    this.#conversations.delete(conversation.id);
    this.#removed.add(conversation);
    this.draw();
    this.#onRemoved(conversation.id);
    await this.images.copyToMemory(conversation);
    await this.#store.remove(conversation.id);
    this.images.roomWasMade();
    toast('Conversation deleted.', {label: 'Undo', run: () => {
      this.#removed.delete(conversation);
      this.save(conversation);
      this.#onOpen(conversation);
    }});
    setTimeout(() => {
      if (this.#removed.has(conversation)) this.images.dropAll(conversation);
    }, kUndoMs);
  }

  async #download(conversation) {
    const images = await this.images.dataUrls(imagesIn(conversation).map(({id}) => id));
    download(conversation.title, toMarkdown(conversation, images));
  }
}

function dayOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return 'Today';
  if (time >= midnight - kDay) return 'Yesterday';
  if (time >= midnight - 7 * kDay) return 'This week';
  return new Date(time).toLocaleDateString(undefined, {month: 'long', year: 'numeric'});
}

function download(title, text) {
  const address = URL.createObjectURL(new Blob([text], {type: 'text/markdown'}));
  const name = title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || 'conversation';
  const link = el('a', {href: address, class: 'for-readers'});
  link.download = `${name}.md`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
