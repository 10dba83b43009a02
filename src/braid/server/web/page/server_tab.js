// The server's state, read once a second while the tab is visible: charts, latencies, counts and settings. Values that
// a server does not report are named, not drawn as zero.
import {LineChart} from './charts.js';
import {byId, el} from './dom.js';
import {quantiles, rate, Reading} from './metrics.js';
import {RanksCard} from './ranks_card.js';
import {count, infoRows} from './server_info.js';

const kPeriodMs = 1000;
const kSpanMs = 5 * 60_000;
const kLeastSpanMs = 60_000;  // the time span of a chart with few points
const kRateReadings = 5;
const kLatencySpanMs = 60_000;

const amount = (value) => (value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value));
const percent = (value) => `${(value * 100).toFixed(value > 0 && value < 0.0995 ? 1 : 0)} %`;
const time = (s) => (s < 0.9995 ? `${(s * 1000).toFixed(s < 0.00995 ? 1 : 0)} ms` : `${s.toFixed(s < 10 ? 2 : 1)} s`);

// What a gauge would show, from counters.
const perSecond = (name) => ({needs: [name], value: (now, before) => rate(before, now, name)});
const share = (part, whole) => ({needs: [part, whole], value: (now, before) => {
  const all = rate(before, now, whole);
  return all > 0 ? rate(before, now, part) / all : undefined;
}});

// A line is a gauge, by its name, or computed from counters. Gauges have a line for each DP group.
const kCharts = [
  {title: 'Requests', format: count, lines: [{label: 'running', name: 'num_running_reqs'}, {label: 'queued', name: 'num_queue_reqs'}]},
  {title: 'Tokens per second', format: amount, lines: [
    {label: 'written', name: 'gen_throughput', counted: perSecond('generation_tokens_total')},
    {label: 'read', counted: perSecond('prompt_tokens_total')}]},
  {title: 'KV cache in use', format: percent, limit: 1, isShare: true, lines: [{label: 'in use', name: 'token_usage'}],
    detail: (now) => now.has('num_used_tokens') && `${count(now.total('num_used_tokens'))} tokens`},
  {title: 'Prefix cache hits', format: percent, limit: 1, isShare: true, lines: [
    {label: 'of prompt tokens', name: 'cache_hit_rate', counted: share('cached_tokens_total', 'prompt_tokens_total')}],
    detail: (now) => now.has('cached_tokens_total') && `${count(now.total('cached_tokens_total'))} tokens saved so far`},
];

const kLatencies = [
  ['First token', 'time_to_first_token_seconds'],
  ['Between tokens', 'inter_token_latency_seconds'],
  ['Whole request', 'e2e_request_latency_seconds'],
  ['In the queue', 'queue_time_seconds'],
];

const kCounts = [
  ['Requests', 'num_requests_total'],
  ['Aborted', 'num_aborted_requests_total'],
  ['Prompt tokens', 'prompt_tokens_total'],
  ['… of them cached', 'cached_tokens_total'],
  ['Tokens written', 'generation_tokens_total'],
];

export class ServerTab {
  #api;
  #isShown = false;
  #timer = 0;
  #isReading = false;
  #readings = [];
  #charts = kCharts.map((chart) => new ChartCard(chart));
  #state = el('p', {class: 'state', role: 'status'}, 'Reading …');
  #latencies = el('tbody');
  #counts = el('dl', {class: 'counts'});
  #info = el('dl', {class: 'info'});
  #hasInfo = false;
  #ranks = new RanksCard();
  #hasStatus = true;  // until it says otherwise

