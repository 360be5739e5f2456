// What a person pastes to see his program here, with the real hosts and ports of this daemon. Pure: addresses in, text out.
import type { Addresses } from '../api/shapes';

export interface Step {
  title: string;
  lang: string;
  text: string;
}

export interface Recipe {
  key: string;
  label: string;
  intro: string;
  needs: (keyof Addresses)[];
  steps: (at: Doors) => Step[];
}

export interface Doors {
  otlpHttp: string;
  otlpGrpc: string;
  datadog: string;
  datadogHost: string;
  datadogPort: string;
  dogstatsdHost: string;
  dogstatsdPort: string;
  /** The clock when the snippet was made, in nanoseconds since 1970. */
  nowNs: string;
}

const PORTS: Record<keyof Addresses, string> = {
  ui: '3001', api: '9090', otlp_http: '4318', otlp_grpc: '4317', datadog: '8126', dogstatsd: '8125',
};

/** `0.0.0.0:4318` is where the daemon listens, not where a client connects: that is the host this page came from. */
export function split(address: string | null, door: keyof Addresses, pageHost: string): [string, string] {
  const text = (address ?? '').replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '');
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const wildcard = host === '' || host === '0.0.0.0' || host === '::';
  const name = wildcard ? pageHost : host === '127.0.0.1' || host === '::1' ? 'localhost' : match?.[1] ? `[${host}]` : host;
  return [name, match?.[3] ?? PORTS[door]];
}

export function doors(addresses: Addresses | null, pageHost: string, nowMs: number): Doors {
  const at = (door: keyof Addresses) => split(addresses?.[door] ?? null, door, pageHost);
  const url = (door: keyof Addresses) => `http://${at(door).join(':')}`;
  const [datadogHost, datadogPort] = at('datadog');
  const [dogstatsdHost, dogstatsdPort] = at('dogstatsd');
  return {
    otlpHttp: url('otlp_http'), otlpGrpc: url('otlp_grpc'), datadog: url('datadog'),
    datadogHost, datadogPort, dogstatsdHost, dogstatsdPort, nowNs: (BigInt(Math.floor(nowMs)) * 1_000_000n).toString(),
  };
}

const shell = (title: string, lines: string[]): Step => ({ title, lang: 'sh', text: lines.join('\n') });
const code = (title: string, lang: string, lines: string[]): Step => ({ title, lang, text: lines.join('\n') });

