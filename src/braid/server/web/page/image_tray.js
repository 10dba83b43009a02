// The images of a message that is being written: thumbnails, each with a button that removes it.
import {announce, el, iconButton, toast} from './dom.js';
import {thumbnail} from './image_view.js';
import {ImageProblem, prepareImage} from './prepare_image.js';

const kMaxImages = 16;  // of one message
const kMaxNameLength = 100;

export class ImageTray {
  root = el('ul', {class: 'tray', 'aria-label': 'Images of the message', hidden: true});
  #images;
  #refusal;
  #onChange;
  #onEmpty;
  #items = [];  // {node, image: as in a message; null while it is prepared, isNew}

  // images: an Images. refusal(): why none can be added now, or ''. onEmpty(): the last one was removed, and so was the
  // focus.
  constructor({images, refusal, onChange = () => {}, onEmpty}) {
    this.#images = images;
    this.#refusal = refusal;
    this.#onChange = onChange;
    this.#onEmpty = onEmpty;
  }

  // [{id, name, type, width, height}]
  get list() {
    return this.#items.map(({image}) => image).filter(Boolean);
  }

  // Whether images can be added now.
  get isOpen() {
    return this.#refusal() === '';
  }

  get isBusy() {
    return this.#items.some(({image}) => image === null);
  }

  // Images that a message has already.
  show(list) {
    for (const image of list) this.#fill(this.#insert(), image, false);
  }

  async add(files) {
    const refusal = this.#refusal();
    if (refusal) return void toast(refusal);
    const numFree = kMaxImages - this.#items.length;
    if (files.length > numFree) toast(`A message has at most ${kMaxImages} images.`);
    const taken = files.slice(0, numFree).map((file) => ({file, item: this.#insert()}));
    // One after the other: a decoded photograph takes a lot of memory.
    for (const {file, item} of taken) await this.#prepare(file, item);
  }

  // Returns the list. The tray is empty afterwards.
  take() {
    const {list} = this;
    this.#clear();
    return list;
  }

  // Forgets what was added here.
  discard() {
    for (const {image, isNew} of this.#items) if (image && isNew) this.#images.drop(image.id);
    this.#clear();
  }

  #clear() {
    this.#items = [];
    this.root.replaceChildren();
    this.#changed();
  }

  #insert() {
    const item = {node: el('li', {class: 'is-preparing', 'aria-busy': 'true'}), image: null, isNew: true};
    this.#items.push(item);
    this.root.append(item.node);
    this.#changed();
    return item;
  }

  async #prepare(file, item) {
    const name = (file.name || 'image').slice(0, kMaxNameLength);
    let prepared;
    try {
      prepared = await prepareImage(file);
    } catch (error) {
      this.#remove(item);
      if (!(error instanceof ImageProblem)) throw error;
      toast(`${name} ${error.message}.`);
      return;
    }
    if (!this.#items.includes(item)) return;  // meanwhile discarded
    const {blob, width, height} = prepared;
    this.#fill(item, {id: this.#images.add(blob), name, type: blob.type, width, height}, true);
    announce(`${name} added`);
  }

  #fill(item, image, isNew) {
    Object.assign(item, {image, isNew});
    item.node.classList.remove('is-preparing');
    item.node.removeAttribute('aria-busy');
    item.node.append(
      thumbnail(image, {images: this.#images, list: () => this.list}),
      iconButton('close', `Remove ${image.name}`, () => this.#removeAndFocus(item)));
    this.#changed();
  }

  #removeAndFocus(item) {
    const index = this.#items.indexOf(item);
    if (item.isNew) this.#images.drop(item.image.id);
    this.#remove(item);
    announce(`${item.image.name} removed`);
    const next = this.#items[index] ?? this.#items[index - 1];
    if (next) next.node.querySelector('.icon-button')?.focus();
    else this.#onEmpty();
  }

  #remove(item) {
    this.#items = this.#items.filter((one) => one !== item);
    item.node.remove();
    this.#changed();
  }

  #changed() {
    this.root.hidden = this.#items.length === 0;
    this.#onChange();
  }
}
