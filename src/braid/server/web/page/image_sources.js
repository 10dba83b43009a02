// The ways in which a person gives files to the chat: the file dialog, the clipboard, and dropping them.
import {byId, el} from './dom.js';

// A promise of the chosen files; never settles if the dialog is left without a choice.
export function chooseImages() {
  return new Promise((resolve) => {
    const input = el('input', {type: 'file', hidden: true});
    input.accept = 'image/*';
    input.multiple = true;
    input.addEventListener('change', () => {
      input.remove();
      resolve([...input.files]);
    });
    input.addEventListener('cancel', () => input.remove());
    document.body.append(input);  // one outside of the document is never answered by some browsers
    input.click();
  });
}

// The files of a paste; none if text is what was meant: programs for text and tables add a picture of it.
export function pastedFiles({clipboardData}) {
  const isFormattedText = ['text/plain', 'text/html'].every((type) => clipboardData.types.includes(type));
  return isFormattedText ? [] : [...clipboardData.files];
}

// Takes what is pasted into or dropped on `root`, before the page's own listeners.
export function takeFilesAt(root, take) {
  root.addEventListener('paste', (event) => {
    const files = pastedFiles(event);
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  root.addEventListener('drop', (event) => {
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

// Takes what is pasted while the chat is shown, and what is dropped anywhere on it. invitation(): what is said while
// files are held over it. Elsewhere a drop does nothing: the browser would leave the page for the file.
export function takeFilesOnChat({take, invitation}) {
  const place = byId('drop-place');
  const isChatUsable = () => !byId('chat').hidden && !document.querySelector('dialog[open]');
  const hide = () => { place.hidden = true; };
  document.addEventListener('dragover', (event) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = isChatUsable() ? 'copy' : 'none';
    if (!isChatUsable() || !place.hidden) return;
    place.firstElementChild.textContent = invitation();
    place.hidden = false;
  });
  document.addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) hide();  // it left the window
  });
  document.addEventListener('drop', (event) => {
    hide();
    if (event.defaultPrevented || !event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    if (isChatUsable()) take([...event.dataTransfer.files]);
  });
  document.addEventListener('paste', (event) => {
    const isElsewhere = event.target.closest?.('input, textarea:not(#prompt), select');
    if (event.defaultPrevented || isElsewhere || !isChatUsable()) return;
    const files = pastedFiles(event);
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}
