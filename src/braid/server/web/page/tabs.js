// The two views and the address of what is shown: #server, #chat, #chat/ID. Back and forward go between them.
import {byId} from './dom.js';

const kViews = ['chat', 'server'];

export class Tabs {
  #shownId;
  #onShow;
  #place = '';

  // shownId(): the conversation that is shown, or null for a new one. onShow(view, id): what is to be shown now.
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

  // The chat as it was left, if no id is given; null: a new conversation.
  go(view, id = this.#shownId()) {
    const place = view === 'chat' && id ? `chat/${id}` : view;
    if (location.hash !== `#${place}`) history.pushState(null, '', `#${place}`);
    this.#follow();
  }

  // The address says what is shown already.
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
    // The browser lets go of a hidden field with its next frame only; until then it would swallow keys.
    if (document.activeElement?.closest('[role=tabpanel]')?.hidden) document.activeElement.blur();
    this.#onShow(this.view, id ?? null);
  }
}
