// "Exclude this value": the API can ask for traces that have a value, not for those that lack it, so what has it is asked for
// too, over the same stretch of time, and taken away from the page.
import { api, type Query } from '../api/client';
import type { TracePage, TraceRow } from '../api/shapes';

const PAGE = 500;
/** A value that so many traces have is better met by another filter; what is beyond stays in the list. */
const MOST_PAGES = 6;

export function split(attr: string[]): { wanted: string[]; unwanted: string[] } {
  return { wanted: attr.filter((pair) => !pair.startsWith('!')), unwanted: attr.filter((pair) => pair.startsWith('!')).map((pair) => pair.slice(1)) };
}

/** One page of the list, without the traces that have an unwanted value. */
export async function page(query: Query, signal?: AbortSignal): Promise<TracePage> {
  const { wanted, unwanted } = split((query.attr as string[] | undefined) ?? []);
  const asked = { ...query, attr: wanted };
  const found = await api.traces(asked, signal);
  let traces = found.traces;
  for (const pair of unwanted) {
    const gone = await having({ ...asked, attr: [...wanted, pair], cursor: null }, traces, signal);
    traces = traces.filter((row) => !gone.has(row.trace_id));
  }
  return { traces, next_cursor: found.next_cursor };
}

/** Ids of the traces with the value, as far as `rows` reach. */
async function having(query: Query, rows: TraceRow[], signal?: AbortSignal): Promise<Set<string>> {
  const ids = new Set<string>();
  const last = rows.at(-1);
  if (!last) return ids;
  let cursor: string | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const { traces, next_cursor }: TracePage = await api.traces({ ...query, limit: PAGE, cursor }, signal);
    for (const row of traces) ids.add(row.trace_id);
    const end = traces.at(-1);
    if (!next_cursor || !end) break;
    const passed = query.sort === 'slowest' ? end.duration_ns < last.duration_ns : BigInt(end.start_ns) < BigInt(last.start_ns);
    if (passed) break;
    cursor = next_cursor;
  }
  return ids;
}
