// A value that is fetched: its data, its error, whether it is on its way. The last good data stays while new data loads.
import { ApiError } from '../api/client';

export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  #abort: AbortController | null = null;

  async load(fetch: (signal: AbortSignal) => Promise<T>, { keep = true } = {}): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading = true;
    if (!keep) this.data = null;
    try {
      const data = await fetch(abort.signal);
      if (abort.signal.aborted) return;
      this.data = data;
      this.error = null;
    } catch (cause) {
      if (abort.signal.aborted) return;
      this.error = cause instanceof ApiError ? cause : new ApiError(0, 'error', String(cause), '');
    }
    this.loading = false;
  }

  stop(): void {
    this.#abort?.abort();
  }
}

/** Calls `tick` now and then every `ms` while the tab is visible, until the returned function is called. */
export function every(ms: number, tick: () => void): () => void {
  tick();
  const timer = setInterval(() => {
    if (!document.hidden) tick();
  }, ms);
  return () => clearInterval(timer);
}
