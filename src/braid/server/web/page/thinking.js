// Finds where a model's thinking ends and its answer begins, for servers that send both as one text.

const kOpen = '<think>';
const kClose = '</think>';

// Splits `content` into {thinking, answer}. A template may contain <think> itself, so </think> may come alone. While
// the text grows, half a tag at its end is held back.
export function splitThinking(content, isWhole = true) {
  const start = content.trimStart();
  const hasOpened = start.startsWith(kOpen);
  const close = content.indexOf(kClose);
  if (close >= 0 && (hasOpened || !content.slice(0, close).includes(kOpen))) {
    const before = content.slice(0, close);
    return {
      thinking: (hasOpened ? before.trimStart().slice(kOpen.length) : before).trim(),
      answer: content.slice(close + kClose.length).trimStart(),
    };
  }
  if (hasOpened) return {thinking: withoutHalf(start.slice(kOpen.length), kClose, isWhole).trim(), answer: ''};
  if (!isWhole && start && kOpen.startsWith(start)) return {thinking: '', answer: ''};
  return {thinking: '', answer: content};
}

function withoutHalf(text, mark, isWhole) {
  if (isWhole) return text;
  for (let length = Math.min(mark.length - 1, text.length); length > 0; --length) {
    if (mark.startsWith(text.slice(-length))) return text.slice(0, -length);
  }
  return text;
}
