// Where a span lies on the horizontal axis. By time that is plain; by tokens or cost, a model call is as wide as what it
// used, calls follow each other in pre-order, and a parent spans its children.
import { count, duration, money } from '../text/units';
import { FLAG_LLM, type Trace } from './skeleton';

export type AxisKind = 'time' | 'tokens' | 'cost';

export interface Axis {
  kind: AxisKind;
  total: number;
  start: Float64Array;
  width: Float64Array;
}

export function axisOf(trace: Trace, kind: AxisKind): Axis {
  if (kind === 'time') return { kind, total: trace.total, start: trace.start, width: trace.duration };
  const values = kind === 'tokens' ? trace.tokens : trace.cost;
  const before = new Float64Array(trace.n + 1);
  for (let i = 0; i < trace.n; i++) {
    // Only leaf calls count: a total on an agent's span repeats its children.
    const own = trace.flags[i] & FLAG_LLM && values[i] > 0 ? values[i] : 0;
    before[i + 1] = before[i] + own;
  }
  const width = new Float64Array(trace.n);
  for (let i = 0; i < trace.n; i++) width[i] = before[i + Math.max(trace.subtree[i], 1)] - before[i];
  return { kind, total: Math.max(before[trace.n], 1), start: before.subarray(0, trace.n), width };
}

export interface Tick {
  at: number;
  label: string;
}

/** Round steps, and labels with as many digits as the step needs, so that two ticks never read the same. */
export function ticks(kind: AxisKind, from: number, to: number, wanted = 6): Tick[] {
  const span = to - from;
  if (!(span > 0)) return [];
  const step = niceStep(span / wanted);
  const out: Tick[] = [];
  for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-9 && out.length < 50; k++) {
    out.push({ at: k * step, label: tickText(kind, k * step, step, to) });
  }
  return out;
}

export function niceStep(least: number): number {
  const scale = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) if (factor * scale >= least * 0.999) return factor * scale;
  return 10 * scale;
}

function tickText(kind: AxisKind, value: number, step: number, to: number): string {
  if (kind === 'tokens') return count(value);
  if (kind === 'cost') {
    if (value === 0) return '$0';
    return `$${(value / 1e12).toFixed(Math.max(0, Math.ceil(-Math.log10(step / 1e12) - 1e-9)))}`;
  }
  const [unit, name] = to >= 1e9 ? [1e9, 's'] : to >= 1e6 ? [1e6, 'ms'] : to >= 1e3 ? [1e3, 'µs'] : [1, 'ns'];
  if (value === 0) return `0 ${name}`;
  const decimals = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
  return `${(value / unit).toFixed(Math.min(decimals, 9))} ${name}`;
}

export function axisValue(kind: AxisKind, value: number): string {
  return kind === 'time' ? duration(value) : kind === 'tokens' ? count(value) : money(value);
}
