// One WebSocket per tab brings new traces and the ingest rate. It closes while the tab is hidden and comes back with a
// growing pause after a failure; what is missed meanwhile is fetched by the screens, not replayed.
import type { LiveMessage, TraceRow } from '../api/shapes';

export interface LiveFilter {
  service?: string;
  q?: string;
  status?: string;
}

type State = 'connecting' | 'live' | 'offline' | 'hidden';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

class Live {
  state = $state<State>('connecting');
  rate = $state(0);
  skipped = $state(0);
  total = $state(0);
  /** Counts connections, so that a screen can fetch what it missed. */
  session = $state(0);

  #socket: WebSocket | null = null;
  #listeners = new Set<(trace: TraceRow) => void>();
  #filter: LiveFilter = {};
  #paused = false;
  #pause = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#close('hidden') : this.#open()));
    this.#open();
  }

  /** Calls `listener` for each new or grown trace until the returned function is called. */
  onTrace(listener: (trace: TraceRow) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  filter(filter: LiveFilter, paused = false): void {
    this.#filter = filter;
    this.#paused = paused;
    this.#tell();
  }

  #tell(): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ filter: this.#filter, paused: this.#paused }));
    }
  }

  #open(): void {
    clearTimeout(this.#timer);
    if (this.#socket || document.hidden) return;
    this.state = 'connecting';
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/live`);
    this.#socket = socket;
    socket.onopen = () => {
      this.state = 'live';
      this.#pause = FIRST_PAUSE_MS;
      this.session++;
      this.#tell();
    };
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#close('offline');
      this.#timer = setTimeout(() => this.#open(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    };
  }

  #close(state: State): void {
    const socket = this.#socket;
    this.#socket = null;
    this.state = state;
    this.rate = 0;
    socket?.close();
  }

  #take(data: unknown): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(String(data)) as LiveMessage;
    } catch {
      return;
    }
    if (message.type === 'trace') {
      for (const listener of this.#listeners) listener(message.trace);
    } else if (message.type === 'rate') {
      this.rate = message.spans_per_s;
      this.skipped = message.skipped;
      this.total = message.total_spans;
    }
  }
}

export const live = new Live();
