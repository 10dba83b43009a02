// The two views, and their addresses: #server, #chat, #chat/ID. Back and forward go between them.
import {byId} from './dom.js';

const kViews = ['chat', 'server'];

export class Tabs {
  #shownId;
  #onShow;
  #place = '';

  // shownId(): the shown conversation, or null for a new one. onShow(view, id): show this now.
  constructor({shownId, onShow}) {
    this.#shownId = shownId;
    this.#onShow = onShow;
    for (const view of kViews) {
      const tab = byId(`tab-${view}`);
      tab.addEventListener('click', () => this.go(view));
      tab.addEventListener('keydown', (event) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
        const other = kViews[1 - kViews.indexOf(view)];
        this.go(other);
        byId(`tab-${other}`).focus();
      });
    }
    addEventListener('hashchange', () => this.#follow());
  }

  start() {
    this.#follow();
  }

  get view() {
    return this.#place.startsWith('server') ? 'server' : 'chat';
  }

  // Without an id the chat stays as it was; null: a new conversation.
  go(view, id = this.#shownId()) {
    const place = view === 'chat' && id ? `chat/${id}` : view;
    if (location.hash !== `#${place}`) history.pushState(null, '', `#${place}`);
    this.#follow();
  }

  // Sets the address to what is already shown.
  note(id) {
    const place = id ? `chat/${id}` : 'chat';
    if (this.view !== 'chat' || this.#place === place) return;
    this.#place = place;
    history.replaceState(null, '', `#${place}`);
  }

  #follow() {
    this.#place = location.hash.slice(1);
    const [, id] = this.#place.split('/');
    for (const view of kViews) {
      const isShown = view === this.view;
      byId(view).hidden = !isShown;
      byId(`tab-${view}`).setAttribute('aria-selected', String(isShown));
      byId(`tab-${view}`).tabIndex = isShown ? 0 : -1;
    }
    // The browser removes the focus from a hidden field only in its next frame; until then the field would swallow
    // keys.
    if (document.activeElement?.closest('[role=tabpanel]')?.hidden) document.activeElement.blur();
    this.#onShow(this.view, id ?? null);
  }
}
