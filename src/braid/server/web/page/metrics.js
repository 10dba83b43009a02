// Reads Prometheus' text format, and computes what the server tab shows. Pure functions over plain data.

const kSample = /^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)/;
const kLabel = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

function number(text) {
  if (/^[+-]?Inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

// [{name, labels: {…}, value}]
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const found = line.startsWith('#') ? null : kSample.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? '').matchAll(kLabel)) {
      labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    }
    samples.push({name: found[1], labels, value: number(found[3])});
  }
  return samples;
}

const kNames = ['num_running_reqs', 'num_queue_reqs', 'token_usage', 'gen_throughput', 'generation_tokens_total', 'prompt_tokens_total'];

// The prefix of most names that we know.
function prefixOf(samples) {
  const counts = new Map();
  for (const name of new Set(samples.map((sample) => sample.name))) {
    for (const known of kNames) {
      const prefix = name.slice(0, -known.length);
      if (name.endsWith(known) && /^$|[_:]$/.test(prefix)) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts].sort(([a, n], [b, m]) => m - n || a.length - b.length)[0]?.[0] ?? '';
}

// One answer of /metrics. The server may use any prefix for its names.
export class Reading {
  #samples = new Map();

  constructor(text, time) {
    this.time = time;  // ms
    const samples = parseMetrics(text);
    const prefix = prefixOf(samples);
    for (const sample of samples) {
      if (!sample.name.startsWith(prefix)) continue;
      const name = sample.name.slice(prefix.length);
      if (!this.#samples.has(name)) this.#samples.set(name, []);
      this.#samples.get(name).push(sample);
    }
  }

  has(name) {
    return this.#samples.has(name);
  }

  // By DP group; a server without groups has one, "".
  groups(name) {
    const groups = new Map();
    for (const {labels, value} of this.#samples.get(name) ?? []) {
      const group = labels.dp_rank ?? '';
      groups.set(group, (groups.get(group) ?? 0) + value);
    }
    return groups;
  }

  // The sum over all groups; undefined: the server does not report it.
  total(name) {
    return this.has(name) ? [...this.groups(name).values()].reduce((sum, value) => sum + value, 0) : undefined;
  }

  mean(name) {
    return this.has(name) ? this.total(name) / this.groups(name).size : undefined;
  }

  // [[upper bound, number of observations up to it]], rising; undefined: no such histogram.
  histogram(name) {
    const samples = this.#samples.get(`${name}_bucket`);
    if (!samples) return undefined;
    const buckets = new Map();
    for (const {labels, value} of samples) {
      const bound = number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + value);
    }
    return [...buckets].sort(([a], [b]) => a - b);
  }
}

// A counter's growth in a second between two readings; undefined: unknown, or the server was restarted.
export function rate(before, after, name) {
  if (!before?.has(name) || !after.has(name) || after.time <= before.time) return undefined;
  const growth = after.total(name) - before.total(name);
  return growth >= 0 ? (growth * 1000) / (after.time - before.time) : undefined;
}

// {count, at(q)} of the observations between two readings; undefined: no such histogram.
export function quantiles(before, after, name) {
  const now = after.histogram(name);
  if (!now) return undefined;
  const then = new Map(before?.histogram(name) ?? []);
  let buckets = now.map(([bound, count]) => [bound, count - (then.get(bound) ?? 0)]);
  if (buckets.some(([, count]) => count < 0)) buckets = now;  // the server was restarted
  const count = buckets.at(-1)?.[1] ?? 0;
  const at = (q) => {
    const wanted = q * count;
    let [lower, below] = [0, 0];
    for (const [bound, upTo] of buckets) {
      if (upTo >= wanted && upTo > below) {
        return Number.isFinite(bound) ? lower + ((bound - lower) * (wanted - below)) / (upTo - below) : lower;
      }
      [lower, below] = [bound, upTo];
    }
    return lower;
  };
  return {count, at};
}
