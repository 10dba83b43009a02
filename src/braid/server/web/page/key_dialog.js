// Asks for the server's API key.
import {byId} from './dom.js';

// A promise of the key, or of null if the user has none.
export function askForKey({isWrong}) {
  const dialog = byId('key');
  const input = byId('key-input');
  byId('key-text').textContent = isWrong
    ? 'The key was not accepted. Try another one.'
    : 'It is kept until this tab is closed, and sent to this server alone.';
  input.value = '';
  return new Promise((resolve) => {
    const listening = new AbortController();
    const finish = (key) => {
      listening.abort();
      input.value = '';
      dialog.close();
      resolve(key);
    };
    byId('key-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (/^[\x21-\x7e]+$/.test(key)) finish(key);
      else byId('key-text').textContent = 'A key has letters, digits and signs, and no spaces.';
    }, {signal: listening.signal});
    byId('key-cancel').addEventListener('click', () => finish(null), {signal: listening.signal});
    dialog.addEventListener('close', () => finish(null), {signal: listening.signal});  // Esc
    dialog.showModal();
    input.focus();
  });
}
