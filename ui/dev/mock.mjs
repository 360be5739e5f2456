// A stand-in for the daemon: the API in the shapes that src/api/shapes.ts describes, over made-up data, and ui/dist with the
// daemon's headers. For development (`npm run mock`, then `TUNDRA_API=http://127.0.0.1:9090 npm run dev`) and for tests.
//
//   node dev/mock.mjs [--port 9090] [--spans 10000] [--quiet] [--empty]
//
// `--quiet` makes no live traffic, `--empty` starts with the daemon's own start-up trace only.
import { createServer } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { agentRun, checkout, detail, finish, health, long, random, startup } from './made-up.mjs';
import { accept } from './websocket.mjs';

const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '9090' }, spans: { type: 'string', default: '10000' }, quiet: { type: 'boolean', default: false }, empty: { type: 'boolean', default: false } },
});
const DIST = new URL('../dist/', import.meta.url).pathname;
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

const started = Date.now();
const traces = new Map();
const tasks = [];
const clients = new Set();
const seen = new Map();
let spansTotal = 0;
let spansThisSecond = 0;

function keep(trace, { live = true } = {}) {
  traces.set(trace.row.trace_id, trace);
  while (traces.size > 3_000) traces.delete(traces.keys().next().value);
  spansTotal += trace.row.spans;
  spansThisSecond += trace.row.spans;
  if (!live) return trace;
  for (const client of clients) if (!client.paused && fits(trace.row, client.filter)) client.socket.send({ type: 'trace', trace: trace.row });
  return trace;
}

function fits(row, { service, q, status } = {}) {
  return !(service && !row.services.includes(service)) && !(status === 'error' && row.errors === 0) && !(q && !`${row.name} ${row.services.join(' ')} ${row.trace_id}`.toLowerCase().includes(q.toLowerCase()));
}

keep(finish(startup(), started), { live: false });
if (!options.empty) {
  for (let i = 0; i < 260; i++) keep(finish(random() < 0.15 ? agentRun() : random() < 0.6 ? checkout() : health(), started - random() * 3.4e6), { live: false });
  keep(finish(long(Number(options.spans)), started - 60_000), { live: false });
  keep(finish(agentRun(), started - 20_000), { live: false });
}

const send = (response, status, body, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
};
const fail = (response, status, code, message, hint) => send(response, status, { error: { code, message, hint } });
const rank = (values, q) => (values.length ? [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] : null);

function within(query) {
  const from = query.get('from_ns') ? BigInt(query.get('from_ns')) : 0n;
  const to = query.get('to_ns') ? BigInt(query.get('to_ns')) : 1n << 62n;
  return [...traces.values()].map((trace) => trace.row).filter((row) => BigInt(row.start_ns) >= from && BigInt(row.start_ns) <= to);
}

function list(query) {
  let rows = within(query).filter((row) => fits(row, Object.fromEntries(query)));
  const least = Number(query.get('min_duration_ns') ?? 0);
  const most = Number(query.get('max_duration_ns') ?? Infinity);
  rows = rows.filter((row) => row.duration_ns >= least && row.duration_ns <= most);
  if (query.get('model')) rows = rows.filter((row) => row.models.includes(query.get('model')));
  if (query.get('sample') === 'exclude') rows = rows.filter((row) => !row.sample);
  if (query.get('sample') === 'only') rows = rows.filter((row) => row.sample);
  for (const pair of query.getAll('attr')) {
    const [key, ...rest] = pair.split(':');
    rows = rows.filter((row) => [...traces.get(row.trace_id).spans.values()].some((span) => span.attrs[key] === rest.join(':')));
  }
  rows.sort(query.get('sort') === 'slowest' ? (a, b) => b.duration_ns - a.duration_ns : (a, b) => (BigInt(b.start_ns) > BigInt(a.start_ns) ? 1 : -1));
  const at = Number(query.get('cursor') ?? 0);
  const limit = Number(query.get('limit') ?? 100);
  return { traces: rows.slice(at, at + limit), next_cursor: at + limit < rows.length ? String(at + limit) : null };
}

