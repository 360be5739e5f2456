// The address bar is the state: path, filters, time range, zone, selection, zoom. Screens read `router.params` and write
// through `navigate` or `router.set`; everything can be linked, and Back undoes what a person would call a step.

import { matchPath } from './routes';

/** Parameters that every link within the UI keeps. */
const SHARED = ['range', 'from', 'to', 'tz'];

class Router {
  #url = $state.raw(new URL(location.href));
  path = $derived(this.#url.pathname);
  search = $derived(this.#url.search);
  params = $derived(this.#url.searchParams);
  match = $derived(matchPath(this.path));

  constructor() {
    addEventListener('popstate', () => (this.#url = new URL(location.href)));
    addEventListener('click', (event) => this.#click(event));
  }

  get(name: string): string {
    return this.params.get(name) ?? '';
  }

  /** Goes to another screen or state; `replace` when Back should not stop here. */
  go(href: string, { replace = false } = {}): void {
    const next = new URL(href, location.href);
    if (next.href === this.#url.href) return;
    this.#flush();
    history[replace ? 'replaceState' : 'pushState'](null, '', next);
    const moved = next.pathname !== this.#url.pathname;
    this.#url = next;
    if (moved) performance.mark('navigated');
  }

  /** Changes parameters of this screen; an empty value removes one. */
  set(changes: Record<string, string | string[] | null>, { push = false } = {}): void {
    const next = new URL(this.#url);
    apply(next.searchParams, changes);
    if (next.href === this.#url.href) return;
    if (push) {
      this.go(next.href);
      return;
    }
    // Keys held down change the selection many times a second; browsers refuse that many history writes.
    this.#url = next;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), 120);
  }

  #timer: ReturnType<typeof setTimeout> | undefined;
  #flush(): void {
    clearTimeout(this.#timer);
    if (this.#timer !== undefined && location.href !== this.#url.href) history.replaceState(null, '', this.#url);
    this.#timer = undefined;
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element | null)?.closest?.('a');
    if (!anchor || anchor.target || anchor.origin !== location.origin || anchor.hasAttribute('download')) return;
    if (anchor.pathname.startsWith('/api/') || anchor.hash) return;
    event.preventDefault();
    this.go(anchor.href);
  }
}

function apply(params: URLSearchParams, changes: Record<string, string | string[] | null>): void {
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    if (value === null || value === '') continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, one);
  }
}

export const router = new Router();

/** A link to another screen that keeps time range and zone. */
export function href(path: string, query: Record<string, string | string[] | null> = {}): string {
  const params = new URLSearchParams();
  for (const name of SHARED) {
    const value = router.params.get(name);
    if (value) params.set(name, value);
  }
  apply(params, query);
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}