  constructor(api) {
    this.#api = api;
    byId('server-view').append(
      this.#state,
      el('div', {class: 'cards'}, this.#charts.map(({root}) => root)),
      el('div', {class: 'cards'},
        el('section', {class: 'card'}, el('h2', {}, 'Latency'), el('p', {class: 'quiet'}, 'over the last minute'),
          el('table', {class: 'latencies'}, el('thead', {}, el('tr', {}, el('td'),
            ['median', '90 %', '99 %'].map((title) => el('th', {scope: 'col'}, title)))), this.#latencies)),
        el('section', {class: 'card'}, el('h2', {}, 'Since its start'), this.#counts)),
      this.#ranks.root,
      el('section', {class: 'card'}, el('h2', {}, 'About this server'), this.#info));
    document.addEventListener('visibilitychange', () => this.#schedule());
  }

  setShown(isShown) {
    this.#isShown = isShown;
    this.#schedule();
  }

  #isWanted() {
    return this.#isShown && document.visibilityState === 'visible';
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#isWanted() && !this.#isReading) this.#read();
  }

  // Asks for a key once; a user who has none is not asked every second.
  async #read(isQuiet = this.#readings.length > 0 || this.#state.classList.contains('is-problem')) {
    this.#isReading = true;
    const begin = performance.now();
    try {
      const now = new Reading(await this.#api.text('metrics', {isQuiet}), Date.now());
      this.#readings = [...this.#readings.filter((one) => one.time > now.time - kSpanMs), now];
      this.#draw();
      this.#say('');
      if (!this.#hasInfo) await this.#readInfo();
      if (this.#hasStatus) await this.#readStatus();
    } catch (error) {
      this.#problem(error);
    }
    this.#isReading = false;
    if (this.#isWanted()) this.#timer = setTimeout(() => this.#read(), Math.max(100, kPeriodMs - (performance.now() - begin)));
  }

  async #readInfo() {
    this.#hasInfo = true;
    try {
      const rows = infoRows(await this.#api.json('get_server_info', {isQuiet: true}));
      this.#info.replaceChildren(...rows.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
    } catch (error) {
      this.#hasInfo = error.status !== 0 && error.status !== 503;
      this.#info.replaceChildren(el('p', {class: 'quiet'}, `This server does not tell: ${error.message}`));
    }
  }

  async #readStatus() {
    try {
      this.#ranks.draw(await this.#api.json('v1/status', {isQuiet: true}));
    } catch (error) {
      this.#hasStatus = error.status === 0 || error.status === 503;
      this.#ranks.root.hidden = true;
    }
  }

  #say(text, isProblem = false) {
    this.#state.classList.toggle('is-problem', isProblem);
    if (this.#state.textContent !== text) this.#state.textContent = text;
    this.#state.hidden = !text;
  }

  #problem(error) {
    const texts = {0: 'The server cannot be reached. Trying again …', 401: 'These figures need an API key. ', 404: 'This server has no /metrics: nothing to show.'};
    this.#say(texts[error.status] ?? error.message, true);
    if (error.status === 401) {
      this.#state.append(el('button', {type: 'button', class: 'quiet-button', on: {click: () => this.#read(false)}}, 'Give a key'));
    }
  }

  #draw() {
    const now = this.#readings.at(-1);
    for (const chart of this.#charts) chart.draw(this.#readings);
    const before = this.#readings.findLast((one) => one.time <= now.time - kLatencySpanMs) ?? this.#readings[0];
    this.#latencies.replaceChildren(...kLatencies.map(([title, name]) => {
      const seen = quantiles(before === now ? undefined : before, now, name);
      const cells = seen ? [0.5, 0.9, 0.99].map((q) => el('td', {}, seen.count ? time(seen.at(q)) : '–'))
        : [0, 1, 2].map((column) => el('td', {class: 'quiet'}, column ? '' : 'not told'));
      return el('tr', {}, el('th', {scope: 'row'}, title), cells);
    }));
    this.#counts.replaceChildren(...kCounts.map(([title, name]) =>
      el('div', {}, el('dt', {}, title), el('dd', {}, now.has(name) ? count(now.total(name)) : 'not told'))));
  }
}

// The reading from which a rate at reading `i` is computed: single seconds would jump.
function earlier(readings, i) {
  return i > 0 ? readings[Math.max(0, i - kRateReadings)] : undefined;
}

class ChartCard {
  #chart;
  #line;
  #figures = el('p', {class: 'figures'});
  #missing = el('p', {class: 'quiet', hidden: true});

  constructor(chart) {
    this.#chart = chart;
    this.#line = new LineChart({label: chart.title, format: chart.format, limit: chart.limit});
    this.root = el('section', {class: 'card'}, el('h2', {}, chart.title), this.#figures, this.#line.root, this.#missing);
  }

  draw(readings) {
    const now = readings.at(-1);
    const before = earlier(readings, readings.length - 1);
    const told = this.#chart.lines.filter((line) => this.#has(line, now));
    const lines = told.flatMap((line, index) => this.#linesOf(line, index, readings));
    lines.forEach((line, index) => { line.tone = index % 8 + 1; });
    this.#line.root.hidden = told.length === 0;
    const seenMs = now.time - readings[0].time;
    this.#line.update(lines, now.time, Math.min(kSpanMs, Math.max(kLeastSpanMs, seenMs)));
    this.#missing.hidden = told.length === this.#chart.lines.length;
    const absent = this.#chart.lines.filter((line) => !told.includes(line)).map((line) => line.name ?? line.counted.needs[0]);
    this.#missing.textContent = `This server does not tell ${absent.join(' and ')}.`;
    const detail = this.#chart.detail?.(now);
    this.#figures.replaceChildren(
      ...told.map((line) => this.#figure(this.#value(line, now, before), line.label, lines.find((one) => one.of === line))),
      ...(detail ? [el('span', {class: 'quiet'}, detail)] : []),
      ...(lines.length > told.length ? [el('span', {class: 'legends'}, lines.filter((one) => one.group !== undefined)
        .map((one) => el('span', {class: `legend tone-${one.tone}`}, one.name)))] : []));
  }

  #figure(value, label, line) {
    const dot = this.#chart.lines.length > 1 && line.group === undefined ? 'has-dot' : '';
    return el('span', {class: `figure tone-${line.tone} ${dot}`}, el('b', {}, value === undefined ? '–' : this.#chart.format(value)), ` ${label}`);
  }

  #has(line, now) {
    return now.has(line.name) || Boolean(line.counted?.needs.every((name) => now.has(name)));
  }

  #value(line, now, before) {
    if (now.has(line.name)) return this.#chart.isShare ? now.mean(line.name) : now.total(line.name);
    return line.counted.value(now, before);
  }

  // The first line is drawn for each DP group, if the server reports groups.
  #linesOf(line, index, readings) {
    const groups = index === 0 && readings.at(-1).has(line.name) ? [...readings.at(-1).groups(line.name).keys()].filter((group) => group !== '') : [];
    if (groups.length === 0) {
      return [{name: line.label, of: line, points: readings.map((one, i) => this.#point(one, readings[i - 1], this.#value(line, one, earlier(readings, i)))).flat()}];
    }
    return groups.sort((a, b) => a - b).map((group) => ({name: `group ${group}`, group, of: line,
      points: readings.map((one, i) => this.#point(one, readings[i - 1], one.groups(line.name).get(group))).flat()}));
  }

  // A gap for the time when the page was not visible.
  #point(reading, before, value) {
    const isGap = before && reading.time - before.time > 5 * kPeriodMs;
    return [...(isGap ? [{time: before.time + 1, value: undefined}] : []), {time: reading.time, value}];
  }
}
