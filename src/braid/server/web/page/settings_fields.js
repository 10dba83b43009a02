// The fields of the settings sheet, and their parameters in a request. Plain data and pure functions.

const whole = (least, most) => ({parse: (text) => inRange(text, least, most, true), least, most, step: 1});
const real = (least, most, step) => ({parse: (text) => inRange(text, least, most, false), least, most, step});

function inRange(text, least, most, isWhole) {
  const value = Number(text);
  if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value)) || value < least || value > most) {
    const range = most >= Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
    throw new Error(`a ${isWhole ? 'whole number' : 'number'} ${range}`);
  }
  return value;
}

// One string on each line; \n in it stands for a line break.
function stops(text) {
  const list = text.split('\n').filter((line) => line !== '').map((line) => line.replace(/\\([nt\\])/g, (_, c) => ({n: '\n', t: '\t', '\\': '\\'})[c]));
  if (list.length > 16) throw new Error('at most 16 lines');
  return list;
}

const kOwn = ['messages', 'model', 'n', 'stream', 'stream_options'];

function extra(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`a JSON object (${error.message})`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error('a JSON object, like {"min_tokens": 5}');
  const own = Object.keys(value).find((key) => kOwn.includes(key));
  if (own) throw new Error(`an object without "${own}", which this page sets itself`);
  return value;
}

// name: the request's parameter. kind: number (with a slider if `slides`; `neutral`: the usual default), text or choice.
export const kFields = [
  {name: 'system', kind: 'text', label: 'System prompt', rows: 3, hint: 'Told to the model before every conversation.', parse: (text) => text},
  {name: 'temperature', kind: 'number', label: 'Temperature', slides: true, neutral: 1, hint: '0 always takes the likeliest token; more is more varied.', ...real(0, 2, 0.05)},
  {name: 'top_p', kind: 'number', label: 'Top-p', slides: true, neutral: 1, hint: 'The likeliest tokens that together have this probability.', ...real(0.01, 1, 0.01)},
  {name: 'top_k', kind: 'number', label: 'Top-k', neutral: 0, hint: 'So many of the likeliest tokens; 0 is all.', ...whole(0, 1000000)},
  {name: 'min_p', kind: 'number', label: 'Min-p', slides: true, neutral: 0, hint: 'Tokens at least this likely, beside the likeliest.', ...real(0, 1, 0.01)},
  {name: 'max_tokens', kind: 'number', label: 'Longest answer', unit: 'tokens', hint: 'Empty: to the end of the context.', ...whole(1, 1 << 30)},
  {name: 'seed', kind: 'number', label: 'Seed', hint: 'The same seed and conversation give the same answer.', ...whole(0, Number.MAX_SAFE_INTEGER)},
  {name: 'repetition_penalty', kind: 'number', label: 'Repetition penalty', slides: true, neutral: 1, hint: 'Above 1: less of what was said.', ...real(0.05, 2, 0.05)},
  {name: 'frequency_penalty', kind: 'number', label: 'Frequency penalty', slides: true, neutral: 0, hint: 'Against tokens, by how often the answer has them.', ...real(-2, 2, 0.1)},
  {name: 'presence_penalty', kind: 'number', label: 'Presence penalty', slides: true, neutral: 0, hint: 'Against tokens that the answer has.', ...real(-2, 2, 0.1)},
  {name: 'stop', kind: 'text', label: 'Stop strings', rows: 2, hint: 'One a line; \\n is a line’s end. The answer ends before them.', parse: stops},
  {name: 'thinking', kind: 'choice', label: 'Thinking', hint: 'For models whose template can switch it.',
    options: [['', 'As the model is set'], ['on', 'On'], ['off', 'Off']], parse: (text) => text},
  {name: 'extra', kind: 'text', label: 'More parameters', rows: 3, isCode: true, hint: 'A JSON object, added to the request as it is.', parse: extra},
];

// "" if the field's text is valid, else what is allowed.
export function problemOf(field, text) {
  if (text.trim() === '') return '';
  try {
    field.parse(text);
    return '';
  } catch (error) {
    return error.message;
  }
}

// Texts by name to the request's parameters. Texts with a problem are left out.
export function parametersOf(texts) {
  const parameters = {};
  for (const field of kFields) {
    const text = texts[field.name] ?? '';
    if (text.trim() === '' || problemOf(field, text) || field.name === 'system') continue;
    const value = field.parse(text);
    if (field.name === 'thinking') parameters.chat_template_kwargs = {...parameters.chat_template_kwargs, enable_thinking: value === 'on'};
    else if (field.name === 'extra') Object.assign(parameters, value);
    else parameters[field.name] = value;
  }
  return parameters;
}

// "temperature 0.7 · top-p 0.9 · 2 more"; "Settings" if all are the server's defaults.
export function summaryOf(texts) {
  const parts = [];
  for (const field of kFields) {
    const text = (texts[field.name] ?? '').trim();
    if (!text || problemOf(field, text)) continue;
    const label = field.label[0].toLowerCase() + field.label.slice(1);
    parts.push(field.kind === 'number' ? `${label} ${text}` : label);
  }
  if (!parts.length) return 'Settings';
  return parts.slice(0, 2).join(' · ') + (parts.length > 2 ? ` · ${parts.length - 2} more` : '');
}
