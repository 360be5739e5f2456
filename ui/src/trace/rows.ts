// Which spans are rows: collapsed subtrees are skipped by their size, a search keeps hits and what leads to them.
import { FLAG_ERROR, FLAG_LLM, type Trace } from './skeleton';

export interface RowFilter {
  /** Rows whose subtree is hidden. */
  collapsed: Uint8Array;
  /** Rows to keep (hits and the way to them), or null for all. */
  keep: Uint8Array | null;
}

/** Row numbers in the order of the screen. */
export function visible(trace: Trace, { collapsed, keep }: RowFilter): Int32Array {
  const out = new Int32Array(trace.n);
  let m = 0;
  for (let i = 0; i < trace.n; ) {
    if (!keep || keep[i]) out[m++] = i;
    i += collapsed[i] ? Math.max(trace.subtree[i], 1) : 1;
  }
  return out.subarray(0, m);
}

/** Adds to each hit all that leads to it, so that a hit is never without its place. */
export function withAncestors(trace: Trace, hits: Uint8Array): Uint8Array {
  const keep = hits.slice();
  for (let i = trace.n - 1; i >= 0; i--) {
    const parent = trace.parent[i];
    if (keep[i] && parent >= 0) keep[parent] = 1;
  }
  return keep;
}

/**
 * Spans that match what was typed. Words must all match: plain words in name or service, `error`, `llm`,
 * `role:tool`, `service:checkout`, `name:select`, `>250ms` are known; a leading `-` turns a word round.
 */
export function find(trace: Trace, query: string, parseDuration: (text: string) => number | null): Uint8Array | null {
  const words = query.toLowerCase().match(/\S+/g);
  if (!words) return null;
  const hits = new Uint8Array(trace.n).fill(1);
  for (const word of words) {
    const not = word.startsWith('-') && word.length > 1;
    const test = matcher(trace, not ? word.slice(1) : word, parseDuration);
    for (let i = 0; i < trace.n; i++) if (hits[i] && test(i) === not) hits[i] = 0;
  }
  return hits;
}

function matcher(trace: Trace, word: string, parseDuration: (text: string) => number | null): (row: number) => boolean {
  const inNames = (text: string) => {
    const hit = trace.names.map((name) => name.toLowerCase().includes(text));
    return (row: number) => hit[trace.name[row]];
  };
  const inServices = (text: string) => {
    const hit = trace.services.map((service) => service.toLowerCase().includes(text));
    return (row: number) => hit[trace.service[row]];
  };
  if (word === 'error') return (row) => (trace.flags[row] & FLAG_ERROR) !== 0;
  if (word === 'llm') return (row) => (trace.flags[row] & FLAG_LLM) !== 0;
  const least = /^[>≥](.+)$/.exec(word);
  const ns = least && parseDuration(least[1]);
  if (ns !== null && ns !== undefined && least) return (row) => trace.duration[row] >= ns;
  const [, field, value] = /^(role|service|name|id):(.*)$/.exec(word) ?? [];
  if (field === 'role') return (row) => trace.role[row] === value;
  if (field === 'service') return inServices(value);
  if (field === 'name') return inNames(value);
  if (field === 'id') return (row) => trace.spanId[row].startsWith(value);
  const name = inNames(word);
  const service = inServices(word);
  return (row) => name(row) || service(row) || trace.spanId[row] === word;
}

/** The next row with an error after `at` (or before it, with `step` −1); −1 if there is none. */
export function nextError(trace: Trace, rows: Int32Array, at: number, step: 1 | -1): number {
  for (let i = at + step; i >= 0 && i < rows.length; i += step) if (trace.flags[rows[i]] & FLAG_ERROR) return i;
  return -1;
}

/** Collapses the deepest level that is open, or opens the first level that is closed. Returns the new state. */
export function level(trace: Trace, collapsed: Uint8Array, step: 1 | -1): Uint8Array {
  const rows = visible(trace, { collapsed, keep: null });
  let deepest = -1;
  let shallowest = Infinity;
  for (const row of rows) {
    if (trace.subtree[row] < 2) continue;
    if (!collapsed[row]) deepest = Math.max(deepest, trace.depth[row]);
    else shallowest = Math.min(shallowest, trace.depth[row]);
  }
  const next = collapsed.slice();
  if (step < 0 && deepest >= 0) {
    for (let i = 0; i < trace.n; i++) if (trace.depth[i] >= deepest && trace.subtree[i] > 1) next[i] = 1;
  } else if (step > 0 && shallowest !== Infinity) {
    for (let i = 0; i < trace.n; i++) if (trace.depth[i] <= shallowest) next[i] = 0;
  }
  return next;
}

/** The rows that a viewport shows, with some to spare above and below. */
export function windowOf(scrollTop: number, height: number, rows: number, rowHeight: number, spare = 6): [number, number] {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
  return [Math.min(first, rows), Math.min(rows, first + Math.ceil(height / rowHeight) + 2 * spare)];
}
