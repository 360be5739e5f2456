// The shared core of the trace screen, on small traces drawn as text: one line a span, indentation is depth.
import { describe, expect, it } from 'vitest';
import type { Skeleton } from '../api/shapes';
import { parseDuration } from '../text/units';
import { axisOf, niceStep, ticks } from './axis';
import { criticalPath } from './critical';
import { hues } from './hues';
import { find, level, nextError, visible, windowOf, withAncestors } from './rows';
import { decode, extent, FLAG_ERROR, FLAG_LLM, type Trace } from './skeleton';

/** `name start+duration [! error] [tokens=n]` */
function draw(picture: string): Trace {
  const lines = picture.split('\n').filter((line) => line.trim());
  const wire: Skeleton = {
    trace_id: '0'.repeat(32), start_ns: '1000', duration_ns: 0, partial: false, sample: false, services: ['svc'], names: [],
    totals: { spans: lines.length, errors: 0, llm_calls: 0, tokens: null, cost_pusd: null },
    spans: { span_id: [], parent: [], depth: [], subtree: [], service: [], name: [], kind: [], role: [], start: [], duration: [], flags: [], tokens: [], cost_pusd: [], ttft: [] },
  };
  const least = Math.min(...lines.map((line) => line.search(/\S/)));
  const open: number[] = [];
  lines.forEach((line, i) => {
    const depth = (line.search(/\S/) - least) / 2;
    const [, name, start, duration, rest] = /(\S+) (\d+)\+(\d+)(.*)/.exec(line)!;
    const s = wire.spans;
    open[depth] = i;
    s.span_id.push(i.toString(16).padStart(16, '0'));
    s.parent.push(depth > 0 ? open[depth - 1] : -1);
    s.depth.push(depth);
    s.subtree.push(1);
    s.service.push(0);
    s.name.push(wire.names.push(name) - 1);
    s.kind.push(1);
    const tokens = /tokens=(\d+)/.exec(rest);
    s.role.push(tokens ? 'llm' : '');
    s.start.push(Number(start));
    s.duration.push(Number(duration));
    s.flags.push((rest.includes('!') ? FLAG_ERROR : 0) | (tokens ? FLAG_LLM : 0));
    s.tokens.push(tokens ? Number(tokens[1]) : null);
    s.cost_pusd.push(null);
    s.ttft.push(null);
    for (let up = depth - 1; up >= 0; up--) s.subtree[open[up]]++;
  });
  return decode(wire);
}

const TREE = draw(`
  root 0+100
    a 0+40
      a1 5+10 !
      a2 20+15
    b 50+45
      b1 50+20
      b2 75+20 !
  orphan 10+200`);
const names = (trace: Trace, rows: Iterable<number>) => [...rows].map((row) => trace.names[trace.name[row]]).join(' ');
const shut = (...closed: string[]) => Uint8Array.from({ length: TREE.n }, (_, i) => Number(closed.includes(TREE.names[TREE.name[i]])));
const marked = (trace: Trace, marks: Uint8Array) => names(trace, [...marks.keys()].filter((i) => marks[i]));

describe('decode', () => {
  it('counts errors below and the longest end', () => {
    expect([...TREE.errorsBelow]).toEqual([2, 1, 1, 0, 1, 0, 1, 0]);
    expect(TREE.total).toBe(210);
    expect(extent(TREE, 4)).toEqual([50, 95]);
  });
  it('takes an empty trace', () => {
    const empty = draw('');
    expect(empty.n).toBe(0);
    expect([...criticalPath(empty)]).toEqual([]);
    expect([...visible(empty, { collapsed: new Uint8Array(0), keep: null })]).toEqual([]);
  });
});

