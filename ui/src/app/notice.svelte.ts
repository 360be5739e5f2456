// Short notices at the foot of the page: what just happened, and at most one thing to do about it.

export interface Notice {
  text: string;
  href?: string;
  action?: string;
  bad?: boolean;
}

const SHOWN_MS = 6_000;

class Notices {
  current = $state.raw<Notice | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(notice: Notice): void {
    this.current = notice;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.current = null), SHOWN_MS);
  }

  dismiss(): void {
    this.current = null;
  }
}

export const notices = new Notices();

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notices.say({ text: `Copied ${what}.` });
  } catch {
    // Plain http on another host has no clipboard API; the old way still works there.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    notices.say(done ? { text: `Copied ${what}.` } : { text: `The browser refused to copy ${what}.`, bad: true });
  }
}
