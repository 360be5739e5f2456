// From the address to the query and to the live list.
import { describe, expect, it } from 'vitest';
import type { TraceRow } from '../api/shapes';
import { queryText } from '../api/client';
import { accepts, canFollow, filterOf, toQuery, upsert } from './filter';

const LAST = { kind: 'last', key: '1h', label: '', ms: 3_600_000 } as const;
const FIXED = { kind: 'fixed', from: '1', to: '2' } as const;
const NOW = 1_795_251_012_000;
const filter = (text: string) => filterOf(new URLSearchParams(text));
const row = (over: Partial<TraceRow> = {}): TraceRow => ({
  trace_id: 'a', name: 'GET /', service: 'shop', start_ns: `${NOW - 1_000}000000`, duration_ns: 5e6, spans: 1, errors: 0, llm_calls: 0, tokens: null, cost_pusd: null, services: ['shop', 'db'], models: ['m1'], partial: false, sample: false, ...over,
});

it.each([
  ['', '?from_ns=1795247412000000000'],
  ['service=shop&status=error', '?from_ns=1795247412000000000&service=shop&status=error'],
  ['status=odd&sort=odd&sample=odd', '?from_ns=1795247412000000000'],
  ['min=250ms&max=2s', '?from_ns=1795247412000000000&min_duration_ns=250000000&max_duration_ns=2000000000'],
  ['min=fast', '?from_ns=1795247412000000000'],
  ['attr=a:b&attr=!c:d&attr=nocolon', '?from_ns=1795247412000000000&attr=a%3Ab&attr=%21c%3Ad'],
  ['sort=slowest&q=a b', '?from_ns=1795247412000000000&q=a+b&sort=slowest'],
])('address %j asks %s', (address, query) => expect(queryText(toQuery(filter(address), LAST, NOW))).toBe(query));

it.each([
  ['', {}, true], ['service=db', {}, true], ['service=other', {}, false], ['status=error', {}, false], ['status=error', { errors: 2 }, true], ['model=m1', {}, true], ['model=m2', {}, false],
  ['min=6ms', {}, false], ['max=6ms', {}, true], ['sample=only', {}, false], ['sample=exclude', { sample: true }, false], ['', { start_ns: '5' }, false],
] as const)('filter %j on a live row %j: %s', (address, over, taken) => expect(accepts(filter(address), row(over), LAST, NOW)).toBe(taken));

describe('live list', () => {
  it('follows only what a live row can be tested for', () => {
    expect(canFollow(filter('service=x&model=y'), LAST)).toBe(true);
    for (const address of ['attr=a:b', 'sort=slowest', 'operation=x']) expect(canFollow(filter(address), LAST)).toBe(false);
    expect(canFollow(filter(''), FIXED)).toBe(false);
  });

  it('puts rows in order, replaces grown ones, and stays bounded', () => {
    const at = (id: string, start: string, spans = 1) => row({ trace_id: id, start_ns: start, spans });
    let list = [at('c', '30'), at('a', '10')];
    list = upsert(list, at('b', '20'), 3);
    expect(list.map((one) => one.trace_id).join('')).toBe('cba');
    list = upsert(list, at('a', '10', 9), 3);
    expect(list[2].spans).toBe(9);
    list = upsert(list, at('d', '40'), 3);
    expect(list.map((one) => one.trace_id).join('')).toBe('dcb');
  });
});