export const RECIPES: Recipe[] = [
  {
    key: 'ddtrace',
    label: 'ddtrace (Python)',
    intro: 'Works with an unchanged program. LLM calls of the OpenAI, Anthropic and LangChain libraries come with their messages.',
    needs: ['datadog'],
    steps: (at) => [
      shell('Install', ['pip install ddtrace']),
      shell('Run your program under ddtrace', [
        `export DD_TRACE_AGENT_URL=${at.datadog}`,
        `export DD_DOGSTATSD_URL=udp://${at.dogstatsdHost}:${at.dogstatsdPort}`,
        'export DD_SERVICE=my-service',
        'export DD_LLMOBS_ENABLED=1 DD_LLMOBS_ML_APP=my-service',
        'ddtrace-run python app.py',
      ]),
    ],
  },
  {
    key: 'dd-trace-js',
    label: 'dd-trace (JS)',
    intro: 'Load it before everything else; it instruments the libraries that are required after it. LLM calls come with their messages.',
    needs: ['datadog'],
    steps: (at) => [
      shell('Install', ['npm install dd-trace']),
      shell('Run your program with it', [
        `export DD_TRACE_AGENT_URL=${at.datadog}`,
        `export DD_AGENT_HOST=${at.datadogHost}`,
        'export DD_SERVICE=my-service',
        'export DD_LLMOBS_ENABLED=1 DD_LLMOBS_ML_APP=my-service',
        'node --require dd-trace/init app.js',
      ]),
    ],
  },
  {
    key: 'otel-python',
    label: 'OpenTelemetry Python',
    intro: 'The auto-instrumentation of OpenTelemetry, over HTTP with protobuf.',
    needs: ['otlp_http'],
    steps: (at) => [
      shell('Install', ['pip install opentelemetry-distro opentelemetry-exporter-otlp', 'opentelemetry-bootstrap -a install']),
      shell('Run your program with it', [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=${at.otlpHttp}`,
        'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
        'export OTEL_SERVICE_NAME=my-service',
        'opentelemetry-instrument python app.py',
      ]),
    ],
  },
  {
    key: 'otel-js',
    label: 'OpenTelemetry JS',
    intro: 'The auto-instrumentation of OpenTelemetry for Node.js.',
    needs: ['otlp_http'],
    steps: (at) => [
      shell('Install', ['npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node']),
      shell('Run your program with it', [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=${at.otlpHttp}`,
        'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
        'export OTEL_TRACES_EXPORTER=otlp',
        'export OTEL_SERVICE_NAME=my-service',
        'node --require @opentelemetry/auto-instrumentations-node/register app.js',
      ]),
    ],
  },
  {
    key: 'otel-rust',
    label: 'OpenTelemetry Rust',
    intro: 'The OTLP exporter over gRPC. Endpoint and service name come from the environment.',
    needs: ['otlp_grpc'],
    steps: (at) => [
      shell('Add the crates', ['cargo add opentelemetry', 'cargo add opentelemetry_sdk', 'cargo add opentelemetry-otlp --features grpc-tonic', 'cargo add tokio --features full']),
      code('In an async main', 'rust', [
        'use opentelemetry::trace::{Tracer, TracerProvider};',
        '',
        'let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;',
        'let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()',
        '    .with_batch_exporter(exporter)',
        '    .build();',
        'provider.tracer("my-service").in_span("hello", |_cx| { /* work */ });',
        'provider.shutdown()?;',
      ]),
      shell('Run it', [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=${at.otlpGrpc}`,
        'export OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
        'export OTEL_SERVICE_NAME=my-service',
        'cargo run',
      ]),
    ],
  },
  {
    key: 'claude-code',
    label: 'Claude Code',
    intro: 'Sends its traces, events and metrics: each prompt, model call and tool run. Prompt texts are sent only if you say so.',
    needs: ['otlp_http'],
    steps: (at) => [
      shell('Start it with its telemetry on', [
        'export CLAUDE_CODE_ENABLE_TELEMETRY=1',
        'export CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1',
        'export OTEL_TRACES_EXPORTER=otlp',
        'export OTEL_LOGS_EXPORTER=otlp',
        'export OTEL_METRICS_EXPORTER=otlp',
        'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
        `export OTEL_EXPORTER_OTLP_ENDPOINT=${at.otlpHttp}`,
        'claude',
      ]),
      shell('To send the texts of your prompts too', ['export OTEL_LOG_USER_PROMPTS=1']),
    ],
  },
  {
    key: 'curl',
    label: 'curl',
    intro: 'One span by hand: a quick proof that the way is free. Its time is now, so it shows in the current range.',
    needs: ['otlp_http'],
    steps: (at) => [shell('Paste into a shell', curl(at))],
  },
  {
    key: 'rust-sdk',
    label: 'Rust SDK',
    intro: 'Tundra’s own SDK speaks through the tracing crate you already use.',
    needs: ['datadog'],
    steps: (at) => [
      shell('Add it from your checkout of Tundra', ['cargo add tundra-sdk --path ../tundra/crates/tundra', 'cargo add tracing']),
      code('main.rs', 'rust', [
        'fn main() -> Result<(), Box<dyn std::error::Error>> {',
        '    let _tundra = tundra::init()?; // reads DD_* and OTEL_*; sends what is left when dropped',
        '    hello("world");',
        '    Ok(())',
        '}',
        '',
        '#[tracing::instrument]',
        'fn hello(name: &str) {',
        '    tracing::info!("greeting");',
        '}',
      ]),
      shell('Run it', [`export DD_TRACE_AGENT_URL=${at.datadog}`, 'export DD_SERVICE=my-service', 'cargo run']),
    ],
  },
];

/** Ids and times are made by the shell, so that the line can be pasted again and again. */
function curl(at: Doors): string[] {
  return [
    'NOW=$(($(date +%s) * 1000000000))',
    'TRACE=$(od -An -N16 -tx1 /dev/urandom | tr -d \' \\n\')',
    'SPAN=$(od -An -N8 -tx1 /dev/urandom | tr -d \' \\n\')',
    `curl -sS ${at.otlpHttp}/v1/traces -H 'content-type: application/json' --data @- <<END`,
    '{"resourceSpans":[{',
    '  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"curl"}}]},',
    '  "scopeSpans":[{"scope":{"name":"by-hand"},"spans":[{',
    '    "traceId":"$TRACE","spanId":"$SPAN","name":"hello from curl","kind":1,',
    '    "startTimeUnixNano":"$((NOW - 250000000))","endTimeUnixNano":"$NOW",',
    '    "attributes":[{"key":"greeting","value":{"stringValue":"hello"}}],',
    '    "status":{"code":1}',
    '  }]}]',
    '}]}',
    'END',
  ];
}
