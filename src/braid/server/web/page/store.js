// Keeps conversations and their images in the browser's IndexedDB; where that is forbidden, conversations last as long
// as the page is open. Tells other tabs of each change.

const kDatabase = 'braid';
const kStore = 'conversations';
// {id, conversation, type, bytes}. Apart, because a growing answer is written again and again. Bytes, because Chromium
// keeps the file of a Blob for which there was no room: then not even a text finds room any more.
const kImages = 'images';

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another tab holds an older database'));
  });
}

async function openDatabase() {
  const request = indexedDB.open(kDatabase, 2);
  request.onupgradeneeded = ({oldVersion}) => {
    if (oldVersion < 1) request.result.createObjectStore(kStore, {keyPath: 'id'});
    request.result.createObjectStore(kImages, {keyPath: 'id'}).createIndex('conversation', 'conversation');
  };
  const database = await settled(request);
  database.onversionchange = () => database.close();
  return database;
}

export class Store {
  #database = null;
  #channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('braid') : null;
  #onProblem;

  // onProblem(text): something was not kept, and why. onChange(id): another tab wrote or removed this
  // conversation.
  constructor({onProblem, onChange}) {
    this.#onProblem = onProblem;
    if (this.#channel) this.#channel.onmessage = ({data}) => onChange(data);
  }

  async open() {
    try {
      this.#database = await openDatabase();
    } catch {
      this.#onProblem('This browser keeps nothing for this page: conversations end when it is closed.');
    }
  }

  #read(store) {
    return this.#database.transaction(store, 'readonly').objectStore(store);
  }

  async all() {
    return this.#database ? settled(this.#read(kStore).getAll()) : [];
  }

  // Undefined if it does not exist.
  async get(id) {
    return this.#database ? settled(this.#read(kStore).get(id)) : undefined;
  }

  async put(conversation) {
    await this.#write('this conversation is', (stores) => stores(kStore).put(conversation), conversation.id);
  }

  // With its images.
  async remove(id) {
    await this.#write('this conversation is', (stores) => {
      stores(kStore).delete(id);
      const images = stores(kImages);
      images.index('conversation').getAllKeys(id).onsuccess = ({target}) => target.result.forEach((key) => images.delete(key));
    }, id);
  }

  // A Blob; undefined if it does not exist.
  async image(id) {
    const image = this.#database && (await settled(this.#read(kImages).get(id)));
    return image ? new Blob([image.bytes], {type: image.type}) : undefined;
  }

  // images: [{id, type, bytes}] of this conversation. Returns whether all are kept; if not, none is.
  async putImages(conversation, images) {
    return this.#write('the newest images of this conversation are', (stores) => {
      for (const image of images) stores(kImages).put({...image, conversation});
    }, conversation);
  }

  async #write(subject, change, id) {
    if (!this.#database) return false;
    try {
      const transaction = this.#database.transaction([kStore, kImages], 'readwrite');
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
      change((name) => transaction.objectStore(name));
      await done;
      this.#channel?.postMessage(id);
      return true;
    } catch (error) {
      this.#onProblem(error?.name === 'QuotaExceededError'
        ? `The browser has no more room: ${subject} not kept. Delete some other conversations.`
        : `The browser could not write: ${subject} not kept.`);
      return false;
    }
  }
}