function services(rows) {
  const names = [...new Set(rows.flatMap((row) => row.services))];
  return names.map((service) => {
    const mine = rows.filter((row) => row.services.includes(service));
    const times = mine.map((row) => row.duration_ns);
    return { service, spans: mine.reduce((sum, row) => sum + row.spans, 0), errors: mine.filter((row) => row.errors > 0).length, traces: mine.length, p50_ns: rank(times, 0.5), p95_ns: rank(times, 0.95), last_seen_ns: mine.reduce((last, row) => (BigInt(row.start_ns) > BigInt(last) ? row.start_ns : last), '0') };
  }).sort((a, b) => b.spans - a.spans);
}

function overview(query) {
  const rows = within(query);
  const from = Number(BigInt(query.get('from_ns') ?? 0) / 1_000_000n) || started - 3.6e6;
  const to = query.get('to_ns') ? Number(BigInt(query.get('to_ns')) / 1_000_000n) : Date.now();
  const step = Math.max(1_000, Math.ceil((to - from) / 60 / 1_000) * 1_000);
  const n = Math.max(1, Math.ceil((to - from) / step));
  const buckets = Array.from({ length: n }, () => []);
  for (const row of rows) buckets[Math.min(n - 1, Math.max(0, Math.floor((Number(BigInt(row.start_ns) / 1_000_000n) - from) / step)))].push(row);
  const real = rows.filter((row) => !row.sample);
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  return {
    sentence: rows.length === 0 ? 'Nothing has arrived in this time range.' : errors ? `${services(rows).length} services are reporting; ${rows.filter((row) => row.errors).length} of ${rows.length} traces have errors, most of them in payments.` : 'All is well: no errors in this time range.',
    spans: rows.reduce((sum, row) => sum + row.spans, 0), traces: rows.length, errors,
    llm: { calls: real.reduce((sum, row) => sum + row.llm_calls, 0), tokens: real.reduce((sum, row) => sum + (row.tokens ?? 0), 0), cost_pusd: real.reduce((sum, row) => sum + (row.cost_pusd ?? 0), 0), unpriced_calls: real.filter((row) => row.models.includes('llama-4-70b')).length },
    series: {
      step_ns: step * 1e6, start_ns: String(BigInt(Math.floor(from)) * 1_000_000n), spans: buckets.map((rows) => rows.reduce((sum, row) => sum + Math.min(row.spans, 400), 0)), errors: buckets.map((rows) => rows.reduce((sum, row) => sum + Math.min(row.errors, 400), 0)),
      p50_ns: buckets.map((rows) => rank(rows.map((row) => row.duration_ns), 0.5)), p95_ns: buckets.map((rows) => rank(rows.map((row) => row.duration_ns), 0.95)),
    },
    services: services(rows), recent_traces: list(new URLSearchParams({ limit: '10' })).traces,
  };
}

function usage(query) {
  const groups = new Map();
  for (const row of within(query).filter((row) => !row.sample)) {
    for (const span of traces.get(row.trace_id).spans.values()) {
      const call = span.llm?.call;
      if (!call) continue;
      const by = query.get('group_by') ?? 'model';
      const key = by === 'provider' ? call.provider : by === 'service' ? span.service : by === 'agent' ? call.agent_name : call.request_model;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push({ call, span });
    }
  }
  const sum = (list, field) => (list.some(({ call }) => call[field] !== null && call[field] !== undefined) ? list.reduce((total, { call }) => total + (call[field] ?? 0), 0) : null);
  return { rows: [...groups].map(([key, list]) => ({
    key, provider: list[0].call.provider, model: list[0].call.request_model, calls: list.length, errors: list.filter(({ span }) => span.error).length,
    input_tokens: sum(list, 'input_tokens'), cache_read_tokens: sum(list, 'cache_read_tokens'), output_tokens: sum(list, 'output_tokens'), reasoning_tokens: sum(list, 'reasoning_tokens'), cost_pusd: sum(list, 'cost_pusd'),
    unpriced_calls: list.filter(({ call }) => call.cost_pusd === null).length, p50_ns: rank(list.map(({ span }) => Math.round(span.duration)), 0.5), p95_ns: rank(list.map(({ span }) => Math.round(span.duration)), 0.95), ttft_p50_ns: rank(list.map(({ call }) => call.ttft_ns), 0.5),
  })) };
}

