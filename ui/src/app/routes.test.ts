import { expect, it } from 'vitest';
import { matchPath } from './routes';
import { rangeOf, rangeQuery } from './timerange';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

it.each([
  ['/', 'overview', ''], ['/traces', 'traces', ''], ['/traces/', 'traces', ''], [`/traces/${ID}`, 'trace', ID], [`/traces/${ID.toUpperCase()}`, 'trace', ID],
  ['/traces/a3ce929d0e0e4736', 'trace', '0000000000000000a3ce929d0e0e4736'], ['/traces/nothex', 'missing', ''], ['/llm', 'llm', ''], ['/connect', 'connect', ''], ['/llm/x', 'missing', ''], ['/nope', 'missing', ''],
])('%s is %s %s', (path, screen, id) => expect(matchPath(path)).toEqual({ screen, id }));

it.each([
  ['', { from_ns: '996400000000000' }], ['range=5m', { from_ns: '999700000000000' }], ['range=nonsense', { from_ns: '996400000000000' }],
  ['from=10&to=20', { from_ns: '10', to_ns: '20' }], ['from=20&to=10', { from_ns: '996400000000000' }], ['from=x&to=20', { from_ns: '996400000000000' }],
])('range %j asks %j', (text, query) => expect(rangeQuery(rangeOf(new URLSearchParams(text)), 1e9)).toEqual(query));
