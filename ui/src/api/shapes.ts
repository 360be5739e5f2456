// What the daemon answers. Absolute times are nanoseconds since 1970 as text (a number would lose digits); durations and
// offsets are numbers of nanoseconds; money is a whole number of pico-USD. `null` is "unknown", never zero.

export type Nanos = string;

export interface LedgerLine {
  protocol: string;
  counter: string;
  reason: string;
  value: number;
}

export interface Addresses {
  ui: string | null;
  api: string | null;
  otlp_http: string | null;
  otlp_grpc: string | null;
  datadog: string | null;
  dogstatsd: string | null;
}

/** Unix sockets to listen on besides, as `unix:///path`. */
export interface Sockets {
  datadog_socket?: string | null;
  dogstatsd_socket?: string | null;
}

export interface Health {
  status: string;
  version: string;
  uptime_ms: number;
  addresses: Addresses & Sockets;
  data_dir: string;
  forwarder: { state: string; target: string | null; detail: string | null } | null;
  ledger: LedgerLine[];
  pid: number;
}

export interface ServiceRow {
  service: string;
  spans: number;
  errors: number;
  traces: number;
  p50_ns: number | null;
  p95_ns: number | null;
  last_seen_ns: Nanos;
}

export interface TraceRow {
  trace_id: string;
  name: string;
  service: string;
  start_ns: Nanos;
  duration_ns: number;
  spans: number;
  errors: number;
  llm_calls: number;
  tokens: number | null;
  cost_pusd: number | null;
  services: string[];
  models: string[];
  partial: boolean;
  sample: boolean;
}

export interface TracePage {
  traces: TraceRow[];
  next_cursor: string | null;
}

export interface Overview {
  sentence: string;
  spans: number;
  traces: number;
  errors: number;
  llm: { calls: number; tokens: number | null; cost_pusd: number | null; unpriced_calls: number };
  series: {
    step_ns: number;
    start_ns: Nanos;
    spans: number[];
    errors: number[];
    p50_ns: (number | null)[];
    p95_ns: (number | null)[];
  };
  services: ServiceRow[];
  recent_traces: TraceRow[];
}

export interface SkeletonSpans {
  span_id: string[];
  parent: number[];
  depth: number[];
  subtree: number[];
  service: number[];
  name: number[];
  kind: number[];
  role: string[];
  start: number[];
  duration: number[];
  flags: number[];
  tokens: (number | null)[];
  cost_pusd: (number | null)[];
  ttft: (number | null)[];
}

export interface Totals {
  spans: number;
  errors: number;
  llm_calls: number;
  tokens: number | null;
  cost_pusd: number | null;
}

export interface Skeleton {
  trace_id: string;
  start_ns: Nanos;
  duration_ns: number;
  partial: boolean;
  sample: boolean;
  services: string[];
  names: string[];
  totals: Totals;
  spans: SkeletonSpans;
}

export interface SpanEvent {
  time_ns: Nanos;
  name: string;
  attrs: Record<string, unknown>;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  attrs: Record<string, unknown>;
}

export interface LlmCall {
  operation?: string | null;
  dialect?: string | null;
  provider?: string | null;
  request_model?: string | null;
  response_model?: string | null;
  service_tier?: string | null;
  streaming?: boolean | null;
  input_tokens?: number | null;
  cache_read_tokens?: number | null;
  cache_write_tokens?: number | null;
  output_tokens?: number | null;
  reasoning_tokens?: number | null;
  tokens_provenance?: string | null;
  cost_pusd?: number | null;
  cost_reported_pusd?: number | null;
  cost_provenance?: string | null;
  price_ref?: string | null;
  ttft_ns?: number | null;
  finish_reason?: string | null;
  error_type?: string | null;
  agent_name?: string | null;
  workflow?: string | null;
  session_id?: string | null;
  user_id?: string | null;
  [column: string]: unknown;
}

export interface LlmMessage {
  direction: 'input' | 'output' | 'system' | 'tools';
  idx: number;
  part: number;
  role: string;
  kind: string;
  content: string;
  tool_name?: string | null;
  tool_call_id?: string | null;
}

export interface SpanLog {
  time_ns: Nanos;
  severity: string | null;
  body: string;
  attrs: Record<string, unknown>;
}

export interface Evaluation {
  name: string;
  value: number | null;
  label: string | null;
  explanation: string | null;
}

export interface LlmDetail {
  call: LlmCall | null;
  messages: LlmMessage[];
}

export interface AgentRun {
  agent_name?: string | null;
  parent_agent?: string | null;
  kind?: string | null;
  steps?: number | null;
  tool_calls?: number | null;
  success?: boolean | null;
  session_id?: string | null;
  [column: string]: unknown;
}

export interface SpanDetail {
  trace_id: string;
  span_id: string;
  parent_id: string | null;
  service: string | null;
  env: string | null;
  version: string | null;
  host: string | null;
  name: string;
  resource: string | null;
  kind: string;
  start_ns: Nanos;
  duration_ns: number;
  status: string;
  status_message: string | null;
  attrs: Record<string, unknown>;
  attr_kinds?: string | null;
  content: Record<string, string> | null;
  resource_attrs: Record<string, unknown> | null;
  scope: { name: string | null; version: string | null } | null;
  events: SpanEvent[] | null;
  links: SpanLink[] | null;
  source: string;
  user_id: string | null;
  session_id: string | null;
  sample: boolean;
  llm: LlmDetail | null;
  run: AgentRun | null;
  evaluations: Evaluation[] | null;
  logs: SpanLog[] | null;
  problems: string[] | null;
}

export interface UsageRow {
  /** Null where nobody said, for example a call without an agent. */
  key: string | null;
  provider: string | null;
  model: string | null;
  calls: number;
  errors: number;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  cost_pusd: number | null;
  unpriced_calls: number;
  p50_ns: number | null;
  p95_ns: number | null;
  ttft_p50_ns: number | null;
}

export interface ConnectSource {
  service: string;
  source: string;
  language: string | null;
  sdk: string | null;
  spans: number;
  first_trace_id: string | null;
  last_seen_ns: Nanos;
}

export interface Profile {
  name: string;
  provider: string;
  kind: string;
  base_url: string | null;
  models: string[];
  healthy: boolean | null;
  detail: string | null;
  latency_ms: number | null;
  source: string;
}

export interface Profiles {
  chosen: string | null;
  rule: string;
  profiles: Profile[];
  total_available: number;
}

export interface Task {
  id: string;
  agent_name: string;
  task_type: string;
  profile: string | null;
  model: string | null;
  state: 'queued' | 'running' | 'succeeded' | 'failed';
  input: unknown;
  result: unknown;
  error: string | null;
  created_ns: Nanos;
  finished_ns: Nanos | null;
  trace_id: string | null;
  tokens: number | null;
  cost_pusd: number | null;
}

export type LiveMessage =
  | { type: 'trace'; trace: TraceRow }
  | { type: 'rate'; spans_per_s: number; skipped: number; total_spans: number };
