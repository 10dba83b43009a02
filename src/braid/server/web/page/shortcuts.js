// Keys that work wherever the focus is. index.html lists them for people (#help).
import {byId} from './dom.js';

export function addShortcuts(actions) {
  const help = () => {
    if (!byId('help').open) byId('help').showModal();
  };
  byId('open-help').addEventListener('click', help);
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
    const run = chosen(event, actions, help);
    if (!run) return;
    event.preventDefault();
    run();
  });
}

function chosen(event, actions, help) {
  if (event.ctrlKey || event.metaKey) return undefined;
  if (event.key === 'Escape') return actions.escape;
  if (event.altKey) {
    return {KeyI: actions.addImages, KeyN: actions.newConversation, KeyR: actions.again, KeyS: actions.openSettings, KeyV: actions.toggleView}[event.code];
  }
  if (event.target.closest('input, textarea, select')) return undefined;
  return {'/': actions.focusComposer, '?': help}[event.key];
}
