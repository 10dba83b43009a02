// Images on the page: thumbnails, the row above a message's text, and one image large in a dialog.
import {el, icon, iconButton} from './dom.js';

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

// The dialog's buttons step by data-step.
const kSteps = {ArrowLeft: '-1', ArrowRight: '1'};
const dialog = el('dialog', {class: 'large-image', on: {
  keydown: ({key}) => kSteps[key] && dialog.querySelector(`[data-step="${kSteps[key]}"]`)?.click(),
  click: ({target}) => target === dialog && dialog.close(),  // beside the image
  close: () => dialog.open || dialog.replaceChildren(),
}});

function showLarge(image, {images, list}) {
  document.body.append(dialog);
  dialog.replaceChildren();  // its last "close" may be still to come
  dialog.showModal();
  fillLarge(list.findIndex(({id}) => id === image.id), {images, list});
}

function fillLarge(index, {images, list}) {
  const image = list[index];
  const focused = dialog.querySelector(':focus')?.dataset.step;
  const step = (label, name, by) => list.length > 1 &&
    iconButton(name, label, () => fillLarge((index + by + list.length) % list.length, {images, list}), {'data-step': by});
  const place = list.length > 1 ? ` · ${index + 1} of ${list.length}` : '';
  dialog.setAttribute('aria-label', image.name);
  dialog.replaceChildren(imageNode(image, images, 'picture'), el('footer', {},
    step('Previous image (←)', 'left', -1),
    el('p', {}, `${image.name} · ${image.width} × ${image.height}${place}`),
    step('Next image (→)', 'right', 1),
    iconButton('close', 'Close (Esc)', () => dialog.close())));
  dialog.querySelector(focused ? `[data-step="${focused}"]` : 'footer > :last-child').focus();
}
