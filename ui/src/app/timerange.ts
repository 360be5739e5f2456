// The time range of the address bar: either relative (`range=1h`, moves with the clock) or fixed (`from`/`to` in ns).
import { millis, nanos } from '../text/instant';
import type { Query } from '../api/client';

export const RANGES = [
  { key: '5m', label: 'Last 5 minutes', ms: 300_000 },
  { key: '15m', label: 'Last 15 minutes', ms: 900_000 },
  { key: '1h', label: 'Last hour', ms: 3_600_000 },
  { key: '6h', label: 'Last 6 hours', ms: 21_600_000 },
  { key: '24h', label: 'Last 24 hours', ms: 86_400_000 },
  { key: '7d', label: 'Last 7 days', ms: 604_800_000 },
  { key: '30d', label: 'Last 30 days', ms: 2_592_000_000 },
] as const;

export const DEFAULT_RANGE = '1h';

export type Range = { kind: 'last'; key: string; label: string; ms: number } | { kind: 'fixed'; from: string; to: string };

const isNanos = (text: string | null): text is string => text !== null && /^\d{1,19}$/.test(text);

export function rangeOf(params: URLSearchParams): Range {
  const from = params.get('from');
  const to = params.get('to');
  if (isNanos(from) && isNanos(to) && BigInt(from) < BigInt(to)) return { kind: 'fixed', from, to };
  const key = params.get('range') ?? DEFAULT_RANGE;
  const found = RANGES.find((range) => range.key === key) ?? RANGES.find((range) => range.key === DEFAULT_RANGE)!;
  return { kind: 'last', ...found };
}

/** As the API wants it. A relative range has no end, so that what arrives while the page is open counts. */
export function rangeQuery(range: Range, now = Date.now()): Query {
  return range.kind === 'fixed' ? { from_ns: range.from, to_ns: range.to } : { from_ns: nanos(now - range.ms) };
}

/** Begin and end in milliseconds, for axes. */
export function rangeBounds(range: Range, now = Date.now()): [number, number] {
  return range.kind === 'fixed' ? [millis(range.from), millis(range.to)] : [now - range.ms, now];
}
