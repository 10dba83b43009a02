// The contents of /get_server_info as rows of a table, and how numbers are written. Pure.

export const count = (value) => Math.round(value).toLocaleString('en');

const kMaxRows = 200;
const kLive = ['internal_states', 'num_queue_reqs', 'num_step_tokens', 'num_even_step_tokens'];  // the charts show these

const scalar = (value) => (value === null ? 'none' : typeof value === 'object' ? JSON.stringify(value) : String(value));

// [[name, value]] of the constant values; members of objects are named "outer.inner".
export function infoRows(info) {
  const rows = [];
  const walk = (value, prefix, depth) => {
    for (const [key, inner] of Object.entries(value)) {
      if (rows.length === kMaxRows) return;
      if (kLive.includes(key)) continue;
      const name = prefix + key;
      if (inner !== null && typeof inner === 'object' && !Array.isArray(inner) && depth < 2) walk(inner, `${name}.`, depth + 1);
      else rows.push([name, scalar(inner)]);
    }
  };
  if (info !== null && typeof info === 'object') walk(info, '', 0);
  return rows;
}
