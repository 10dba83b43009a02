// A conversation as plain data: a tree, so that an edit or another answer never overwrites a message. Pure functions;
// nothing here knows the page or where conversations are kept.
import {randomId} from './dom.js';
import {splitThinking} from './thinking.js';

const kTitleLength = 60;

// nodes: id -> {id, parent, children: [ids], pick: which child is shown, role, content, …}; the root has no role. An
// answer also has: thinking, tools, finish ('stop', 'length', …, 'stopped' by the user, 'error', 'interrupted'; none
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
  if (!conversation.title && message.role === 'user') conversation.title = titleOf(message.content);
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

// The messages for the model: everything up to and including `node`. Without thinking, and without empty answers that
// failed. Neighbouring messages of one role become one, because templates need turns.
export function requestMessages(conversation, node, system) {
  const messages = [];
  for (let at = node; at.role; at = conversation.nodes[at.parent]) {
    const content = at.role === 'assistant' ? partsOf(at).answer : at.content;
    if (!content) continue;
    if (messages[0]?.role === at.role) messages[0].content = `${content}\n\n${messages[0].content}`;
    else messages.unshift({role: at.role, content});
  }
  if (system) messages.unshift({role: 'system', content: system});
  return messages;
}

// Closes answers that were streaming when the page was closed.
export function closeOpenAnswers(conversation) {
  for (const node of Object.values(conversation.nodes)) {
    if (node.role === 'assistant' && node.finish === undefined) node.finish = 'interrupted';
  }
}

export function toMarkdown(conversation) {
  const parts = pathOf(conversation).map((node) =>
    `## ${node.role === 'user' ? 'You' : node.model ?? 'Model'}\n\n${node.role === 'user' ? node.content : partsOf(node).answer}\n`);
  return `# ${conversation.title}\n\n${parts.join('\n')}`;
}

// "61 tokens/s", of the tokens after the first: the first one's time belongs to the prompt.
export function tokenRate(node) {
  const tokens = node.usage?.completion_tokens ?? node.pieces ?? 0;
  const ms = (node.times?.last ?? 0) - (node.times?.first ?? 0);
  return tokens > 1 && ms > 0 ? ((tokens - 1) * 1000) / ms : undefined;
}
