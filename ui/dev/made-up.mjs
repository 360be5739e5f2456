// Made-up telemetry for the mock server: agent runs with messages, plain services, failures, and a trace of 10,000 spans.
// Seeded, so that two runs of a test see the same shapes (ids and times are new each time).
import { randomBytes } from 'node:crypto';

const US = 1e3;
const MS = 1e6;
const S = 1e9;
export const FLAGS = { error: 1, llm: 2, orphan: 4, events: 8, logs: 16 };
const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const MODELS = [
  { model: 'gpt-5-mini', provider: 'openai', inp: 250_000, out: 2_000_000 },
  { model: 'claude-sonnet-4-5', provider: 'anthropic', inp: 3_000_000, out: 15_000_000 },
  { model: 'llama-4-70b', provider: 'ollama', inp: null, out: null },
];

let seed = 7;
export const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
const between = (a, b) => a + random() * (b - a);
const pick = (list) => list[Math.floor(random() * list.length)];
const id = (bytes) => randomBytes(bytes).toString('hex');

/** Builds a tree of plain objects, then lays it out as the API's columns. */
class Span {
  constructor(name, service, { role = '', kind = 'internal', start = 0, duration = 0, error = null, llm = null, attrs = {}, events = [], logs = [], run = null } = {}) {
    Object.assign(this, { name, service, role, kind, start, duration, error, llm, attrs, events, logs, run, children: [], id: id(8), orphan: false });
  }
  add(child) {
    this.children.push(child);
    this.duration = Math.max(this.duration, child.start + child.duration - this.start + 40 * US);
    return child;
  }
  get end() {
    return this.start + this.duration;
  }
}

const QUESTION = 'Summarize last week’s incidents and file a follow-up for each that has no owner.';
const SYSTEM = 'You are an operations assistant.\nUse the tools you are given; never guess an incident number.\nAnswer in short sentences.';

