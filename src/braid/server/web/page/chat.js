// The chat: which conversation is shown, and its actions: send, stop, another answer, edit.
import {addMessage, imagesUpTo, lastOf, partsOf, pathOf, requestMessages, showVersion, versionOf} from './conversation.js';
import {announce, byId, el, toast} from './dom.js';
import {generateInto} from './generation.js';
import {makeMessageView} from './message_view.js';

const kNearEnd = 32;  // px from the end; within this distance the view follows new text
const kSuggestions = ['Explain what a mutex is, with an example', 'Write a short poem about the sea', 'Give me three ideas for a rainy day'];

export class Chat {
  #api;
  #settings;
  #model;      // () => {id, contextLength}
  #library;
  #composer;
  #makeTray;   // as for Composer
  #onSaid;
  #onFailed;
  #running = new Map();  // conversation id -> {stop: AbortController, node}
  #shown;
  #views = new Map();    // node id -> view
  #follows = true;
  #frame = 0;
  #nextDraw = 0;

  // onSaid(id): the shown conversation should be kept. onFailed(): the server sent no answer, or an error.
  constructor({api, settings, model, library, composer, makeTray, onSaid, onFailed}) {
    this.#api = api;
    this.#settings = settings;
    this.#model = model;
    this.#library = library;
    this.#composer = composer;
    this.#makeTray = makeTray;
    this.#onSaid = onSaid;
    this.#onFailed = onFailed;
    this.#shown = library.create();
    const scroller = byId('scroller');
    scroller.addEventListener('scroll', () => this.#scrolled(), {passive: true});
    new ResizeObserver(() => this.#follow()).observe(byId('messages'));
    new ResizeObserver(() => this.#follow()).observe(scroller);
    new ResizeObserver(([{target}]) => document.documentElement.style.setProperty('--dock-height', `${target.offsetHeight}px`))
      .observe(byId('composer').parentElement);  // toasts are shown above it
    byId('to-latest').addEventListener('click', () => {
      this.#follows = true;
      this.#follow();
      composer.focus();
    });
    byId('suggestions').append(...kSuggestions.map((text) =>
      el('li', {}, el('button', {type: 'button', on: {click: () => this.send(text)}}, text))));
    this.#draw();
  }

  get shownId() {
    return this.#library.get(this.#shown.id) ? this.#shown.id : null;
  }

  isRunning(id) {
    return this.#running.has(id);
  }

  // Without a conversation: a new one.
  show(conversation) {
    if (conversation ? conversation === this.#shown : pathOf(this.#shown).length === 0) return;
    this.#shown = conversation ?? this.#library.create();
    this.#follows = true;
    this.#views.clear();
    byId('messages').replaceChildren();
    this.#library.show(this.#shown.id);
    this.#draw();
  }

  // The user chose another model, or the first one became known.
  modelChanged() {
    this.#showContextUse(pathOf(this.#shown));
  }

  // Another tab changed this conversation.
  refresh(id) {
    if (id === this.#shown.id && !this.isRunning(id)) this.show(this.#library.get(id));
  }

  // It was deleted here.
  forget(id) {
    this.#running.get(id)?.stop.abort();
    if (id === this.#shown.id) this.show(undefined);
    this.#onSaid(this.shownId);
  }

  send(text, images = []) {
    this.#say(lastOf(this.#shown), text, images);
  }

  #say(parent, text, images) {
    const conversation = this.#shown;
    if (this.isRunning(conversation.id)) return;
    this.#answer(conversation, addMessage(conversation, parent, {role: 'user', content: text, ...(images.length && {images})}));
  }

  stop() {
    this.#running.get(this.#shown.id)?.stop.abort();
  }

  // Another answer to the message to which `node`, or the last answer, belongs.
  again(node) {
    if (this.isRunning(this.#shown.id)) return;
    const answer = node ?? pathOf(this.#shown).findLast((one) => one.role === 'assistant');
    if (answer) this.#answer(this.#shown, this.#shown.nodes[answer.parent]);
  }

  editLast() {
    if (this.isRunning(this.#shown.id)) return false;
    const node = pathOf(this.#shown).findLast((one) => one.role === 'user');
    if (!node) return false;
    this.#views.get(node.id).edit();
    return true;
  }

  async #answer(conversation, message) {
    const stop = new AbortController();
    const {id: model} = this.#model();
    const body = {...this.#settings.parameters(), model};
    const {system} = this.#settings;
    const node = addMessage(conversation, message, {role: 'assistant', content: '', model});
    this.#running.set(conversation.id, {stop, node});
    this.#library.save(conversation);
    this.#library.show(this.#shown.id);
    this.#onSaid(conversation.id);
    this.#follows = true;
    this.#draw();
    announce('Answering');
    body.messages = requestMessages(conversation, message, system, await this.#imageUrls(conversation, message));
    await generateInto(node, {api: this.#api, body, signal: stop.signal, onChange: () => {
      this.#library.changed(conversation);
      if (conversation === this.#shown) this.#drawSoon(node);
    }});
    this.#running.delete(conversation.id);
    if (conversation === this.#shown) {
      this.#draw();
      announce(node.finish === 'error' ? node.error : partsOf(node).answer.slice(0, 2000));
    }
    await this.#library.save(conversation);
    if (node.finish === 'error') this.#onFailed();
  }

  async #imageUrls(conversation, message) {
    const ids = imagesUpTo(conversation, message).map(({id}) => id);
    const urls = await this.#library.images.dataUrls(ids);
    const numLost = ids.filter((id) => !urls.has(id)).length;
    if (numLost) toast(`Sent without ${numLost === 1 ? 'an image' : `${numLost} images`} of this conversation, which this browser no longer has.`);
    return urls;
  }

  // Draws streamed text: at most once a frame, and in at most a quarter of the time.
  #drawSoon(node) {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      if (now < this.#nextDraw) return this.#drawSoon(node);
      const before = performance.now();
      this.#views.get(node.id)?.update({version: versionOf(this.#shown, node), isLast: true});
      this.#follow();
      this.#nextDraw = before + 4 * (performance.now() - before);
      return undefined;
    });
  }

  #draw() {
    const path = pathOf(this.#shown);
    const root = byId('messages');
    const isRunning = this.isRunning(this.#shown.id);
    const wanted = new Set(path.map((node) => node.id));
    for (const [id, view] of this.#views) {
      if (wanted.has(id)) continue;
      view.root.remove();
      this.#views.delete(id);
    }
    path.forEach((node, index) => {
      let view = this.#views.get(node.id);
      if (!view) {
        view = makeMessageView(node, {
          edit: (one, text, images) => this.#say(this.#shown.nodes[one.parent], text, images),
          again: (one) => this.again(one),
          version: (one, step) => this.#showVersion(one, step),
          makeTray: this.#makeTray,
          images: this.#library.images,
        });
        this.#views.set(node.id, view);
      }
      if (root.children[index] !== view.root) root.insertBefore(view.root, root.children[index] ?? null);
      view.update({version: versionOf(this.#shown, node), isLast: index === path.length - 1});
    });
    byId('welcome').hidden = path.length > 0;
    document.body.classList.toggle('is-answering', isRunning);
    this.#composer.setRunning(isRunning);
    this.#showContextUse(path);
    this.#follow();
  }

  #showVersion(node, step) {
    if (this.isRunning(this.#shown.id)) return;
    showVersion(this.#shown, node, step);
    this.#library.changed(this.#shown);
    this.#follows = false;
    this.#draw();
    const shown = pathOf(this.#shown).find((one) => one.parent === node.parent);
    this.#views.get(shown.id).root.querySelector('.versions .icon-button:not([disabled])')?.focus();
  }

  #showContextUse(path) {
    const usage = path.findLast((node) => node.usage)?.usage;
    const {contextLength} = this.#model();
    const used = usage && usage.prompt_tokens + usage.completion_tokens;
    byId('context-use').textContent = used && contextLength ? `${used.toLocaleString('en')} of ${contextLength.toLocaleString('en')} tokens` : '';
  }

  #scrolled() {
    const {scrollHeight, scrollTop, clientHeight} = byId('scroller');
    this.#follows = scrollHeight - scrollTop - clientHeight < kNearEnd;
    byId('to-latest').hidden = this.#follows;
  }

  #follow() {
    const scroller = byId('scroller');
    if (this.#follows) scroller.scrollTop = scroller.scrollHeight;
    this.#scrolled();
  }
}