const PROFILES = {
  chosen: 'openai', rule: 'A healthy configured profile first, then a healthy cloud profile, then a local runtime; the fastest of equals.', total_available: 2,
  profiles: [
    { name: 'openai', provider: 'openai', kind: 'cloud', base_url: 'https://api.openai.com/v1', models: ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'text-embedding-3'], healthy: true, detail: null, latency_ms: 182.4, source: 'environment' },
    { name: 'local-runtime', provider: 'Local', kind: 'local', base_url: 'http://127.0.0.1:11434', models: ['llama-4-70b'], healthy: true, detail: 'Ollama 0.9', latency_ms: 3.1, source: 'discovered' },
    { name: 'anthropic', provider: 'anthropic', kind: 'cloud', base_url: 'https://api.anthropic.com', models: [], healthy: false, detail: 'the key was refused (401)', latency_ms: null, source: 'environment' },
  ],
};

function startTask(body) {
  const trace = keep(finish(agentRun(), Date.now()));
  const task = { id: `task-${tasks.length + 1}`, agent_name: body.agent_name, task_type: body.task_type, profile: body.profile ?? 'openai', model: 'gpt-5-mini', state: 'queued', input: body.input, result: null, error: null, created_ns: String(BigInt(Date.now()) * 1_000_000n), finished_ns: null, trace_id: null, tokens: null, cost_pusd: null };
  tasks.unshift(task);
  setTimeout(() => Object.assign(task, { state: 'running' }), 300);
  setTimeout(() => Object.assign(task, { state: 'succeeded', result: 'Three incidents, one without an owner.', finished_ns: String(BigInt(Date.now()) * 1_000_000n), trace_id: trace.row.trace_id, tokens: 812, cost_pusd: 1_240_000_000 }), 1_200);
  return { id: task.id, state: task.state };
}

function loadSample() {
  const first = keep(finish(agentRun(), Date.now() - 5_000, { sample: true }));
  const big = keep(finish(long(Number(options.spans)), Date.now() - 50_000, { sample: true }));
  return { trace_id: first.row.trace_id, spans: first.row.spans + big.row.spans };
}

function removeSample() {
  let removed = 0;
  for (const [key, trace] of traces) if (trace.row.sample) (removed += trace.row.spans), traces.delete(key);
  return { removed_spans: removed };
}

/** For tests: `POST /mock/span` stands for a program that sends its first span. */
function arrive() {
  const trace = keep(finish(checkout({ fail: false }), Date.now()));
  seen.set('checkout', { service: 'checkout', source: 'otlp', language: 'python', sdk: 'opentelemetry', spans: (seen.get('checkout')?.spans ?? 0) + 3, first_trace_id: trace.row.trace_id, last_seen_ns: String(BigInt(Date.now()) * 1_000_000n) });
  return { trace_id: trace.row.trace_id };
}

/** The one statement that the UI sends: where is this span? */
function sql(statement) {
  const id = /span_id = '([0-9a-f]{16})'/.exec(statement)?.[1];
  const found = [...traces.values()].find((trace) => trace.spans.has(id));
  return found ? `${JSON.stringify({ trace_id: found.row.trace_id })}\n` : '';
}

