// The server's models, and whether the server answers at all.
import {byId, el} from './dom.js';

const kRetryMs = 2000;

export class Models {
  #api;
  #list = [];
  #name = '';
  #info = null;  // as Api.modelInfo()
  #timer = 0;
  #onChange;

  constructor(api, {onChange}) {
    this.#api = api;
    this.#onChange = onChange;
    byId('model').addEventListener('change', () => {
      this.#name = byId('model').value;
      this.#show();
    });
  }

  // {id, contextLength}; the server's default model until it has answered.
  get chosen() {
    const model = this.#list.find(({id}) => id === this.#name);
    return {id: model?.id, contextLength: model?.max_model_len};
  }

  // {parameter: value} of the sampling parameters whose defaults are not the usual ones; null if the server does not tell.
  get samplingDefaults() {
    return this.#info && (this.#info.preferred_sampling_params ?? {});
  }

  get takesImages() {
    return this.#info?.takes_images === true;
  }

  // Asks until there is an answer: at the start, and after a failure, when the server may be another one. isQuiet: does
  // not ask for a key.
  async start({isQuiet = false} = {}) {
    clearTimeout(this.#timer);
    try {
      this.#list = await this.#api.models({isQuiet});
      if (!this.#list.some(({id}) => id === this.#name)) this.#name = this.#list[0]?.id ?? '';
      this.#info = await this.#api.modelInfo();
      this.#banner('');
    } catch (error) {
      this.#banner(bannerText(error));
      const waitMs = (error.retryAfter ?? 0) * 1000 || kRetryMs;
      if (error.status !== 401) this.#timer = setTimeout(() => this.start({isQuiet}), waitMs);
    }
    this.#show();
  }

  #banner(text) {
    const banner = byId('banner');
    banner.textContent = text;
    banner.hidden = !text;
  }

  #show() {
    const {id, contextLength} = this.chosen;
    const isChoice = this.#list.length > 1;
    const select = byId('model');
    select.hidden = !isChoice;
    byId('model-name').hidden = isChoice;
    if (select.options.length !== this.#list.length) select.replaceChildren(...this.#list.map((model) => el('option', {value: model.id}, model.id)));
    byId('model-name').textContent = id ?? '';
    byId('model-choice').title = id ?? '';
    document.title = id ? `${id} · braid` : 'braid';
    const context = contextLength ? ` It reads up to ${contextLength.toLocaleString('en')} tokens at once.` : '';
    this.#onChange();
    byId('welcome-model').replaceChildren(...(id ? ['You are talking with ', el('span', {class: 'name'}, id), `.${context}`] : []));
  }
}

function bannerText(error) {
  if (error.status === 0) return 'The server cannot be reached. Trying again …';
  if (error.status === 401) return 'This server wants an API key: send a message to be asked again.';
  if (error.status === 503 && error.code === 'model_loading') return 'The model is being loaded …';
  return error.message;
}
