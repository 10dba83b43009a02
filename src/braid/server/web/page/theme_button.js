// Cycles through the system's colours, light and dark. theme.js applies the choice.
import {byId, KeptValue} from './dom.js';

const kChoices = ['auto', 'light', 'dark'];
const kIcons = {auto: '#i-auto', light: '#i-sun', dark: '#i-moon'};
const kLabels = {auto: 'Colours: as the system', light: 'Colours: light', dark: 'Colours: dark'};

export function addThemeButton() {
  const kept = new KeptValue('local', 'braid.theme');
  const button = byId('theme');
  const show = () => {
    const choice = kChoices.includes(kept.get()) ? kept.get() : 'auto';
    byId('theme-icon').setAttribute('href', kIcons[choice]);
    byId('theme-label').textContent = kLabels[choice];
    button.title = kLabels[choice];
    return choice;
  };
  button.addEventListener('click', () => {
    kept.set(kChoices[(kChoices.indexOf(show()) + 1) % kChoices.length]);
    show();
    dispatchEvent(new Event('braid-theme'));
  });
  show();
}
