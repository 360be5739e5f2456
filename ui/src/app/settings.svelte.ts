// What a person chose once and keeps: theme, zone, single-letter keys, the width of the details panel. The theme is a
// cookie, because the daemon writes it into the page before the first paint; the rest stays in this browser.
import type { Zone } from '../text/instant';
import { router } from './router.svelte';

export type Theme = 'system' | 'dark' | 'light';

const COOKIE = 'tundra_theme';

function read(name: string): string | null {
  try {
    return localStorage.getItem(`tundra.${name}`);
  } catch {
    return null; // Storage can be switched off; then choices last as long as the page.
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`tundra.${name}`, value);
  } catch {
    // See above.
  }
}

function themeFromCookie(): Theme {
  const value = new RegExp(`(?:^|; )${COOKIE}=(dark|light)`).exec(document.cookie)?.[1];
  return (value as Theme | undefined) ?? 'system';
}

class Settings {
  theme = $state<Theme>(themeFromCookie());
  letters = $state(read('letters') !== 'off');
  panel = $state(clampPanel(Number(read('panel')) || 440));
  #zone = $state<Zone>(read('zone') === 'local' ? 'local' : 'utc');
  /** The link's zone wins, so that two people who share a link see the same times. */
  zone = $derived.by<Zone>(() => {
    const linked = router.params.get('tz');
    return linked === 'utc' || linked === 'local' ? linked : this.#zone;
  });
  #dark = matchMedia('(prefers-color-scheme: dark)');
  #systemDark = $state(this.#dark.matches);
  dark = $derived(this.theme === 'system' ? this.#systemDark : this.theme === 'dark');

  constructor() {
    this.#dark.addEventListener('change', () => (this.#systemDark = this.#dark.matches));
    this.#paint();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    const keep = theme === 'system' ? 'max-age=0' : 'max-age=31536000';
    document.cookie = `${COOKIE}=${theme}; path=/; samesite=strict; ${keep}`;
    this.#paint();
  }

  #paint(): void {
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }

  setZone(zone: Zone): void {
    this.#zone = zone;
    write('zone', zone);
    router.set({ tz: zone });
  }

  setLetters(on: boolean): void {
    this.letters = on;
    write('letters', on ? 'on' : 'off');
  }

  setPanel(width: number): void {
    this.panel = clampPanel(width);
    write('panel', String(this.panel));
  }
}

function clampPanel(width: number): number {
  return Math.round(Math.min(Math.max(width, 300), 900));
}

export const settings = new Settings();
