// Talks to the daemon on the page's own origin. Every failure becomes an `ApiError` that says what to do next.
import type {
  ConnectSource,
  Health,
  Overview,
  Profiles,
  Skeleton,
  SpanDetail,
  Task,
  TracePage,
  UsageRow,
} from './shapes';

export type Query = Record<string, string | number | null | undefined | string[]>;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export function queryText(query: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(key, String(one));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      signal,
      headers: body === undefined ? undefined : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'unreachable', 'The daemon does not answer.', 'Check that at-daemon is still running, then retry.');
  }
  const text = await response.text();
  if (response.ok) {
    try {
      return (text ? JSON.parse(text) : null) as T;
    } catch {
      throw new ApiError(response.status, 'not_json', 'The answer is not JSON.', 'UI and daemon may be of different versions: reload the page.');
    }
  }
  const error = failure(response, text);
  // The daemon asks for its token: its own small page takes it and leads back.
  if (error.code === 'no_token') location.assign('/login');
  throw error;
}

function failure(response: Response, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code?: string; message?: string; hint?: string } };
    return new ApiError(response.status, error.code ?? 'error', error.message ?? response.statusText, error.hint ?? '');
  } catch {
    return new ApiError(response.status, 'error', `The daemon answered ${response.status}.`, 'Look at its log for the reason.');
  }
}

const enc = encodeURIComponent;

export const api = {
  health: (signal?: AbortSignal) => request<Health>('GET', '/health', undefined, signal),
  overview: (query: Query, signal?: AbortSignal) => request<Overview>('GET', `/overview${queryText(query)}`, undefined, signal),
  traces: (query: Query, signal?: AbortSignal) => request<TracePage>('GET', `/traces${queryText(query)}`, undefined, signal),
  trace: (id: string, signal?: AbortSignal) => request<Skeleton>('GET', `/traces/${enc(id)}`, undefined, signal),
  span: (trace: string, span: string, signal?: AbortSignal) =>
    request<SpanDetail>('GET', `/traces/${enc(trace)}/spans/${enc(span)}`, undefined, signal),
  services: (query: Query, signal?: AbortSignal) =>
    request<{ services: Overview['services'] }>('GET', `/services${queryText(query)}`, undefined, signal),
  usage: (query: Query, signal?: AbortSignal) =>
    request<{ rows: UsageRow[] }>('GET', `/llm/usage${queryText(query)}`, undefined, signal),
  connect: (query: Query, signal?: AbortSignal) =>
    request<{ sources: ConnectSource[] }>('GET', `/connect${queryText(query)}`, undefined, signal),
  profiles: (signal?: AbortSignal) => request<Profiles>('GET', '/profiles', undefined, signal),
  tasks: (signal?: AbortSignal) => request<{ tasks: Task[] }>('GET', '/tasks', undefined, signal),
  startTask: (task: { agent_name: string; task_type: string; input: string; profile?: string }) =>
    request<{ id: string; state: string }>('POST', '/tasks', task),
  loadSample: () => request<{ trace_id: string; spans: number }>('POST', '/sample'),
  /** The trace that has this span, if any. The id must be checked to be hexadecimal by the caller. */
  traceOfSpan: (span: string) => request<{ trace_id: string } | null>('POST', '/sql', { sql: `SELECT trace_id FROM spans WHERE span_id = '${span}' LIMIT 1`, limit: 1 }),
  removeSample: () => request<{ removed_spans: number }>('DELETE', '/sample'),
};
