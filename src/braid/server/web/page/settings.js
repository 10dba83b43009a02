// The settings sheet: keeps its texts in the browser, and shows beside a field what is allowed.
import {byId, el, KeptValue} from './dom.js';
import {kFields, parametersOf, problemOf, summaryOf} from './settings_fields.js';

export class Settings {
  #kept = new KeptValue('local', 'braid.settings');
  #texts = {};
  #defaults = null;  // as Models.samplingDefaults
  #rows = new Map();
  #dialog = byId('settings');

  constructor() {
    try {
      const kept = JSON.parse(this.#kept.get() ?? '{}');
      for (const {name} of kFields) if (typeof kept[name] === 'string') this.#texts[name] = kept[name];
    } catch {
      // not written by us: the defaults apply
    }
    for (const field of kFields) byId('settings-fields').append(this.#row(field));
    byId('open-settings').addEventListener('click', () => this.open());
    byId('reset-settings').addEventListener('click', () => this.#reset());
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#changed();
  }

  open() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  // What an empty field stands for.
  showDefaults(defaults) {
    this.#defaults = defaults;
    for (const field of kFields) this.#show(field);
  }

  get system() {
    return (this.#texts.system ?? '').trim();
  }

  parameters() {
    return parametersOf(this.#texts);
  }

  #row(field) {
    const id = `setting-${field.name}`;
    const shared = {id, name: field.name, 'aria-describedby': `${id}-hint`};
    let input;
    if (field.kind === 'choice') {
      input = el('select', shared, field.options.map(([value, label]) => el('option', {value}, label)));
    } else if (field.kind === 'text') {
      input = el('textarea', {...shared, rows: field.rows, class: field.isCode ? 'is-code' : undefined, spellcheck: field.isCode ? 'false' : undefined});
    } else {
      input = el('input', {...shared, type: 'text', inputmode: field.least < 0 ? 'text' : 'decimal', autocomplete: 'off'});
    }
    const slider = field.slides && el('input', {type: 'range', min: field.least, max: field.most, step: field.step,
      tabindex: -1, 'aria-label': field.label, on: {input: () => this.#set(field, String(Number(slider.value)))}});
    input.addEventListener('input', () => this.#set(field, input.value));
    const problem = el('p', {class: 'problem', role: 'alert', hidden: true});
    this.#rows.set(field, {input, slider, problem});
    this.#show(field);
    return el('div', {class: `field ${field.kind}`},
      el('label', {class: 'field-label', for: id}, field.label, field.unit && el('span', {class: 'quiet'}, ` ${field.unit}`)),
      slider, input, el('p', {class: 'field-hint', id: `${id}-hint`}, field.hint), problem);
  }

  #set(field, text) {
    this.#texts[field.name] = text;
    this.#show(field);
    this.#changed();
  }

  #show(field) {
    const {input, slider, problem} = this.#rows.get(field);
    const text = this.#texts[field.name] ?? '';
    if (input.value !== text) input.value = text;
    const neutral = this.#defaults?.[field.name] ?? field.neutral;
    if (field.kind === 'number') input.placeholder = this.#defaults && neutral !== undefined ? neutral : 'default';
    const wrong = problemOf(field, text);
    problem.hidden = !wrong;
    problem.textContent = wrong && `Not sent: must be ${wrong}.`;
    input.setAttribute('aria-invalid', String(Boolean(wrong)));
    if (!slider) return;
    slider.classList.toggle('is-unset', text.trim() === '');
    slider.value = text.trim() === '' || wrong ? neutral : text;
    const {least, most} = field;
    slider.style.setProperty('--filled', `${((Number(slider.value) - least) / (most - least)) * 100}%`);
  }

  #reset() {
    this.#texts = {};
    for (const field of kFields) this.#show(field);
    this.#changed();
  }

  #changed() {
    this.#kept.set(JSON.stringify(this.#texts));
    byId('settings-summary').textContent = summaryOf(this.#texts);
  }
}
