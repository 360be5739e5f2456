// The time range that the address bar names now, and how to change it.
import { nanos } from '../text/instant';
import { router } from './router.svelte';
import { DEFAULT_RANGE, rangeOf } from './timerange';

class CurrentRange {
  now = $derived(rangeOf(router.params));

  last(key: string): void {
    router.set({ range: key === DEFAULT_RANGE ? null : key, from: null, to: null }, { push: true });
  }

  fixed(fromMs: number, toMs: number, more: Record<string, string | null> = {}): void {
    router.set({ range: null, from: nanos(fromMs), to: nanos(toMs), ...more }, { push: true });
  }
}

export const range = new CurrentRange();