describe('rows', () => {
  it.each([
    [[], 'root a a1 a2 b b1 b2 orphan'],
    [['a'], 'root a b b1 b2 orphan'],
    [['root'], 'root orphan'],
    [['a', 'b', 'b2'], 'root a b orphan'],
  ])('collapsing %j leaves %s', (closed, left) => {
    expect(names(TREE, visible(TREE, { collapsed: shut(...closed), keep: null }))).toBe(left);
  });

  it.each([
    ['error', 'a1 b2'],
    ['-error', 'root a a2 b b1 orphan'],
    ['b', 'b b1 b2'],
    ['name:a error', 'a1'],
    ['>45ns', 'root b orphan'],
    ['>0.04us', 'root a b orphan'],
    ['nothing-like-it', ''],
    ['service:svc -name:a', 'root b b1 b2'],
  ])('finding %s hits %s', (query, hit) => {
    expect(marked(TREE, find(TREE, query, parseDuration)!)).toBe(hit);
  });

  it('keeps the way to each hit', () => {
    expect(marked(TREE, withAncestors(TREE, find(TREE, 'a1', parseDuration)!))).toBe('root a a1');
    expect(find(TREE, '   ', parseDuration)).toBeNull();
  });

  it('steps through errors and levels', () => {
    const all = visible(TREE, { collapsed: shut(), keep: null });
    expect(nextError(TREE, all, 0, 1)).toBe(2);
    expect(nextError(TREE, all, 2, 1)).toBe(6);
    expect(nextError(TREE, all, 6, 1)).toBe(-1);
    expect(nextError(TREE, all, 6, -1)).toBe(2);
    const one = level(TREE, shut(), -1);
    expect(names(TREE, visible(TREE, { collapsed: one, keep: null }))).toBe('root a b orphan');
    expect(names(TREE, visible(TREE, { collapsed: level(TREE, one, -1), keep: null }))).toBe('root orphan');
    expect(names(TREE, visible(TREE, { collapsed: level(TREE, level(TREE, one, -1), 1), keep: null }))).toBe('root a b orphan');
  });

  it('shows a bounded window of any number of rows', () => {
    expect(windowOf(0, 520, 10_000, 26)).toEqual([0, 32]);
    expect(windowOf(26_000, 520, 10_000, 26)).toEqual([994, 1026]);
    expect(windowOf(0, 520, 3, 26)).toEqual([0, 3]);
    expect(windowOf(99_999, 520, 3, 26)).toEqual([3, 3]);
  });
});

describe('critical path', () => {
  it.each([
    ['waits for what ended last', 'root 0+100\n  a 0+40\n  b 50+50', 'root a b'],
    ['leaves out what ran beside it', 'root 0+100\n  a 0+30\n  slow 0+90\n  b 92+8', 'root slow b'],
    ['leaves out what outlived its parent', 'root 0+100\n  late 50+200\n  b 10+80', 'root b'],
    ['goes down', 'root 0+100\n  a 0+100\n    a1 0+50\n    a2 60+40', 'root a a1 a2'],
  ])('%s', (_what, picture, path) => {
    const trace = draw(picture);
    expect(marked(trace, criticalPath(trace))).toBe(path);
  });

  it('is quick and flat for ten thousand spans', () => {
    const deep = draw(Array.from({ length: 3_000 }, (_, i) => `${'  '.repeat(i % 60)}s${i} ${i}+${9_000 - i}`).join('\n'));
    expect(criticalPath(deep)[0]).toBe(1);
  });
});

describe('axis', () => {
  const trace = draw('root 0+100\n  x 0+10 tokens=30\n  y 10+10\n    z 10+5 tokens=70');
  it('by tokens: calls side by side, parents around them, nothing counted twice', () => {
    const axis = axisOf(trace, 'tokens');
    expect(axis.total).toBe(100);
    expect([...axis.start]).toEqual([0, 0, 30, 30]);
    expect([...axis.width]).toEqual([100, 30, 70, 70]);
  });
  it('by cost: unknown is not drawn as zero cost of something', () => {
    expect([...axisOf(trace, 'cost').width]).toEqual([0, 0, 0, 0]);
  });
  it.each([
    [0, 6e9, ['0 s', '1 s', '2 s', '3 s', '4 s', '5 s', '6 s']],
    [16.02e9, 16.043e9, ['16.020 s', '16.025 s', '16.030 s', '16.035 s', '16.040 s']],
    [0, 900, ['0 ns', '200 ns', '400 ns', '600 ns', '800 ns']],
    [0, 23e6, ['0 ms', '5 ms', '10 ms', '15 ms', '20 ms']],
  ])('ticks of %d to %d never repeat', (from, to, labels) => {
    expect(ticks('time', from, to).map((tick) => tick.label)).toEqual(labels);
  });
  it('steps are round', () => {
    expect([0.3, 1, 1.1, 2.2, 6, 70].map(niceStep)).toEqual([0.5, 1, 2, 5, 10, 100]);
    expect(ticks('time', 5, 5)).toEqual([]);
  });
});

it('services keep their colour and never share one while eight suffice', () => {
  const eight = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  expect(new Set(hues(eight)).size).toBe(8);
  expect(hues([...eight, 'i'])[8]).toBe(8);
  expect(hues(['checkout'])).toEqual(hues(['checkout']));
});
