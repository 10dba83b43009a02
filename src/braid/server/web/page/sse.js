// Reads server-sent events from a stream of bytes, however it is cut into pieces.

const kMaxEventLength = 16 << 20;  // characters; a longer event is an error

// Yields the data of each event: text, its lines joined by "\n". Skips comments, ids and event names. Text after the
// last blank line is not an event.
export async function* readEvents(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  let data = [];
  let size = 0;
  try {
    for (;;) {
      const {done, value} = await reader.read();
      buffer += done ? decoder.decode() : decoder.decode(value, {stream: true});
      let start = 0;
      for (;;) {
        const end = lineEnd(buffer, start, done);
        if (end === undefined) break;
        const line = buffer.slice(start, end.at);
        start = end.next;
        if (line === '') {
          if (data.length) yield data.join('\n');
          data = [];
          size = 0;
        } else if (line.startsWith('data:') || line === 'data') {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
          size += line.length;
        }
      }
      buffer = buffer.slice(start);
      if (size + buffer.length > kMaxEventLength) throw new Error('an event of the stream is too long');
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

// Lines end with \n, \r\n or \r; a final \r may be half of \r\n.
function lineEnd(text, start, isWhole) {
  for (let at = start; at < text.length; ++at) {
    if (text[at] === '\n') return {at, next: at + 1};
    if (text[at] !== '\r') continue;
    if (at + 1 === text.length && !isWhole) return undefined;
    return {at, next: text[at + 1] === '\n' ? at + 2 : at + 1};
  }
  return undefined;
}
