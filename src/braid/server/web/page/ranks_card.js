// The card of the server tab that shows where the ranks are, how they keep up with each other, and what failed last:
// from /v1/status, which other servers do not have.
import {el} from './dom.js';
import {count} from './server_info.js';

const kStates = {running: 'All run.', paused: 'Paused: no step begins.', restarting: 'Some failed, and start again …', failed: 'The engine has failed.'};

// One rank in its own process has nothing to say before something fails.
export function isWorthShowing(status) {
  return status.ranks.length > 1 || status.nodes.length > 1 || status.num_restarts > 0 || status.state !== 'running' ||
    problemOf(status) !== '';
}

// The ranks whose weights the last check found damaged, and what failed last; '' if nothing did.
export function problemOf(status) {
  const damaged = status.ranks.filter((rank) => rank.weights?.num_bad_pages > 0).map((rank) => rank.rank);
  const last = status.last_error;
  return [damaged.length ? `Damaged weights: rank ${damaged.join(', ')} computes wrong answers.` : '',
    last ? `${new Date(last.time * 1000).toLocaleTimeString()} ${last.message}` : ''].filter(Boolean).join(' ');
}

// [[node, group, rank, processor, steps, share of exchanges, times slower]] in words; a node that is away has one row.
export function rankRows(status) {
  const name = (node) => `${node.node} ${node.host ?? ''}`.trim();
  return status.nodes.flatMap((node) => {
    const ranks = status.ranks.filter((rank) => rank.node === node.node);
    if (!node.is_there) return [[name(node), '', '', 'awaited', '', '', '']];
    return ranks.map((rank) => [name(node), String(rank.dp_rank), String(rank.rank),
      rank.cpus.length ? `CPU ${rank.cpus.join(', ')}` : 'any CPU', count(rank.num_steps),
      rank.step_seconds > 0 ? `${Math.round(100 * rank.exchange_seconds / rank.step_seconds)} %` : '–',
      rank.times_slower === null ? '–' : `${rank.times_slower.toFixed(2)} ×`]);
  });
}

const kColumns = ['node', 'group', 'rank', '', 'steps', 'in exchanges', 'time of the others'];
const kSlow = 1.5;  // as the server's log names it

export class RanksCard {
  #state = el('p', {class: 'quiet'});
  #rows = el('tbody');
  #error = el('p', {class: 'state is-problem', hidden: true});
  root = el('section', {class: 'card', hidden: true}, el('h2', {}, 'Ranks'), this.#state, this.#error,
    el('div', {class: 'wide-table'}, el('table', {class: 'ranks'},
      el('thead', {}, el('tr', {}, kColumns.map((title) => el('th', {scope: 'col'}, title)))), this.#rows)));

  draw(status) {
    this.root.hidden = !isWorthShowing(status);
    const times = status.num_restarts === 1 ? 'once' : `${count(status.num_restarts)} times`;
    const restarts = status.num_restarts ? ` Started again ${times}.` : '';
    this.#state.textContent = `${kStates[status.state] ?? status.state}${restarts}`;
    const leftOut = status.elastic?.left_out_nodes ?? [];
    if (leftOut.length) this.#state.textContent += ` Without node ${leftOut.join(', ')} since ${new Date(status.elastic.since * 1000).toLocaleTimeString()}.`;
    this.#error.textContent = problemOf(status);
    this.#error.hidden = !this.#error.textContent;
    const slow = status.ranks.filter((rank) => (rank.times_slower ?? 0) >= kSlow).map((rank) => String(rank.rank));
    this.#rows.replaceChildren(...rankRows(status).map((row) =>
      el('tr', {class: slow.includes(row[2]) ? 'is-slow' : undefined}, row.map((cell) => el('td', {}, cell)))));
  }
}
