// The list of conversations: beside the chat where there is space, over it on a phone.
import {byId, KeptValue} from './dom.js';

export class Sidebar {
  #kept = new KeptValue('local', 'braid.sidebar');
  #button = byId('toggle-sidebar');
  #narrow = matchMedia('(max-width: 900px)');

  // isChatShown(): the list is visible. showChat(): makes it visible.
  constructor({isChatShown, showChat}) {
    this.#button.addEventListener('click', () => {
      const wasSeen = isChatShown();
      if (!wasSeen) showChat();
      this.#set(!wasSeen || !this.#isOpen());
    });
    byId('scrim').addEventListener('click', () => this.closeOverlay());
    this.#narrow.addEventListener('change', () => this.#start());
    this.#start();
  }

  // Returns whether there was something to close.
  closeOverlay() {
    if (!this.#narrow.matches || !this.#isOpen()) return false;
    this.#set(false);
    return true;
  }

  #start() {
    this.#show(!this.#narrow.matches && this.#kept.get() !== 'closed');
  }

  #isOpen() {
    return document.body.classList.contains('has-sidebar');
  }

  #set(isOpen) {
    if (!this.#narrow.matches) this.#kept.set(isOpen ? 'open' : 'closed');
    this.#show(isOpen);
    if (this.#narrow.matches) (isOpen ? byId('new-chat') : this.#button).focus();
  }

  #show(isOpen) {
    document.body.classList.toggle('has-sidebar', isOpen);
    byId('sidebar').inert = !isOpen;
    byId('scrim').hidden = !isOpen || !this.#narrow.matches;
    this.#button.setAttribute('aria-expanded', String(isOpen));
  }
}
