// Messages of model calls, put back together from their parts, and what a turn adds to the one before it.
import type { LlmMessage } from '../api/shapes';

export interface Part {
  kind: string;
  content: string;
  toolName: string | null;
  toolCallId: string | null;
}

export interface Message {
  direction: LlmMessage['direction'];
  role: string;
  parts: Part[];
  /** The same text gives the same key: this is how turns are compared. */
  key: string;
}

const ORDER = { system: 0, tools: 1, input: 2, output: 3 } as const;

export function messages(parts: LlmMessage[]): Message[] {
  const sorted = [...parts].sort((a, b) => (ORDER[a.direction] ?? 2) - (ORDER[b.direction] ?? 2) || a.idx - b.idx || a.part - b.part);
  const out: Message[] = [];
  let last = '';
  for (const part of sorted) {
    const here = `${part.direction} ${part.idx}`;
    if (here !== last) out.push({ direction: part.direction, role: part.role || fallbackRole(part), parts: [], key: '' });
    last = here;
    out[out.length - 1].parts.push({ kind: part.kind, content: part.content, toolName: part.tool_name ?? null, toolCallId: part.tool_call_id ?? null });
  }
  for (const message of out) message.key = JSON.stringify([message.role, message.parts.map((part) => [part.kind, part.content, part.toolName])]);
  return out;
}

function fallbackRole(part: LlmMessage): string {
  if (part.direction === 'output') return 'assistant';
  if (part.direction === 'system') return 'system';
  if (part.direction === 'tools') return 'tools';
  return part.kind === 'tool_result' ? 'tool' : 'user';
}

export interface Turn {
  /** Messages that the turn before did not have. */
  fresh: Message[];
  repeated: number;
  systemChanged: boolean;
}

/** What `now` adds to `before`: a conversation is sent whole each time, and only its new end is worth reading. */
export function turn(before: Message[] | null, now: Message[]): Turn {
  if (!before) return { fresh: now, repeated: 0, systemChanged: false };
  const known = new Map<string, number>();
  for (const message of before) known.set(message.key, (known.get(message.key) ?? 0) + 1);
  const fresh: Message[] = [];
  let repeated = 0;
  let systemChanged = false;
  for (const message of now) {
    const left = known.get(message.key) ?? 0;
    if (left > 0 && message.direction !== 'output') {
      known.set(message.key, left - 1);
      repeated++;
      continue;
    }
    if (message.role === 'system') systemChanged = true;
    fresh.push(message);
  }
  return { fresh, repeated, systemChanged };
}

/** JSON, laid out; or null if the text is no JSON object or list. */
export function asJson(text: string): string | null {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}