async function api(request, response, url) {
  const { pathname: path, searchParams: query } = url;
  const addresses = { ui: `127.0.0.1:${server.address().port}`, api: '127.0.0.1:9090', otlp_http: '127.0.0.1:4318', otlp_grpc: '127.0.0.1:4317', datadog: '127.0.0.1:8126', dogstatsd: '127.0.0.1:8125' };
  const trace = /^\/api\/traces\/([0-9a-f]{32})(?:\/spans\/([0-9a-f]{16}))?$/.exec(path);
  if (trace) {
    const found = traces.get(trace[1]);
    if (!found) return fail(response, 404, 'trace_not_found', `no trace \`${trace[1]}\` is stored`, 'check the id, or look for it in the trace list');
    const body = trace[2] ? detail(found, trace[2]) : found.skeleton;
    if (!body) return fail(response, 404, 'span_not_found', `no span \`${trace[2]}\` in this trace`, 'reload the trace');
    if (trace[2]) return send(response, 200, body);
    found.packed ??= gzipSync(JSON.stringify(body));
    return send(response, 200, found.packed, { 'content-encoding': 'gzip' });
  }
  let text = '';
  for await (const chunk of request) text += chunk;
  const routes = {
    'GET /api/health': () => ({ status: 'ok', version: '0.1.0-mock', uptime_ms: Date.now() - started, addresses, data_dir: '~/.local/share/tundra', forwarder: { state: 'off', target: null, detail: 'no Datadog Agent at localhost:8126: keeping everything here' }, ledger: [{ protocol: 'otlp', counter: 'received', reason: '', value: spansTotal }], pid: process.pid }),
    'GET /api/overview': () => overview(query),
    'GET /api/traces': () => list(query),
    'GET /api/services': () => ({ services: services(within(query)) }),
    'GET /api/llm/usage': () => usage(query),
    'GET /api/connect': () => ({ sources: [...seen.values()].filter((source) => BigInt(source.last_seen_ns) >= BigInt(query.get('since_ns') ?? 0)) }),
    'GET /api/profiles': () => PROFILES,
    'GET /api/tasks': () => ({ tasks }),
    'POST /api/tasks': () => startTask(JSON.parse(text)),
    'POST /api/sample': loadSample,
    'DELETE /api/sample': removeSample,
    'POST /api/sql': () => sql(JSON.parse(text).sql),
    'POST /mock/span': arrive,
  };
  const route = routes[`${request.method} ${path}`];
  if (!route) return fail(response, 404, 'no_such_path', `nothing answers \`${request.method} ${path}\``, 'see /api/openapi.json');
  return send(response, path === '/api/tasks' && request.method === 'POST' ? 202 : 200, route());
}

function page(request, response, url) {
  const name = normalize(url.pathname).replace(/^\/+/, '');
  let path = join(DIST, name);
  const isFile = name && statSync(path, { throwIfNoEntry: false })?.isFile();
  if (!isFile && name.startsWith('assets/')) return send(response, 404, '');
  if (!isFile) path = join(DIST, 'index.html');
  let body = readFileSync(path);
  const headers = { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-security-policy': CSP, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin', 'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache' };
  if (path.endsWith('index.html')) {
    const theme = /tundra_theme=(dark|light)/.exec(request.headers.cookie ?? '')?.[1];
    if (theme) body = Buffer.from(body.toString().replace('<html', `<html data-theme="${theme}"`));
  } else if (/\.(js|css|svg)$/.test(path) && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    body = gzipSync(body);
    headers['content-encoding'] = 'gzip';
  }
  return send(response, 200, body, headers);
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://mock');
  const answer = /^\/(api|mock)\//.test(url.pathname) ? api : page;
  Promise.resolve().then(() => answer(request, response, url)).catch((error) => fail(response, 500, 'mock_failed', String(error), 'look at the mock’s output'));
});
server.on('upgrade', (request, socket) => {
  if (!request.url.startsWith('/api/live')) return socket.destroy();
  const client = { filter: {}, paused: false };
  client.socket = accept(request, socket, (message) => Object.assign(client, JSON.parse(message)));
  clients.add(client);
  socket.on('close', () => clients.delete(client));
});
setInterval(() => {
  for (const client of clients) client.socket.send({ type: 'rate', spans_per_s: spansThisSecond, skipped: 0, total_spans: spansTotal });
  spansThisSecond = 0;
}, 1_000).unref();
if (!options.quiet && !options.empty) setInterval(() => keep(finish(random() < 0.1 ? agentRun() : random() < 0.6 ? checkout() : health(), Date.now())), 350).unref();
server.listen(Number(options.port), '127.0.0.1', () => console.log(`mock daemon at http://127.0.0.1:${server.address().port}`));
