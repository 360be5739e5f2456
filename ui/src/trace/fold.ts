// Where a long text is folded: after some lines, or some characters if it has hardly any lines.

const LINES = 24;
const CHARACTERS = 2_400;

export function fold(text: string): { head: string; lines: number } | null {
  let lines = 1;
  let cut = -1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (lines === LINES) cut = at;
    lines++;
  }
  // A fold that hides three lines is more trouble than it saves.
  if (lines <= LINES + 4) cut = -1;
  if (cut < 0 && text.length > CHARACTERS * 1.3) cut = CHARACTERS;
  if (cut > CHARACTERS * 2) cut = CHARACTERS;
  return cut < 0 ? null : { head: `${text.slice(0, cut)}\n…`, lines };
}