function llmCall(service, at, history, answer, { model = pick(MODELS), error = null, cachedShare = 0 } = {}) {
  const input = 400 + Math.round(JSON.stringify(history).length / 3.6);
  const cached = Math.round(input * cachedShare);
  const output = 30 + Math.round(JSON.stringify(answer).length / 3.6);
  const ttft = Math.round(between(120, 480) * MS);
  const duration = ttft + Math.round(between(0.4, 2.2) * S);
  const cost = model.inp === null ? null : input * model.inp + output * model.out;
  const messages = [];
  const put = (direction) => (parts, idx) => parts.parts.forEach((part, n) => messages.push({ direction, idx, part: n, role: parts.role, tool_name: null, tool_call_id: null, ...part }));
  history.filter((m) => m.role === 'system').forEach(put('system'));
  history.filter((m) => m.role !== 'system').forEach(put('input'));
  if (!error) [answer].forEach(put('output'));
  return new Span(`chat ${model.model}`, service, {
    role: 'llm', kind: 'client', start: at, duration, error,
    attrs: { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': model.provider, 'gen_ai.request.model': model.model, 'server.address': `api.${model.provider}.com` },
    llm: {
      tokens: input + output, cost, ttft,
      call: {
        operation: 'chat', dialect: 'otel_genai', provider: model.provider, request_model: model.model, response_model: model.model, streaming: true,
        input_tokens: input, cache_read_tokens: cached || null, output_tokens: error ? null : output, reasoning_tokens: model.provider === 'openai' ? Math.round(output / 3) : null,
        tokens_provenance: 'reported', cost_pusd: cost, cost_reported_pusd: null, cost_provenance: cost === null ? 'unknown' : 'derived',
        price_ref: cost === null ? null : `${model.provider}/${model.model} 2026-11-01`, ttft_ns: ttft, finish_reason: error ? null : answer.parts.some((p) => p.kind === 'tool_call') ? 'tool_calls' : 'stop',
        error_type: error, agent_name: 'ops-assistant', session_id: 'session-17',
      },
      messages,
    },
  });
}

const text = (role, content) => ({ role, parts: [{ kind: 'text', content }] });
const REPORT = `## Last week\n\nThere were **three incidents**; two have an owner.\n\n| incident | service | minutes | owner |\n|---|---|---:|---|\n| INC-412 | checkout | 38 | Dana |\n| INC-413 | search | 12 | *none* |\n| INC-415 | billing | 4 | Lee |\n\n1. I filed a follow-up for INC-413.\n2. The cause of INC-412 was a slow query:\n\n\`\`\`sql\nSELECT * FROM orders WHERE state = 'open' ORDER BY created\n\`\`\`\n\n> The index was added on Thursday.\n\nSee [the runbook](https://example.com/runbook) and <img src=x onerror=alert(1)> \`incidents.sql\`.`;

export function agentRun() {
  const root = new Span('POST /v1/agent/run', 'gateway', { kind: 'server', attrs: { 'http.request.method': 'POST', 'http.route': '/v1/agent/run', 'http.response.status_code': '200', 'user_agent.original': 'curl/8.5.0' } });
  const agent = new Span('invoke_agent ops-assistant', 'agent-runtime', { role: 'agent', start: 2 * MS, attrs: { 'gen_ai.agent.name': 'ops-assistant' }, run: { agent_name: 'ops-assistant', parent_agent: null, kind: 'agent', success: true, session_id: 'session-17' } });
  const history = [text('system', SYSTEM), text('user', QUESTION)];
  let at = 4 * MS;
  const steps = [
    ['search_incidents', { since: '2026-11-13', until: '2026-11-20' }, '{"incidents":[{"id":"INC-412","service":"checkout","owner":"Dana"},{"id":"INC-413","service":"search","owner":null},{"id":"INC-415","service":"billing","owner":"Lee"}]}', null],
    ['run_sql', { query: 'SELECT id, minutes FROM incidents WHERE id IN (412, 413, 415)' }, null, 'relation "incidents" does not exist'],
    ['run_sql', { query: 'SELECT id, minutes FROM ops.incidents WHERE id IN (412, 413, 415)' }, '[{"id":412,"minutes":38},{"id":413,"minutes":12},{"id":415,"minutes":4}]', null],
    ['create_ticket', { title: 'Follow up on INC-413', team: 'search' }, '{"ticket":"OPS-88"}', null],
  ];
  steps.forEach(([tool, args, result, failure], n) => {
    const callId = `call_${id(6)}`;
    const answer = { role: 'assistant', parts: [{ kind: 'text', content: n === 0 ? 'I’ll look at the incidents first.' : 'Next step.' }, { kind: 'tool_call', content: JSON.stringify(args), tool_name: tool, tool_call_id: callId }] };
    const call = agent.add(llmCall('llm-router', at, history, answer, { model: MODELS[n % 3], cachedShare: n * 0.2 }));
    at = call.end + 300 * US;
    const run = agent.add(new Span(`execute_tool ${tool}`, 'tools', {
      role: 'tool', start: at, error: failure && 'ToolError', attrs: { 'gen_ai.tool.name': tool, 'gen_ai.tool.call.id': callId },
      run: { agent_name: tool, parent_agent: 'ops-assistant', kind: 'tool', success: !failure },
      events: failure ? [{ offset: 5 * MS, name: 'exception', attrs: { 'exception.type': 'UndefinedTable', 'exception.message': failure, 'exception.stacktrace': 'Traceback (most recent call last):\n  File "tools/sql.py", line 41, in run\n    cursor.execute(query)\npsycopg.errors.UndefinedTable: relation "incidents" does not exist' } }] : [],
      logs: [{ offset: 1 * MS, severity: 'INFO', body: `running ${tool}` }, ...(failure ? [{ offset: 6 * MS, severity: 'ERROR', body: failure }] : [])],
    }));
    if (tool === 'run_sql') run.add(new Span(`SELECT ${failure ? 'incidents' : 'ops.incidents'}`, 'postgres', { kind: 'client', start: at + 1 * MS, duration: between(3, 20) * MS, error: failure && 'UndefinedTable', attrs: { 'db.system.name': 'postgresql', 'db.query.text': args.query } }));
    else run.duration = between(20, 200) * MS;
    at = run.end + 500 * US;
    history.push(answer, { role: 'tool', parts: [{ kind: 'tool_result', content: result ?? JSON.stringify({ error: failure }), tool_name: tool, tool_call_id: callId }] });
  });
  const retrieval = agent.add(new Span('retrieve runbooks', 'vector-store', { role: 'retrieval', start: at, duration: 41 * MS, attrs: { 'db.operation.name': 'search', 'retrieval.top_k': '20' } }));
  retrieval.add(new Span('embeddings text-embedding-3', 'llm-router', { role: 'embedding', kind: 'client', start: at + 1 * MS, duration: 22 * MS }));
  at = retrieval.end + 1 * MS;
  agent.add(llmCall('llm-router', at, history, text('assistant', REPORT), { model: MODELS[1], cachedShare: 0.8 }));
  root.add(agent);
  return root;
}

export function checkout({ fail = random() < 0.12 } = {}) {
  const root = new Span('POST /checkout', 'shop', { kind: 'server', error: fail ? 'PaymentDeclined' : null, attrs: { 'http.request.method': 'POST', 'http.route': '/checkout', 'http.response.status_code': fail ? '502' : '200', 'cart.items': '3' } });
  let at = between(100, 800) * US;
  for (const [name, service, low, high] of [['SELECT cart', 'postgres', 0.5, 6], ['GET /prices', 'pricing', 4, 40], ['POST /charge', 'payments', 20, 260], ['INSERT orders', 'postgres', 0.5, 9], ['publish order.created', 'events', 0.2, 2]]) {
    const bad = fail && service === 'payments';
    const span = root.add(new Span(name, service, { kind: service === 'events' ? 'producer' : 'client', start: at, duration: between(low, high) * MS, error: bad ? 'PaymentDeclined' : null, logs: bad ? [{ offset: 1 * MS, severity: 'ERROR', body: 'card declined by issuer' }] : [] }));
    at = span.end + between(20, 200) * US;
  }
  return root;
}

export const health = () => new Span('GET /healthz', pick(['shop', 'pricing', 'payments']), { kind: 'server', duration: between(60, 900) * US, attrs: { 'http.route': '/healthz' } });

export function startup() {
  const root = new Span('daemon.startup', 'at-daemon', { attrs: { 'process.pid': '4711' } });
  let at = 80 * US;
  for (const [name, ms] of [['read configuration', 0.3], ['bind listeners', 1.1], ['open store', 6.2], ['build redaction rules', 11.4], ['find llm profiles', 24]]) {
    const span = root.add(new Span(name, 'at-daemon', { start: at, duration: ms * MS }));
    at = span.end + 20 * US;
  }
  return root;
}

/** A long agent trace: steps of calls, tools and queries, `n` spans in all. */
export function long(n) {
  const root = new Span('POST /v1/agent/run', 'gateway', { kind: 'server' });
  const services = ['agent-runtime', 'llm-router', 'vector-store', 'tools', 'postgres', 'billing', 'embedder'];
  const names = ['agent.step', 'agent.plan', 'rerank', 'SELECT documents', 'INSERT messages', 'execute_tool run_sql', 'execute_tool read_file', 'embeddings text-embedding-3', 'meter.record', 'search top_k=20'];
  let made = 1;
  let at = 1 * MS;
  while (made < n) {
    const step = new Span('agent.step', 'agent-runtime', { role: 'agent', start: at });
    made++;
    const open = [step];
    const size = Math.min(n - made, 60 + Math.floor(random() * 200));
    let clock = at + 100 * US;
    for (let k = 0; k < size; k++, made++) {
      const parent = open[Math.floor(random() * Math.min(open.length, 9))];
      const model = random() < 0.13 ? pick(MODELS) : null;
      const name = model ? `chat ${model.model}` : pick(names);
      const duration = model ? between(20, 180) * MS : between(0.02, 4) * MS;
      const child = new Span(name, model ? 'llm-router' : pick(services), {
        role: model ? 'llm' : name.startsWith('execute_tool') ? 'tool' : '', kind: model ? 'client' : 'internal', start: clock, duration, error: random() < 0.011 ? 'Timeout' : null,
        llm: model && { tokens: Math.round(between(200, 9_000)), cost: model.inp === null ? null : Math.round(between(1e8, 9e9)), ttft: duration * between(0.1, 0.6), call: null, messages: [] },
      });
      parent.children.push(child);
      open.unshift(child);
      clock += random() < 0.4 ? duration * between(0.1, 1) : between(5, 80) * US;
    }
    const grow = (span) => span.children.forEach((child) => (grow(child), (span.duration = Math.max(span.duration, child.end - span.start + 10 * US))));
    grow(step);
    root.add(step);
    at = step.end + between(1, 20) * MS;
  }
  return root;
}

/** What the mock keeps of a trace: the row of the list, the skeleton, and the spans for their details. */
export function finish(root, startMs, { sample = false, partial = false } = {}) {
  const traceId = id(16);
  const startNs = BigInt(Math.round(startMs * 1000)) * 1000n;
  const services = [];
  const names = [];
  const intern = (list, value) => (list.includes(value) ? list.indexOf(value) : list.push(value) - 1);
  const columns = { span_id: [], parent: [], depth: [], subtree: [], service: [], name: [], kind: [], role: [], start: [], duration: [], flags: [], tokens: [], cost_pusd: [], ttft: [] };
  const spans = new Map();
  const totals = { spans: 0, errors: 0, llm_calls: 0, tokens: null, cost_pusd: null };
  const models = new Set();
  const stack = [[root, -1, 0]];
  const order = [];
  while (stack.length > 0) {
    const [span, parent, depth] = stack.pop();
    const row = columns.span_id.length;
    order.push(span);
    span.parentId = parent < 0 ? null : columns.span_id[parent];
    spans.set(span.id, span);
    columns.span_id.push(span.id);
    columns.parent.push(parent);
    columns.depth.push(depth);
    columns.subtree.push(1);
    columns.service.push(intern(services, span.service));
    columns.name.push(intern(names, span.name));
    columns.kind.push(KIND[span.kind] ?? 0);
    columns.role.push(span.role);
    columns.start.push(Math.round(span.start));
    columns.duration.push(Math.round(span.duration));
    columns.flags.push((span.error ? FLAGS.error : 0) | (span.llm ? FLAGS.llm : 0) | (span.orphan ? FLAGS.orphan : 0) | (span.events.length ? FLAGS.events : 0) | (span.logs.length ? FLAGS.logs : 0));
    columns.tokens.push(span.llm?.tokens ?? null);
    columns.cost_pusd.push(span.llm?.cost ?? null);
    columns.ttft.push(span.llm?.ttft ? Math.round(span.llm.ttft) : null);
    totals.spans++;
    if (span.error) totals.errors++;
    if (span.llm) {
      totals.llm_calls++;
      totals.tokens = (totals.tokens ?? 0) + span.llm.tokens;
      if (span.llm.cost !== null) totals.cost_pusd = (totals.cost_pusd ?? 0) + Math.round(span.llm.cost);
      if (span.llm.call) models.add(span.llm.call.request_model);
      else models.add(span.name.slice(5));
    }
    for (const child of [...span.children].sort((a, b) => b.start - a.start)) stack.push([child, row, depth + 1]);
  }
  for (let i = columns.parent.length - 1; i > 0; i--) columns.subtree[columns.parent[i]] += columns.subtree[i];
  const duration = Math.round(Math.max(...columns.start.map((start, i) => start + columns.duration[i])));
  const row = {
    trace_id: traceId, name: root.name, service: root.service, start_ns: String(startNs), duration_ns: duration, spans: totals.spans, errors: totals.errors,
    llm_calls: totals.llm_calls, tokens: totals.tokens, cost_pusd: totals.cost_pusd, services, models: [...models], partial, sample,
  };
  return { row, spans, startNs, skeleton: { trace_id: traceId, start_ns: String(startNs), duration_ns: duration, partial, sample, services, names, totals, spans: columns } };
}

/** Everything about one span, as the details panel wants it. */
export function detail(trace, spanId) {
  const span = trace.spans.get(spanId);
  if (!span) return null;
  const at = (offset) => String(trace.startNs + BigInt(Math.round(offset)));
  return {
    trace_id: trace.row.trace_id, span_id: span.id, parent_id: span.parentId, service: span.service, env: 'development', version: '1.4.2', host: 'laptop',
    name: span.name, resource: span.attrs['http.route'] ?? null, kind: span.kind === 'internal' ? KINDS[1] : span.kind, start_ns: at(span.start), duration_ns: Math.round(span.duration),
    status: span.error ? 'error' : 'unset', status_message: span.error, attrs: span.attrs, attr_kinds: null,
    content: span.attrs['db.query.text'] ? { 'db.plan': Array.from({ length: 60 }, (_, i) => `-> Seq Scan on part_${i} (cost=0.00..${i * 7}.12 rows=${i * 31})`).join('\n') } : null,
    resource_attrs: { 'service.name': span.service, 'telemetry.sdk.language': 'python', 'telemetry.sdk.name': 'opentelemetry', 'process.runtime.version': '3.12.4' },
    scope: { name: 'opentelemetry.instrumentation.demo', version: '0.52b1' },
    events: span.events.map((event) => ({ time_ns: at(span.start + event.offset), name: event.name, attrs: event.attrs })),
    links: [], source: 'otlp', user_id: null, session_id: null, sample: trace.row.sample,
    llm: span.llm ? { call: span.llm.call ?? { operation: 'chat', dialect: 'otel_genai', provider: null, request_model: span.name.slice(5), input_tokens: span.llm.tokens, tokens_provenance: 'reported', cost_pusd: span.llm.cost, cost_provenance: span.llm.cost === null ? 'unknown' : 'derived', ttft_ns: Math.round(span.llm.ttft) }, messages: span.llm.messages } : null,
    run: span.run, evaluations: [], logs: span.logs.map((log) => ({ time_ns: at(span.start + log.offset), severity: log.severity, body: log.body, attrs: {} })), problems: [],
  };
}
