// A small line chart of the last minutes, as SVG. It starts at zero and shows its values under the pointer.
import {el, svg} from './dom.js';

const kHeight = 132;
const kLeft = 4;
const kRight = 44;   // for the scale
const kTop = 12;
const kBottom = 20;

// 1, 2, 2.5 or 5 times a power of ten, at least `value`.
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999999) * power;
}

const spanText = (ms) => (ms < 120_000 ? `${Math.round(ms / 1000)} s ago` : `${(ms / 60_000).toFixed(1).replace('.0', '')} min ago`);

export class LineChart {
  #label;
  #format;
  #limit;
  #spanMs = 1;
  #lines = [];
  #now = 0;
  #pointer = null;
  #svg = svg('svg', {class: 'chart', role: 'img', height: kHeight});
  #tip = el('div', {class: 'chart-tip', hidden: true});

  // limit: the top of the scale, if it is known. format(value): the value for people.
  constructor({label, format, limit}) {
    this.#label = label;
    this.#format = format;
    this.#limit = limit;
    this.root = el('div', {class: 'chart-frame'}, this.#svg, this.#tip);
    this.#svg.addEventListener('pointermove', (event) => {
      this.#pointer = event.offsetX;
      this.#draw();
    });
    this.#svg.addEventListener('pointerleave', () => {
      this.#pointer = null;
      this.#draw();
    });
    new ResizeObserver(() => this.#draw()).observe(this.root);
  }

  // lines: [{name, tone: 1…8, points: [{time, value}]}], drawn over the last `spanMs`; an undefined value is a gap.
  update(lines, now, spanMs) {
    this.#lines = lines;
    this.#spanMs = spanMs;
    this.#now = now;
    const last = lines.map(({name, points}) => `${name} ${points.at(-1)?.value === undefined ? 'not known' : this.#format(points.at(-1).value)}`);
    this.#svg.setAttribute('aria-label', `${this.#label}: ${last.join(', ')}`);
    this.#draw();
  }

  #draw() {
    const width = this.root.clientWidth;
    if (width === 0) return;
    this.#svg.setAttribute('width', width);
    const most = Math.max(0, ...this.#lines.flatMap(({points}) => points.map(({value}) => value ?? 0)));
    const top = this.#limit ?? roundUp(most);
    const x = (time) => kLeft + (width - kLeft - kRight) * (1 - (this.#now - time) / this.#spanMs);
    const y = (value) => kTop + (kHeight - kTop - kBottom) * (1 - Math.min(value / top, 1));
    const end = width - kRight;
    this.#svg.replaceChildren(
      ...[0, 0.5, 1].map((part) => svg('line', {class: part ? 'grid' : 'grid base', x1: kLeft, x2: end, y1: y(part * top), y2: y(part * top)})),
      ...[0, 1].map((part) => svg('text', {class: 'scale', x: end + 8, y: y(part * top) + 4}, this.#format(part * top))),
      svg('text', {class: 'scale', x: kLeft, y: kHeight - 3}, spanText(this.#spanMs)),
      svg('text', {class: 'scale', x: end, y: kHeight - 3, 'text-anchor': 'end'}, 'now'),
      ...this.#lines.flatMap((line) => this.#paths(line, x, y)));
    this.#showPointer(x, y, end);
  }

  #paths({tone, points}, x, y) {
    const stretches = [[]];
    for (const {time, value} of points) {
      if (value === undefined) stretches.push([]);
      else stretches.at(-1).push(`${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    }
    const shapes = [];
    for (const stretch of stretches) {
      if (stretch.length === 0) continue;
      const line = stretch.length === 1 ? `M${stretch[0]}h0.1` : `M${stretch.join('L')}`;
      const [first, last] = [stretch[0].split(',')[0], stretch.at(-1).split(',')[0]];
      if (this.#lines.length <= 2) shapes.push(svg('path', {class: `area tone-${tone}`, d: `${line}L${last},${y(0)}L${first},${y(0)}Z`}));
      shapes.push(svg('path', {class: `line tone-${tone}`, d: line}));
    }
    const newest = points.at(-1);
    if (newest?.value !== undefined) shapes.push(svg('circle', {class: `dot tone-${tone}`, cx: x(newest.time), cy: y(newest.value), r: 3}));
    return shapes;
  }

  #showPointer(x, y, end) {
    const times = this.#lines[0]?.points.map(({time}) => time) ?? [];
    this.#tip.hidden = this.#pointer === null || times.length === 0 || this.#pointer > end + 6;
    if (this.#tip.hidden) return;
    const nearest = times.reduce((best, time) => (Math.abs(x(time) - this.#pointer) < Math.abs(x(best) - this.#pointer) ? time : best));
    this.#svg.append(svg('line', {class: 'pointer', x1: x(nearest), x2: x(nearest), y1: kTop - 4, y2: kHeight - kBottom}));
    const ago = Math.round((this.#now - nearest) / 1000);
    this.#tip.replaceChildren(el('span', {class: 'quiet'}, ago ? `${ago} s ago` : 'now'), ...this.#lines.map(({name, tone, points}) => {
      const value = points.find(({time}) => time === nearest)?.value;
      return el('span', {class: `legend tone-${tone}`}, `${name} ${value === undefined ? '–' : this.#format(value)}`);
    }));
    const left = Math.min(Math.max(x(nearest), 60), end - 40);
    this.#tip.style.left = `${left}px`;
  }
}
