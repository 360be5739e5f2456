// The critical path: the chain of spans that the end of the trace waited for. From each span's end we walk back: the child
// that ended last (not after the moment in question) is what was waited for, then what ended before that child began.
import type { Trace } from './skeleton';

/** 1 for each row on the path. O(n log n), without recursion. */
export function criticalPath(trace: Trace): Uint8Array {
  const on = new Uint8Array(trace.n);
  const end = (row: number) => trace.start[row] + trace.duration[row];
  let root = -1;
  for (let i = 0; i < trace.n; i += Math.max(trace.subtree[i], 1)) {
    if (root < 0 || end(i) > end(root)) root = i;
  }
  if (root < 0) return on;
  const stack: [number, number][] = [[root, end(root)]];
  while (stack.length > 0) {
    const [row, until] = stack.pop()!;
    on[row] = 1;
    const children: number[] = [];
    const last = row + trace.subtree[row];
    for (let i = row + 1; i < last; i += Math.max(trace.subtree[i], 1)) if (trace.parent[i] === row) children.push(i);
    children.sort((a, b) => end(b) - end(a));
    let moment = until;
    for (const child of children) {
      // Work that outlives what it was for was not waited for, up to a clock's jitter.
      if (end(child) > moment + 1 || trace.start[child] >= moment) continue;
      stack.push([child, Math.min(end(child), moment)]);
      moment = trace.start[child];
    }
  }
  return on;
}
