// Points in time. The daemon sends nanoseconds as text; here they become ISO times in a zone that is always printed.

export type Zone = 'utc' | 'local';

/** Milliseconds since 1970, with fractions, good to a microsecond: enough to place things on a screen. */
export function millis(ns: string): number {
  const n = BigInt(ns);
  return Number(n / 1_000_000n) + Number(n % 1_000_000n) / 1e6;
}

export function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return (BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))).toString();
}

export function addNanos(ns: string, offset: number): string {
  return (BigInt(ns) + BigInt(Math.round(offset))).toString();
}

interface Fields {
  date: string;
  time: string;
  fraction: string;
}

const two = (n: number) => String(n).padStart(2, '0');

function fields(ms: number, zone: Zone): Fields {
  const d = new Date(ms);
  const utc = zone === 'utc';
  const [y, mo, da] = utc ? [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate()] : [d.getFullYear(), d.getMonth(), d.getDate()];
  const [h, mi, s] = utc ? [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()] : [d.getHours(), d.getMinutes(), d.getSeconds()];
  return { date: `${y}-${two(mo + 1)}-${two(da)}`, time: `${two(h)}:${two(mi)}:${two(s)}`, fraction: String(d.getMilliseconds()).padStart(3, '0') };
}

/** `2026-11-21 09:30:12.482` */
export function stamp(ns: string, zone: Zone): string {
  const f = fields(millis(ns), zone);
  return `${f.date} ${f.time}.${f.fraction}`;
}

/** `09:30:12.482`, with the date in front if it is another day than today. */
export function clock(ns: string, zone: Zone, now = Date.now()): string {
  const f = fields(millis(ns), zone);
  return fields(now, zone).date === f.date ? `${f.time}.${f.fraction}` : `${f.date.slice(5)} ${f.time}`;
}

/** Every digit that the daemon sent: for copying and for titles. */
export function exact(ns: string, zone: Zone): string {
  const f = fields(millis(ns), zone);
  const fraction = ns.slice(-9).padStart(9, '0');
  return `${f.date}T${f.time}.${fraction}${zone === 'utc' ? 'Z' : offset(millis(ns))}`;
}

/** `UTC`, or the offset of this machine at that time (`UTC+01:00`). */
export function zoneName(zone: Zone, ms = Date.now()): string {
  return zone === 'utc' ? 'UTC' : `UTC${offset(ms)}`;
}

function offset(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** A label for a tick of a time axis whose ticks are `step` milliseconds apart. */
export function tickLabel(ms: number, step: number, zone: Zone): string {
  const f = fields(ms, zone);
  if (step >= 86_400_000) return f.date.slice(5);
  if (step >= 60_000) return f.time === '00:00:00' ? f.date.slice(5) : f.time.slice(0, 5);
  if (step >= 1_000) return f.time;
  return `${f.time}.${f.fraction}`;
}

/** `just now`, `3 min ago`: never alone, always beside the time itself. */
export function ago(ns: string, now = Date.now()): string {
  const s = (now - millis(ns)) / 1000;
  if (s < 5) return 'just now';
  if (s < 90) return `${Math.round(s)} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 129_600) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86_400)} days ago`;
}

/** Nice time steps for an axis, in milliseconds. */
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1.8e6, 3.6e6, 7.2e6,
  10.8e6, 21.6e6, 43.2e6, 86.4e6, 172.8e6, 604.8e6,
];

export function timeStep(span: number, wanted: number): number {
  return STEPS.find((step) => span / step <= wanted) ?? STEPS[STEPS.length - 1];
}
