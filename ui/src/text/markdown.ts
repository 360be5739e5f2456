// A small Markdown reader for prompts and answers. It yields a tree, never HTML: the page's policy allows no markup
// strings, and a prompt must not be able to load an image or run anything. Unknown syntax stays as text.

export type Inline =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string }
  | { type: 'strong' | 'em' | 'strike'; children: Inline[] }
  | { type: 'link'; href: string; children: Inline[] };

export type Block =
  | { type: 'heading'; level: number; children: Inline[] }
  | { type: 'paragraph'; children: Inline[] }
  | { type: 'code'; lang: string; text: string }
  | { type: 'quote'; children: Block[] }
  | { type: 'list'; ordered: boolean; start: number; items: Block[][] }
  | { type: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { type: 'rule' };

const MAX_DEPTH = 6;
// The pattern below may look at the rest of its text once per mark, so a hostile paragraph must not be long.
const MAX_INLINE = 4_000;

export function markdown(text: string): Block[] {
  return blocks(text.replace(/\r\n?/g, '\n').split('\n'), 0);
}

function blocks(lines: string[], depth: number): Block[] {
  const out: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/.exec(line);
    if (fence) {
      const body: string[] = [];
      for (at++; at < lines.length && !lines[at].trimStart().startsWith(fence[1]); at++) body.push(lines[at]);
      at++;
      out.push({ type: 'code', lang: fence[2], text: body.join('\n') });
      continue;
    }
    const heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (heading) {
      out.push({ type: 'heading', level: heading[1].length, children: inline(heading[2]) });
      at++;
      continue;
    }
    if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      out.push({ type: 'rule' });
      at++;
      continue;
    }
    if (/^ {0,3}>/.test(line) && depth < MAX_DEPTH) {
      const body: string[] = [];
      for (; at < lines.length && /^ {0,3}>/.test(lines[at]); at++) body.push(lines[at].replace(/^ {0,3}> ?/, ''));
      out.push({ type: 'quote', children: blocks(body, depth + 1) });
      continue;
    }
    if (marker(line) && depth < MAX_DEPTH) {
      at = list(lines, at, depth, out);
      continue;
    }
    if (line.includes('|') && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? '') && lines[at + 1].includes('|')) {
      at = table(lines, at, out);
      continue;
    }
    if (!line.trim()) {
      at++;
      continue;
    }
    const body = [line.trim()];
    for (at++; at < lines.length && lines[at].trim() && !startsBlock(lines[at]); at++) body.push(lines[at].trim());
    out.push({ type: 'paragraph', children: inline(body.join('\n')) });
  }
  return out;
}

function startsBlock(line: string): boolean {
  return /^ {0,3}(#{1,6}\s|>|`{3,}|~{3,})/.test(line) || marker(line) !== null;
}

function marker(line: string): { indent: number; ordered: boolean; start: number; width: number } | null {
  const match = /^(\s*)([-*+]|(\d{1,9})[.)])(\s+)\S/.exec(line);
  if (!match) return null;
  return { indent: match[1].length, ordered: match[3] !== undefined, start: Number(match[3] ?? 1), width: match[1].length + match[2].length + match[4].length };
}

function list(lines: string[], at: number, depth: number, out: Block[]): number {
  const first = marker(lines[at])!;
  const items: Block[][] = [];
  while (at < lines.length) {
    const here = marker(lines[at]);
    if (!here || here.ordered !== first.ordered || here.indent !== first.indent) break;
    const body = [lines[at].slice(here.width)];
    for (at++; at < lines.length; at++) {
      const next = marker(lines[at]);
      const indent = lines[at].length - lines[at].trimStart().length;
      if (next && next.indent <= first.indent) break;
      if (lines[at].trim() && indent <= first.indent) break;
      if (!lines[at].trim() && !(lines[at + 1] ?? '').startsWith(' ')) {
        at++;
        break;
      }
      body.push(lines[at].slice(Math.min(indent, here.width)));
    }
    items.push(blocks(body, depth + 1));
  }
  out.push({ type: 'list', ordered: first.ordered, start: first.start, items });
  return at;
}

function table(lines: string[], at: number, out: Block[]): number {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => inline(cell.trim()));
  const head = cells(lines[at]);
  const rows: Inline[][][] = [];
  for (at += 2; at < lines.length && lines[at].includes('|'); at++) rows.push(cells(lines[at]).slice(0, head.length));
  out.push({ type: 'table', head, rows });
  return at;
}

const INLINE = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]*?\S)\*\*|__(?=\S)([\s\S]*?\S)__|~~(?=\S)([\s\S]*?\S)~~|\*(?=\S)([^*]*?\S)\*|(?<!\w)_(?=\S)([^_]*?\S)_(?!\w)|!?\[([^\]]*)\]\(([^\s)]+)[^)]*\)/;

export function inline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  if (text.length > MAX_INLINE) return [{ type: 'text', text }];
  while (text) {
    const match = depth < MAX_DEPTH ? INLINE.exec(text) : null;
    if (!match) {
      out.push({ type: 'text', text });
      break;
    }
    if (match.index > 0) out.push({ type: 'text', text: text.slice(0, match.index) });
    const [whole, , code, strong, strong2, strike, em, em2, label, href] = match;
    const inner = (children: string) => inline(children, depth + 1);
    if (code !== undefined) out.push({ type: 'code', text: code.trim() || code });
    else if (strong ?? strong2) out.push({ type: 'strong', children: inner(strong ?? strong2) });
    else if (strike) out.push({ type: 'strike', children: inner(strike) });
    else if (em ?? em2) out.push({ type: 'em', children: inner(em ?? em2) });
    else if (href !== undefined && !whole.startsWith('!') && /^https?:\/\//i.test(href)) out.push({ type: 'link', href, children: inner(label) });
    // Images and other addresses stay text: loading one would tell its server who reads the trace.
    else out.push({ type: 'text', text: whole });
    text = text.slice(match.index + whole.length);
  }
  return out;
}
