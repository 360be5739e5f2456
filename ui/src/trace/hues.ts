// Which of the eight service colours a service gets: by its name, so that it keeps it from trace to trace; when two of one
// trace collide, the later one moves on. Past eight, grey.

export const HUES = 8;
export const GREY = 8;

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

export function hues(services: string[]): number[] {
  const taken = new Set<number>();
  return services.map((service) => {
    if (taken.size >= HUES) return GREY;
    let hue = hash(service) % HUES;
    while (taken.has(hue)) hue = (hue + 1) % HUES;
    taken.add(hue);
    return hue;
  });
}

export function hueOf(service: string): number {
  return hash(service) % HUES;
}

/** The palette as the canvas needs it: resolved colours of the theme now shown. */
export function resolveColors(names: string[]): string[] {
  const probe = document.createElement('i');
  document.body.append(probe);
  const colors = names.map((name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colors;
}
