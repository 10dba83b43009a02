// The field for messages with its images, and its button: send, or stop while an answer streams.
import {byId, KeptValue} from './dom.js';
import {chooseImages} from './image_sources.js';
import {growArea} from './message_view.js';

export class Composer {
  #area = byId('prompt');
  #button = byId('send');
  #draft = new KeptValue('session', 'braid.draft');  // survives a reload
  #isRunning = false;
  #actions;
  #tray;

  // actions: {send(text, images), stop(), editLast()}. makeTray(options): an ImageTray.
  constructor(actions, makeTray) {
    this.#actions = actions;
    this.#tray = makeTray({onChange: () => this.#changed(), onEmpty: () => this.focus()});
    byId('composer').prepend(this.#tray.root);
    byId('add-images').addEventListener('click', () => this.chooseImages());
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#isRunning) actions.stop();
      else this.#send();
    });
    this.#area.addEventListener('input', () => this.#changed());
    this.#area.addEventListener('keydown', (event) => this.#key(event));
    // A click beside the text is meant for the text.
    byId('composer').addEventListener('click', (event) => {
      if (!event.target.closest('button, textarea, select, input')) this.#area.focus();
    });
    this.text = this.#draft.get() ?? '';
  }

  focus() {
    this.#area.focus({preventScroll: true});
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    this.#area.value = text;
    this.#changed();
  }

  addImages(files) {
    this.#tray.add(files);
    this.focus();
  }

  async chooseImages() {
    this.addImages(await chooseImages());
  }

  // Whether the model takes images.
  setTakesImages(takesImages) {
    byId('add-images').hidden = !takesImages;
  }

  setRunning(isRunning) {
    this.#isRunning = isRunning;
    this.#changed();
  }

  #key(event) {
    if (event.key === 'ArrowUp' && this.#area.value === '' && !event.altKey) {
      if (this.#actions.editLast()) event.preventDefault();
    }
    if (event.key === 'PageUp' || event.key === 'PageDown') {
      event.preventDefault();
      const scroller = byId('scroller');
      scroller.scrollBy({top: (event.key === 'PageUp' ? -0.9 : 0.9) * scroller.clientHeight});
    }
    // On a phone Enter starts a new line, because there is no Shift; the button sends.
    const hasKeyboard = !matchMedia('(pointer: coarse)').matches;
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !hasKeyboard) return;
    event.preventDefault();
    if (!this.#isRunning) this.#send();
  }

  #send() {
    if (!this.#isComplete()) return;
    const text = this.#area.value.trim();
    const images = this.#tray.take();
    this.text = '';
    this.#actions.send(text, images);
  }

  #isComplete() {
    return !this.#tray.isBusy && (this.#area.value.trim() !== '' || this.#tray.list.length > 0);
  }

  #changed() {
    growArea(this.#area);
    this.#draft.set(this.#area.value || null);
    const isRunning = this.#isRunning;
    this.#button.disabled = !isRunning && !this.#isComplete();
    this.#button.classList.toggle('is-stop', isRunning);
    this.#button.title = isRunning ? 'Stop (Esc)' : 'Send (Enter)';
    byId('send-label').textContent = isRunning ? 'Stop' : 'Send';
    byId('send-icon').setAttribute('href', isRunning ? '#i-stop' : '#i-send');
  }
}
