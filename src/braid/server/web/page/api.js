// The server's API as functions: the key, errors as ApiError, a chat's stream as events. Knows nothing of the page;
// `askForKey` is passed in.
import {readEvents} from './sse.js';

export class ApiError extends Error {
  constructor(message, {status = 0, code = null, retryAfter = null} = {}) {
    super(message);
    this.status = status;  // 0: no answer came
    this.code = code;
    this.retryAfter = retryAfter;  // seconds
  }
}

async function errorOf(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // not JSON: a proxy's page, perhaps
  }
  if (typeof error === 'string') error = {message: error};
  const after = Number(response.headers.get('Retry-After'));
  return new ApiError(error.message || `The server answered ${response.status} ${response.statusText}`.trim(),
    {status: response.status, code: error.code ?? null, retryAfter: after > 0 ? after : null});
}

export class Api {
  #key;
  #askForKey;
  #asking = null;

  // key: a KeptValue. askForKey({isWrong}): a promise of a key, or of null.
  constructor(key, askForKey) {
    this.#key = key;
    this.#askForKey = askForKey;
  }

  // isQuiet: does not ask for a key.
  async fetch(path, {isQuiet = false, ...options} = {}) {
    for (;;) {
      const key = this.#key.get();
      const response = await this.#send(path, options, key);
      if (response.status !== 401) {
        if (!response.ok) throw await errorOf(response);
        return response;
      }
      if (isQuiet) throw await errorOf(response);
      if (key === this.#key.get() && (await this.#ask(key !== null)) === null) throw await errorOf(response);
    }
  }

  async #send(path, options, key) {
    const headers = {...options.headers};
    if (key !== null) headers.Authorization = `Bearer ${key}`;
    try {
      return await fetch(new URL(path, document.baseURI), {cache: 'no-store', credentials: 'same-origin', ...options, headers});
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError('The server cannot be reached.');
    }
  }

  // However many requests need a key, the user is asked once.
  #ask(isWrong) {
    this.#asking ??= this.#askForKey({isWrong}).then((key) => {
      if (key !== null) this.#key.set(key);
      return key;
    }).finally(() => { this.#asking = null; });
    return this.#asking;
  }

  async json(path, options) {
    const response = await this.fetch(path, options);
    try {
      return await response.json();
    } catch {
      throw new ApiError(`${path} did not answer with JSON`, {status: response.status});
    }
  }

  async text(path, options) {
    return (await this.fetch(path, options)).text();
  }

  // [{id, max_model_len}]
  async models(options) {
    return (await this.json('v1/models', options)).data ?? [];
  }

  // {preferred_sampling_params, takes_images, …}; null if the server does not tell.
  async modelInfo() {
    try {
      return await this.json('get_model_info', {isQuiet: true});
    } catch {
      return null;
    }
  }

  // Yields {kind: 'content' | 'thinking', text}, {kind: 'tool', call}, {kind: 'finish', reason}, {kind: 'usage', usage}.
  async* chat(body, signal) {
    const response = await this.fetch('v1/chat/completions', {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({...body, stream: true, stream_options: {include_usage: true}}),
      signal,
    });
    let isFinished = false;
    try {
      for await (const data of readEvents(response.body)) {
        if (data === '[DONE]') return;
        for (const event of eventsOf(JSON.parse(data))) {
          isFinished ||= event.kind === 'finish';
          yield event;
        }
      }
    } catch (error) {
      if (error.name === 'AbortError' || error instanceof ApiError) throw error;
      throw new ApiError(error instanceof SyntaxError ? 'The server sent an event that is not JSON.' : 'The connection broke off.');
    }
    if (!isFinished) throw new ApiError('The answer broke off: the server closed the connection.');
  }
}

function* eventsOf(chunk) {
  if (chunk.error) {
    const {message, code} = typeof chunk.error === 'string' ? {message: chunk.error} : chunk.error;
    throw new ApiError(message || 'The server failed.', {status: 500, code});
  }
  const choice = chunk.choices?.find((one) => one.index === 0);
  const delta = choice?.delta ?? {};
  const thinking = delta.reasoning_content ?? delta.reasoning;
  if (thinking) yield {kind: 'thinking', text: thinking};
  if (delta.content) yield {kind: 'content', text: delta.content};
  for (const call of delta.tool_calls ?? []) yield {kind: 'tool', call};
  if (choice?.finish_reason) yield {kind: 'finish', reason: choice.finish_reason};
  if (chunk.usage) yield {kind: 'usage', usage: chunk.usage};
}
