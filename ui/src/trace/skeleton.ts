// A trace as flat arrays in pre-order, as the daemon sends it: no tree is built, a subtree is a run of rows.
import type { Skeleton, Totals } from '../api/shapes';

export const FLAG_ERROR = 1;
export const FLAG_LLM = 2;
export const FLAG_ORPHAN = 4;
export const FLAG_EVENTS = 8;
export const FLAG_LOGS = 16;

export const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

export interface Trace {
  id: string;
  startNs: string;
  /** Nanoseconds from the trace's start to its last end. */
  total: number;
  partial: boolean;
  sample: boolean;
  totals: Totals;
  services: string[];
  names: string[];
  n: number;
  spanId: string[];
  parent: Int32Array;
  depth: Uint16Array;
  subtree: Uint32Array;
  service: Uint16Array;
  name: Uint32Array;
  kind: Uint8Array;
  role: string[];
  start: Float64Array;
  duration: Float64Array;
  flags: Uint8Array;
  /** −1 is unknown: typed arrays have no null. */
  tokens: Float64Array;
  cost: Float64Array;
  ttft: Float64Array;
  /** Errors within each subtree, itself included. */
  errorsBelow: Uint32Array;
  maxDepth: number;
  byId: Map<string, number>;
}

const known = (values: (number | null)[]) => Float64Array.from(values, (value) => value ?? -1);

export function decode(wire: Skeleton): Trace {
  const s = wire.spans;
  const n = s.span_id.length;
  const trace: Trace = {
    id: wire.trace_id,
    startNs: wire.start_ns,
    total: Math.max(wire.duration_ns, 1),
    partial: wire.partial,
    sample: wire.sample,
    totals: wire.totals,
    services: wire.services,
    names: wire.names,
    n,
    spanId: s.span_id,
    parent: Int32Array.from(s.parent),
    depth: Uint16Array.from(s.depth),
    subtree: Uint32Array.from(s.subtree),
    service: Uint16Array.from(s.service),
    name: Uint32Array.from(s.name),
    kind: Uint8Array.from(s.kind),
    role: s.role,
    start: Float64Array.from(s.start),
    duration: Float64Array.from(s.duration),
    flags: Uint8Array.from(s.flags),
    tokens: known(s.tokens),
    cost: known(s.cost_pusd),
    ttft: known(s.ttft),
    errorsBelow: new Uint32Array(n),
    maxDepth: 0,
    byId: new Map(),
  };
  for (let i = n - 1; i >= 0; i--) {
    if (trace.flags[i] & FLAG_ERROR) trace.errorsBelow[i]++;
    const parent = trace.parent[i];
    if (parent >= 0) trace.errorsBelow[parent] += trace.errorsBelow[i];
    trace.byId.set(trace.spanId[i], i);
    trace.maxDepth = Math.max(trace.maxDepth, trace.depth[i]);
    trace.total = Math.max(trace.total, trace.start[i] + trace.duration[i]);
  }
  return trace;
}

/** Begin and end of everything in the subtree of `row`, in nanoseconds from the trace's start. */
export function extent(trace: Trace, row: number): [number, number] {
  let from = trace.start[row];
  let to = from + trace.duration[row];
  const end = row + trace.subtree[row];
  for (let i = row + 1; i < end; i++) {
    from = Math.min(from, trace.start[i]);
    to = Math.max(to, trace.start[i] + trace.duration[i]);
  }
  return [from, Math.max(to, from + 1)];
}
