// What people paste must be right: hosts, ports, variables, and a body that is valid OTLP/JSON.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Addresses } from '../api/shapes';
import { doors, RECIPES, split } from './snippets';

const USUAL: Addresses = { ui: '127.0.0.1:3001', api: '127.0.0.1:9090', otlp_http: '127.0.0.1:4318', otlp_grpc: '127.0.0.1:4317', datadog: '127.0.0.1:8127', dogstatsd: '127.0.0.1:8125' };
const text = (key: string, addresses = USUAL) => RECIPES.find((recipe) => recipe.key === key)!.steps(doors(addresses, 'box', 1_000)).map((step) => step.text).join('\n');

it.each([
  ['127.0.0.1:4318', 'localhost', '4318'],
  ['0.0.0.0:4318', 'box', '4318'],
  ['[::]:5000', 'box', '5000'],
  ['[::1]:5000', 'localhost', '5000'],
  ['[fe80::2]:5000', '[fe80::2]', '5000'],
  ['10.1.2.3:99', '10.1.2.3', '99'],
  ['http://10.1.2.3:99/', '10.1.2.3', '99'],
  [null, 'box', '4318'],
])('%s is reached at %s:%s', (address, host, port) => expect(split(address, 'otlp_http', 'box')).toEqual([host, port]));

it.each([
  ['ddtrace', ['DD_TRACE_AGENT_URL=http://localhost:8127', 'DD_LLMOBS_ENABLED=1', 'ddtrace-run']],
  ['dd-trace-js', ['DD_TRACE_AGENT_URL=http://localhost:8127', 'DD_AGENT_HOST=localhost', 'dd-trace/init']],
  ['otel-python', ['OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318', 'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf', 'opentelemetry-instrument']],
  ['otel-js', ['OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318', 'auto-instrumentations-node/register']],
  ['otel-rust', ['OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317', 'OTEL_EXPORTER_OTLP_PROTOCOL=grpc', 'with_tonic']],
  ['claude-code', ['CLAUDE_CODE_ENABLE_TELEMETRY=1', 'CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1', 'OTEL_TRACES_EXPORTER=otlp', 'OTEL_LOGS_EXPORTER=otlp', 'OTEL_METRICS_EXPORTER=otlp', 'OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318']],
  ['curl', ['http://localhost:4318/v1/traces']],
  ['rust-sdk', ['tundra::init()', 'DD_TRACE_AGENT_URL=http://localhost:8127']],
])('%s names what it needs', (key, parts) => {
  for (const part of parts) expect(text(key)).toContain(part);
});

describe('curl', () => {
  it('posts valid OTLP/JSON with the current time', () => {
    // The shell fills in ids and times; `cat` stands for curl and shows the body it would send.
    const script = text('curl').replace(/^curl .*<<END$/m, 'cat <<END');
    const body = JSON.parse(execFileSync('sh', ['-c', script]).toString()) as { resourceSpans: { scopeSpans: { spans: Record<string, string>[] }[] }[] };
    const span = body.resourceSpans[0].scopeSpans[0].spans[0];
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)).toBe(250_000_000n);
    expect(Math.abs(Number(BigInt(span.endTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(3_600_000);
  });
});
