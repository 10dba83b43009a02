// The bytes of messages' images, by id. Those of kept conversations lie in the browser's store; in memory are those that
// are not sent yet, and those for which the store had no room. No DOM.
import {imagesIn} from './conversation.js';
import {randomId} from './dom.js';

export class Images {
  #store;
  #inMemory = new Map();   // id -> Blob
  #refused = new Set();    // ids for which the store had no room; not tried again before there is some
  #addresses = new Map();  // id -> promise of an address within this page

  constructor(store) {
    this.#store = store;
  }

  // Returns its id.
  add(blob) {
    const id = randomId();
    this.#inMemory.set(id, blob);
    return id;
  }

  drop(id) {
    this.#inMemory.delete(id);
    this.#addresses.get(id)?.then((address) => address && URL.revokeObjectURL(address));
    this.#addresses.delete(id);
  }

  // A promise of what an <img> can show; undefined if the image is not kept.
  address(id) {
    if (!this.#addresses.has(id)) this.#addresses.set(id, this.#makeAddress(id));
    return this.#addresses.get(id);
  }

  async #makeAddress(id) {
    const blob = await this.#blob(id);
    if (blob) return URL.createObjectURL(blob);
    this.#addresses.delete(id);  // another tab may be about to write it
    return undefined;
  }

  // id -> data URL, of those that are kept.
  async dataUrls(ids) {
    const urls = new Map();
    for (const id of ids) {
      const url = await dataUrl(await this.#blob(id));
      if (url) urls.set(id, url);
    }
    return urls;
  }

  // Writes those of a conversation that are not in the store yet.
  async keep(conversation) {
    const ids = imagesIn(conversation).map(({id}) => id).filter((id) => this.#inMemory.has(id) && !this.#refused.has(id));
    if (!ids.length) return;
    const images = await Promise.all(ids.map(async (id) => {
      const blob = this.#inMemory.get(id);
      return {id, type: blob.type, bytes: await blob.arrayBuffer()};
    }));
    const isKept = await this.#store.putImages(conversation.id, images);
    for (const id of ids) {
      if (isKept) this.#inMemory.delete(id);
      else this.#refused.add(id);
    }
  }

  // Something was removed from the store.
  roomWasMade() {
    this.#refused.clear();
  }

  // Before a conversation is removed from the store, so that keep() can bring its images back.
  async copyToMemory(conversation) {
    for (const {id} of imagesIn(conversation)) {
      const blob = await this.#blob(id);
      if (blob) this.#inMemory.set(id, blob);
    }
  }

  dropAll(conversation) {
    for (const {id} of imagesIn(conversation)) this.drop(id);
  }

  async #blob(id) {
    return this.#inMemory.get(id) ?? (await this.#store.image(id));
  }
}

// Undefined if there is none, or if the browser has lost it.
function dataUrl(blob) {
  if (!blob) return undefined;
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve(undefined);
    reader.readAsDataURL(blob);
  });
}
