// Numbers as people read them: durations, counts, money. Unknown is a dash, never a zero.

export const UNKNOWN = '—';

const US = 1e3;
const MS = 1e6;
const S = 1e9;
const MINUTE = 60 * S;
const HOUR = 60 * MINUTE;

/** A duration in nanoseconds, with three digits that matter. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return UNKNOWN;
  if (ns === 0) return '0';
  const sign = ns < 0 ? '−' : '';
  const n = Math.abs(ns);
  if (n < US) return `${sign}${Math.round(n)} ns`;
  if (n < MS) return `${sign}${digits(n / US)} µs`;
  if (n < S) return `${sign}${digits(n / MS)} ms`;
  if (n < MINUTE) return `${sign}${(n / S).toFixed(2)} s`;
  if (n < HOUR) return `${sign}${Math.floor(n / MINUTE)} m ${pad(Math.floor((n % MINUTE) / S))} s`;
  return `${sign}${Math.floor(n / HOUR)} h ${pad(Math.floor((n % HOUR) / MINUTE))} m`;
}

function digits(x: number): string {
  if (x >= 99.95) return x.toFixed(0);
  return x.toFixed(x >= 9.995 ? 1 : 2);
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}

/** What a person may type as a duration (`250ms`, `1.5 s`, `2m`), in nanoseconds. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)?\s*$/i.exec(text);
  if (!match) return null;
  const scale: Record<string, number> = { ns: 1, us: US, µs: US, ms: MS, s: S, m: MINUTE, h: HOUR };
  return Math.round(Number(match[1]) * scale[(match[2] ?? 'ms').toLowerCase()]);
}

/** A whole number with thin separators. */
export function count(n: number | null | undefined): string {
  if (n === null || n === undefined) return UNKNOWN;
  return Math.round(n).toString().replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** A number short enough for a table cell: `4.14 M`. */
export function short(n: number | null | undefined): string {
  if (n === null || n === undefined) return UNKNOWN;
  for (const [limit, unit] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const) {
    if (Math.abs(n) >= limit) {
      const scaled = n / (unit === 'k' ? 1e3 : limit);
      return `${scaled >= 100 ? scaled.toFixed(0) : scaled >= 10 ? scaled.toFixed(1) : scaled.toFixed(2)}\u202f${unit}`;
    }
  }
  return count(n);
}

/** Pico-USD as dollars, with enough digits that a small amount is not shown as nothing. */
export function money(pusd: number | null | undefined): string {
  if (pusd === null || pusd === undefined) return UNKNOWN;
  const usd = pusd / 1e12;
  if (usd === 0) return '$0.00';
  const size = Math.abs(usd);
  if (size >= 0.1) return `$${usd.toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')}`;
  if (size < 0.000001) return '<$0.000001';
  return `$${usd.toFixed(Math.min(6, 1 - Math.floor(Math.log10(size))))}`;
}

export function percent(part: number, whole: number): string {
  if (!whole) return UNKNOWN;
  const p = (part / whole) * 100;
  if (p > 0 && p < 0.1) return '<0.1 %';
  return `${p >= 10 || p === 0 ? p.toFixed(0) : p.toFixed(1)} %`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
