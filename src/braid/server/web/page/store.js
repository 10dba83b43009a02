// Keeps conversations in the browser's IndexedDB; where that is forbidden, as long as the page is open. Tells other
// tabs of each change.

const kDatabase = 'braid';
const kStore = 'conversations';

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another tab holds an older database'));
  });
}

async function openDatabase() {
  const request = indexedDB.open(kDatabase, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(kStore, {keyPath: 'id'});
  const database = await settled(request);
  database.onversionchange = () => database.close();
  return database;
}

export class Store {
  #database = null;
  #channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('braid') : null;
  #onProblem;

  // onProblem(text): a conversation was not kept, and why. onChange(id): another tab wrote or removed this
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

  #objects(mode) {
    return this.#database.transaction(kStore, mode).objectStore(kStore);
  }

  async all() {
    return this.#database ? settled(this.#objects('readonly').getAll()) : [];
  }

  // Undefined if it does not exist.
  async get(id) {
    return this.#database ? settled(this.#objects('readonly').get(id)) : undefined;
  }

  async put(conversation) {
    await this.#write((objects) => objects.put(conversation), conversation.id);
  }

  async remove(id) {
    await this.#write((objects) => objects.delete(id), id);
  }

  async #write(change, id) {
    if (!this.#database) return;
    try {
      const objects = this.#objects('readwrite');
      const done = new Promise((resolve, reject) => {
        objects.transaction.oncomplete = resolve;
        objects.transaction.onabort = () => reject(objects.transaction.error);
      });
      change(objects);
      await done;
      this.#channel?.postMessage(id);
    } catch (error) {
      this.#onProblem(error?.name === 'QuotaExceededError'
        ? 'The browser has no more room: this conversation is not kept. Delete some others.'
        : 'The browser could not keep this conversation.');
    }
  }
}
