// Where one came from: the last trace list (its address and its ids in order) and the traces opened lately, so that Back,
// `J`/`K` and the palette follow the filter that was set.

export interface Visit {
  id: string;
  name: string;
}

const KEPT = 8;

class Visited {
  /** Address of the last trace list, filters included. */
  list = $state<string | null>(null);
  recent = $state.raw<Visit[]>(restore());
  #ids: string[] = [];

  remember(address: string, ids: string[]): void {
    this.list = address;
    this.#ids = ids;
  }

  /** The trace after (or before) `id` in that list. */
  neighbor(id: string, step: 1 | -1): string | null {
    const at = this.#ids.indexOf(id);
    return at < 0 ? null : (this.#ids[at + step] ?? null);
  }

  opened(visit: Visit): void {
    this.recent = [visit, ...this.recent.filter((one) => one.id !== visit.id)].slice(0, KEPT);
    try {
      sessionStorage.setItem('tundra.recent', JSON.stringify(this.recent));
    } catch {
      // Without storage, recent traces last as long as the page.
    }
  }
}

function restore(): Visit[] {
  try {
    const kept = JSON.parse(sessionStorage.getItem('tundra.recent') ?? '[]') as unknown;
    return Array.isArray(kept) ? (kept as Visit[]).slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

export const visited = new Visited();
