// A conversation as plain data: a tree, so that an edit or another answer never overwrites a message. Pure functions;
// nothing here knows the page or where conversations are kept.
import {randomId} from './dom.js';
import {splitThinking} from './thinking.js';

const kTitleLength = 60;

// nodes: id -> {id, parent, children: [ids], pick: which child is shown, role, content, …}; the root has no role. An
// user's message may have images: [{id, name, type, width, height}], whose bytes lie elsewhere (images.js). An answer also
// has: thinking, tools, finish ('stop', 'length', …, 'stopped' by the user, 'error', 'interrupted'; none
// while it streams), error, model, usage, times {first, last, end: ms since the request}, thinkingMs.
export function newConversation(now = Date.now()) {
  return {id: randomId(), title: '', isRenamed: false, created: now, updated: now,
    nodes: {root: {id: 'root', parent: null, children: [], pick: 0}}};
}

// The messages that are shown, first to last.
export function pathOf(conversation) {
  const path = [];
  for (let node = conversation.nodes.root; ;) {
    const next = conversation.nodes[node.children[node.pick]];
    if (!next) return path;
    path.push(next);
    node = next;
  }
}

export function lastOf(conversation) {
  return pathOf(conversation).at(-1) ?? conversation.nodes.root;
}

// Added under `parent`, and shown from now on.
export function addMessage(conversation, parent, message) {
  const node = {id: randomId(), parent: parent.id, children: [], pick: 0, ...message};
  conversation.nodes[node.id] = node;
  parent.pick = parent.children.push(node.id) - 1;
  conversation.updated = Date.now();
  if (!conversation.title && message.role === 'user') {
    conversation.title = titleOf(message.content) || (message.images?.length > 1 ? `${message.images.length} images` : 'Image');
  }
  return node;
}

// {index, count} among the versions of a message.
export function versionOf(conversation, node) {
  const {children} = conversation.nodes[node.parent];
  return {index: children.indexOf(node.id), count: children.length};
}

export function showVersion(conversation, node, step) {
  const parent = conversation.nodes[node.parent];
  const {index, count} = versionOf(conversation, node);
  parent.pick = Math.max(0, Math.min(count - 1, index + step));
}

export function titleOf(text) {
  const line = text.trim().split('\n', 1)[0].trim();
  return line.length > kTitleLength ? `${line.slice(0, kTitleLength - 1).trimEnd()}…` : line;
}

// An answer's thinking and text, in whichever form the server sent them.
export function partsOf(node) {
  const {thinking, answer} = splitThinking(node.content, node.finish !== undefined);
  return {thinking: [node.thinking, thinking].filter(Boolean).join('\n\n'), answer};
}

// All images, shown or not.
export function imagesIn(conversation) {
  const images = Object.values(conversation.nodes).flatMap((node) => node.images ?? []);
  return [...new Map(images.map((image) => [image.id, image])).values()];  // an edited message has the same ones
}

// The images that the model sees with `node`.
export function imagesUpTo(conversation, node) {
  const images = [];
  for (let at = node; at.role; at = conversation.nodes[at.parent]) images.unshift(...(at.images ?? []));
  return images;
}

// The messages for the model: everything up to and including `node`. Without thinking, and without empty answers that
// failed. Neighbouring messages of one role become one, because templates need turns. `urls`: of images by id; those
// without one are left out.
export function requestMessages(conversation, node, system, urls = new Map()) {
  const messages = [];
  for (let at = node; at.role; at = conversation.nodes[at.parent]) {
    const content = contentParts(at, urls);
    if (!content.length) continue;
    if (messages[0]?.role === at.role) messages[0].content = joined(content, messages[0].content);
    else messages.unshift({role: at.role, content});
  }
  if (system) messages.unshift({role: 'system', content: [{type: 'text', text: system}]});
  return messages.map(({role, content}) => ({role, content: content.every(({type}) => type === 'text') ? content[0].text : content}));
}

function contentParts(node, urls) {
  const text = node.role === 'assistant' ? partsOf(node).answer : node.content;
  return [
    ...(node.images ?? []).filter(({id}) => urls.has(id)).map(({id}) => ({type: 'image_url', image_url: {url: urls.get(id)}})),
    ...(text ? [{type: 'text', text}] : []),
  ];
}

// Two texts that meet become one.
function joined(before, after) {
  const [last, first] = [before.at(-1), after[0]];
  if (last.type !== 'text' || first.type !== 'text') return [...before, ...after];
  return [...before.slice(0, -1), {type: 'text', text: `${last.text}\n\n${first.text}`}, ...after.slice(1)];
}

// Closes answers that were streaming when the page was closed.
export function closeOpenAnswers(conversation) {
  for (const node of Object.values(conversation.nodes)) {
    if (node.role === 'assistant' && node.finish === undefined) node.finish = 'interrupted';
  }
}

// `urls`: of images by id. They come last, so that the text stays readable.
export function toMarkdown(conversation, urls = new Map()) {
  const named = [...new Set(pathOf(conversation).flatMap((node) => node.images ?? []).map(({id}) => id))].filter((id) => urls.has(id));
  const parts = pathOf(conversation).map((node) => {
    const images = (node.images ?? []).map(({id, name}) => (urls.has(id) ? `![${plainName(name)}][image-${named.indexOf(id) + 1}]` : `(image: ${plainName(name)})`));
    const text = node.role === 'user' ? node.content : partsOf(node).answer;
    return `## ${node.role === 'user' ? 'You' : node.model ?? 'Model'}\n\n${[images.join(' '), text].filter(Boolean).join('\n\n')}\n`;
  });
  const addresses = named.map((id, index) => `[image-${index + 1}]: ${urls.get(id)}\n`);
  return `# ${conversation.title}\n\n${parts.join('\n')}${addresses.length ? `\n${addresses.join('')}` : ''}`;
}

function plainName(name) {
  return name.replace(/[\[\]\\`*_<>\n]/g, ' ');
}

// "61 tokens/s", of the tokens after the first: the first one's time belongs to the prompt.
export function tokenRate(node) {
  const tokens = node.usage?.completion_tokens ?? node.pieces ?? 0;
  const ms = (node.times?.last ?? 0) - (node.times?.first ?? 0);
  return tokens > 1 && ms > 0 ? ((tokens - 1) * 1000) / ms : undefined;
}
