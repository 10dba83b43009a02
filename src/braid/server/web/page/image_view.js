// Images on the page: thumbnails, the row above a message's text, and one image large in a dialog.
import {byId, el, icon, iconButton} from './dom.js';

const kRowRem = {width: 22, height: 16};  // at most, of a message's only image

function imageNode(image, images, className) {
  const node = el('img', {class: className, alt: image.name, width: image.width, height: image.height});
  const lost = () => node.replaceWith(el('span', {class: 'lost-image'}, icon('image'), `${image.name} is no longer kept`));
  node.addEventListener('error', lost);
  images.address(image.id).then((address) => {
    if (address) node.src = address;
    else lost();
  });
  return node;
}

// A button that shows the image large. list(): the images among which the dialog goes on.
export function thumbnail(image, {images, list}) {
  return el('button', {type: 'button', class: 'thumbnail', title: image.name, on: {click: () => showLarge(image, {images, list: list()})}},
    imageNode(image, images));
}

export function imageRow(list, images) {
  const row = el('ul', {class: 'pictures', 'aria-label': list.length === 1 ? 'Image' : 'Images'},
    list.map((image) => el('li', {}, thumbnail(image, {images, list: () => list}))));
  if (list.length === 1) {
    const [{width, height}] = list;
    const rem = Math.min(kRowRem.width, (kRowRem.height * width) / height);
    row.classList.add('is-single');
    row.style.setProperty('--width', `min(${rem.toFixed(2)}rem, ${width}px)`);
    row.style.setProperty('--shape', `${width} / ${height}`);
  }
  return row;
}

function showLarge(image, {images, list}) {
  const dialog = byId('large-image');
  const listening = new AbortController();
  const show = (index) => {
    const shown = list[index];
    const step = (label, name, by) => list.length > 1 &&
      iconButton(name, label, () => show((index + by + list.length) % list.length), {'data-step': by});
    const place = list.length > 1 ? ` · ${index + 1} of ${list.length}` : '';
    const wanted = dialog.contains(document.activeElement) ? document.activeElement.dataset.step : undefined;
    dialog.setAttribute('aria-label', shown.name);
    dialog.replaceChildren(...[
      imageNode(shown, images, 'picture'),
      el('footer', {}, step('Previous image (←)', 'left', -1),
        el('p', {role: 'status'}, `${shown.name} · ${shown.width} × ${shown.height}${place}`),
        step('Next image (→)', 'right', 1),
        iconButton('close', 'Close (Esc)', () => dialog.close(), {autofocus: true}))]);
    dialog.querySelector(wanted ? `[data-step="${wanted}"]` : 'footer > :last-child').focus();
  };
  dialog.addEventListener('keydown', ({key}) => {
    dialog.querySelector({ArrowLeft: '[data-step="-1"]', ArrowRight: '[data-step="1"]'}[key] ?? 'none')?.click();
  }, {signal: listening.signal});
  dialog.addEventListener('click', ({target}) => {
    if (target === dialog) dialog.close();  // beside the image
  }, {signal: listening.signal});
  dialog.addEventListener('close', () => {
    listening.abort();
    dialog.replaceChildren();
  }, {signal: listening.signal});
  dialog.showModal();
  show(list.findIndex(({id}) => id === image.id));
}
