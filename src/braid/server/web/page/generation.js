// One answer, from the request to its end, written to a conversation's node. No DOM.

// Never throws: a failure becomes the node's finish 'error'. onChange(): the node has changed.
export async function generateInto(node, {api, body, signal, onChange}) {
  const begin = performance.now();
  node.times = {};
  node.pieces = 0;
  try {
    for await (const event of api.chat(body, signal)) {
      take(node, event, performance.now() - begin);
      onChange();
    }
    node.finish = node.reason ?? 'stop';
  } catch (error) {
    if (error.name === 'AbortError') {
      node.finish = 'stopped';
    } else {
      node.finish = 'error';
      node.error = sentence(error.message) + (error.retryAfter ? ` Wait ${error.retryAfter} s, then try again.` : '');
    }
  }
  node.times.end = performance.now() - begin;
  onChange();
}

// As people write a sentence: servers' messages begin in lower case, unless with a parameter's name, and end without a
// full stop.
function sentence(message) {
  const text = message.trim();
  const first = /^[a-z]+[ ,']/.test(text) ? text[0].toUpperCase() : text[0];
  return first + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');
}

function take(node, event, ms) {
  if (event.kind === 'finish') {
    node.reason = event.reason;
    return;
  }
  if (event.kind === 'usage') {
    node.usage = event.usage;
    return;
  }
  node.times.first ??= ms;
  node.times.last = ms;
  node.pieces += 1;
  if (event.kind === 'thinking') {
    node.thinking = (node.thinking ?? '') + event.text;
  } else if (event.kind === 'content') {
    node.content += event.text;
  } else {
    takeToolCall(node, event.call);
  }
}

function takeToolCall(node, {index = 0, function: called = {}}) {
  node.tools ??= [];
  node.tools[index] ??= {name: '', arguments: ''};
  node.tools[index].name += called.name ?? '';
  node.tools[index].arguments += called.arguments ?? '';
}
