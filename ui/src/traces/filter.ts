// The filter of the trace list: from the address to the API's query, to the live stream, and to a test for a live row.
import type { Query } from '../api/client';
import type { TraceRow } from '../api/shapes';
import type { LiveFilter } from '../app/live.svelte';
import { rangeQuery, type Range } from '../app/timerange';
import { millis } from '../text/instant';
import { parseDuration } from '../text/units';

export interface Filter {
  service: string;
  operation: string;
  q: string;
  status: string;
  min: string;
  max: string;
  model: string;
  attr: string[];
  sample: string;
  sort: 'newest' | 'slowest';
}

export function filterOf(params: URLSearchParams): Filter {
  const get = (name: string) => params.get(name) ?? '';
  return {
    service: get('service'), operation: get('operation'), q: get('q'), status: get('status') === 'error' ? 'error' : '',
    min: get('min'), max: get('max'), model: get('model'), attr: params.getAll('attr').filter((pair) => pair.includes(':')),
    sample: ['exclude', 'only'].includes(get('sample')) ? get('sample') : '', sort: get('sort') === 'slowest' ? 'slowest' : 'newest',
  };
}

export function toQuery(filter: Filter, range: Range, now = Date.now()): Query {
  return {
    ...rangeQuery(range, now),
    service: filter.service,
    operation: filter.operation,
    q: filter.q,
    status: filter.status,
    min_duration_ns: filter.min ? parseDuration(filter.min) : null,
    max_duration_ns: filter.max ? parseDuration(filter.max) : null,
    model: filter.model,
    attr: filter.attr,
    sample: filter.sample,
    sort: filter.sort === 'slowest' ? 'slowest' : null,
  };
}

export function isFiltered(filter: Filter): boolean {
  return !!(filter.service || filter.operation || filter.q || filter.status || filter.min || filter.max || filter.model || filter.attr.length || filter.sample);
}

/** What the stream can filter by itself. */
export function liveFilter(filter: Filter): LiveFilter {
  return { service: filter.service || undefined, q: filter.q || undefined, status: filter.status || undefined };
}

/** A live row says nothing about attributes or operations, and the slowest are not the newest: then the list is asked again. */
export function canFollow(filter: Filter, range: Range): boolean {
  return range.kind === 'last' && filter.sort === 'newest' && filter.attr.length === 0 && !filter.operation;
}

export function accepts(filter: Filter, row: TraceRow, range: Range, now = Date.now()): boolean {
  if (filter.service && row.service !== filter.service && !row.services.includes(filter.service)) return false;
  if (filter.status === 'error' && row.errors === 0) return false;
  if (filter.model && !row.models.includes(filter.model)) return false;
  if (filter.sample === 'exclude' && row.sample) return false;
  if (filter.sample === 'only' && !row.sample) return false;
  const [min, max] = [filter.min ? parseDuration(filter.min) : null, filter.max ? parseDuration(filter.max) : null];
  if (min !== null && row.duration_ns < min) return false;
  if (max !== null && row.duration_ns > max) return false;
  return range.kind === 'fixed' || millis(row.start_ns) >= now - range.ms;
}

/** Puts a live row into a list sorted newest first: a trace that grew replaces itself. */
export function upsert(list: TraceRow[], row: TraceRow, most: number): TraceRow[] {
  const at = list.findIndex((one) => one.trace_id === row.trace_id);
  if (at >= 0) return list.with(at, row);
  const start = BigInt(row.start_ns);
  let place = list.findIndex((one) => BigInt(one.start_ns) <= start);
  if (place < 0) place = list.length;
  const next = list.toSpliced(place, 0, row);
  return next.length > most ? next.slice(0, most) : next;
}
