// One key map for all screens. A screen adds its keys while it is shown; the latest added layer is asked first. Keys typed
// into a field belong to the field. Two-key commands (`g t`, `y l`) wait a second for their second key.
import { settings } from './settings.svelte';

/** A handler may return false: not mine after all. */
export type KeyMap = Record<string, (event: KeyboardEvent) => void | boolean>;

const layers: KeyMap[] = [];
let prefix = '';
let prefixTimer: ReturnType<typeof setTimeout> | undefined;

export function addKeys(map: KeyMap): () => void {
  layers.push(map);
  return () => {
    const at = layers.indexOf(map);
    if (at >= 0) layers.splice(at, 1);
  };
}

function nameOf(event: KeyboardEvent): string {
  const mod = event.ctrlKey || event.metaKey ? 'mod+' : '';
  return mod + (event.key.length === 1 ? event.key : event.key);
}

function isField(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element?.closest?.('input, textarea, select, [contenteditable]');
}

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const name = nameOf(event);
  const letter = event.key.length === 1 && !event.ctrlKey && !event.metaKey;
  if (isField(event.target) && (letter || !['Escape', 'mod+k'].includes(name))) return;
  if (document.querySelector('dialog[open]') && name !== 'mod+k') return;
  // WCAG 2.1.4: single-letter keys can be switched off.
  if (letter && !settings.letters && /[a-z]/i.test(name)) return;
  const full = prefix ? `${prefix} ${name}` : name;
  if (run(full, event)) {
    prefix = '';
    event.preventDefault();
    return;
  }
  prefix = '';
  clearTimeout(prefixTimer);
  if (letter && layers.some((layer) => Object.keys(layer).some((key) => key.startsWith(`${name} `)))) {
    prefix = name;
    prefixTimer = setTimeout(() => (prefix = ''), 1_000);
    event.preventDefault();
  }
}

function run(name: string, event: KeyboardEvent): boolean {
  // A focused link or button keeps its own Enter and Space.
  if ((name === 'Enter' || name === ' ') && (event.target as HTMLElement).closest?.('a, button, summary')) return false;
  for (let at = layers.length - 1; at >= 0; at--) {
    const handler = layers[at][name];
    if (handler && handler(event) !== false) return true;
  }
  return false;
}

export interface KeyHelp {
  keys: string[];
  what: string;
}

/** What the key map dialog shows. */
export const HELP: { title: string; rows: KeyHelp[] }[] = [
  {
    title: 'Everywhere',
    rows: [
      { keys: ['Ctrl K'], what: 'command palette: screens, recent traces, paste an id' },
      { keys: ['/'], what: 'find' },
      { keys: ['?'], what: 'this key map' },
      { keys: ['g o', 'g t', 'g l', 'g c'], what: 'go to overview, traces, LLM usage, connect' },
      { keys: ['y l'], what: 'copy a link to exactly this view' },
      { keys: ['Esc'], what: 'close the top layer, or leave the field' },
    ],
  },
  {
    title: 'Lists and waterfall',
    rows: [
      { keys: ['j', '↓'], what: 'next row' },
      { keys: ['k', '↑'], what: 'previous row' },
      { keys: ['PgUp', 'PgDn', 'Home', 'End'], what: 'move by a page, to the first, to the last' },
      { keys: ['Enter'], what: 'open' },
    ],
  },
  {
    title: 'A trace',
    rows: [
      { keys: ['h', '←'], what: 'collapse, then go to the parent' },
      { keys: ['l', '→'], what: 'expand, then go to the first child' },
      { keys: ['e', 'E'], what: 'next, previous error' },
      { keys: ['c'], what: 'only the critical path' },
      { keys: ['z', '0'], what: 'zoom to the selection, reset the zoom' },
      { keys: ['[', ']'], what: 'collapse, expand one level' },
      { keys: ['J', 'K'], what: 'next, previous trace of the list you came from' },
      { keys: ['y i', 'y j', 'y c'], what: 'copy trace id, JSON of the span, curl' },
    ],
  },
];
