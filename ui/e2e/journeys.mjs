// What people do, step by step. Each journey gets a fresh page; see run.mjs for what is watched meanwhile.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Rows in the page at any size of trace or list: a screen full and some to spare. */
const MOST_ROWS = 120;

/** The API's answers, from Node: tests look for what is there instead of assuming it. */
async function api(base, path, init) {
  const response = await fetch(base + path, init);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

/** A trace with model calls and one that is long; sample data makes them if the daemon has none. */
async function subjects(base) {
  const look = async () => {
    const { traces } = await api(base, '/api/traces?limit=500');
    const { traces: slow } = await api(base, '/api/traces?limit=50&sort=slowest');
    const all = [...traces, ...slow];
    const agent = all.find((trace) => trace.llm_calls > 1 && trace.spans < 200 && trace.errors > 0) ?? all.find((trace) => trace.llm_calls > 0 && trace.spans < 500);
    return { agent, long: all.find((trace) => trace.spans > 5_000) };
  };
  let found = await look();
  if (!found.agent || !found.long) {
    await api(base, '/api/sample', { method: 'POST' });
    for (let tries = 0; tries < 40 && (!found.agent || !found.long); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      found = await look();
    }
  }
  if (!found.agent || !found.long) throw new Error('no trace with model calls and no trace of 5,000 spans, even after loading sample data');
  return found;
}

async function axe(page, check, what) {
  // Through the debugger, which is how a browser extension would run it: the page's policy stays as strict as it is.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
  const found = violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].target} ${nodes[0].failureSummary?.split('\n')[1]?.trim() ?? ''}`);
  check(found.length === 0, `axe on ${what}: ${found.join('; ')}`);
}

const ready = (page, selector) => page.locator(selector).first().waitFor({ timeout: 30_000 });
const param = (page, name) => new URL(page.url()).searchParams.get(name);
const settle = (page) => page.waitForTimeout(300);

/** Asks until it holds: a machine may be slow, and what is asserted is that it happens, not when. */
async function becomes(check, holds, text) {
  for (let tries = 0; tries < 60; tries++) {
    if (await holds()) return check(true, text);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return check(false, text);
}

export async function screens({ page, base, theme, check, shots }) {
  const { agent, long } = await subjects(base);
  const stops = [
    ['overview', '/', 'h1', 'h2'],
    ['traces', '/traces', '[role=table] [role=row] a'],
    ['trace', `/traces/${agent.trace_id}`, '[role=treegrid] [role=row]', '#tab-panel'],
    ['trace-long', `/traces/${long.trace_id}`, '[role=treegrid] [role=row]', '#tab-panel'],
    ['trace-tokens', `/traces/${agent.trace_id}?x=tokens`, '[role=treegrid] [role=row]', '#tab-panel'],
    ['conversation', `/traces/${agent.trace_id}?view=conversation`, '[aria-label=Conversation] article'],
    ['llm', '/llm', 'h1', '#tasks-title'],
    ['connect', '/connect', '[role=tabpanel] pre'],
    ['missing', '/no/such/page', 'h3'],
    ['missing-trace', '/traces/00000000000000000000000000000001', 'h3'],
  ];
  for (const [name, path, ...selectors] of stops) {
    // A trace that is not there answers 404, which the browser prints as an error of its own.
    if (name === 'missing-trace') page.removeAllListeners('console');
    await page.goto(base + path);
    for (const selector of selectors) await ready(page, selector);
    await page.waitForTimeout(600);
    await becomes(check, async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === theme, `${name}: the page comes with the theme of its cookie`);
    const rows = await page.locator('[role=row]').count();
    check(rows <= MOST_ROWS, `${name}: ${rows} rows are in the page`);
    check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: nothing sticks out to the right`);
    await axe(page, check, name);
    if (shots) await page.screenshot({ path: `${shots}/${name}-${theme}.png` });
  }
}

export async function keyboard({ page, base, check, say }) {
  const { long } = await subjects(base);
  await page.goto(`${base}/traces?sort=slowest&range=7d`);
  const row = page.locator(`[data-trace="${long.trace_id}"] a`);
  await row.waitFor();
  await row.click();
  await page.waitForFunction(() => performance.getEntriesByName('trace-painted').length > 0);
  const painted = await page.evaluate(() => performance.getEntriesByName('trace-painted')[0].duration);
  say(`${long.spans} spans: ${painted.toFixed(0)} ms from the click to the painted rows (printed, not asserted)`);
  await becomes(check, async () => (await page.locator('[role=treegrid]').getAttribute('aria-rowcount')) === String(long.spans), 'the grid says how many rows it has');

  const selected = () => page.evaluate(() => document.querySelector('[role=treegrid] [aria-selected=true]')?.getAttribute('aria-rowindex'));
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
    await settle(page);
  };
  await press('j', 'j', 'ArrowDown');
  await becomes(check, async () => (await selected()) === '4', `three steps down select row 4, not ${await selected()}`);
  await press('k');
  await becomes(check, async () => (await selected()) === '3', 'k goes up');
  await becomes(check, async () => !!param(page, 'span'), 'the selection is in the address');
  await press('End');
  await becomes(check, async () => (await selected()) === String(long.spans), 'End selects the last row');
  await becomes(check, async () => (await page.locator('[role=treegrid] [role=row]').count()) <= MOST_ROWS, 'rows stay bounded at the end');
  await press('Home');
  await becomes(check, async () => (await selected()) === '1', 'Home selects the first row');
  await press('h');
  await becomes(check, async () => (await page.locator('[role=treegrid]').getAttribute('aria-rowcount')) === '1', 'h collapses the root');
  await press('l');
  await becomes(check, async () => (await page.locator('[role=treegrid]').getAttribute('aria-rowcount')) === String(long.spans), 'l expands it again');
  await press('[');
  await becomes(check, async () => Number(await page.locator('[role=treegrid]').getAttribute('aria-rowcount')) < long.spans, '[ collapses a level');
  await press(']');
  if (long.errors > 0) {
    await press('e');
    const label = () => page.locator('[role=treegrid] [aria-selected=true]').getAttribute('aria-label');
    await becomes(check, async () => /, error,/.test((await label()) ?? ''), 'e selects an error');
    const first = await selected();
    await press('e', 'E');
    if (long.errors > 1) await becomes(check, async () => (await selected()) === first, 'E goes back to the error before');
  }
  await press('z');
  await becomes(check, async () => !!param(page, 'z0'), 'z zooms, and the zoom is in the address');
  await press('0');
  await becomes(check, async () => !param(page, 'z0'), '0 resets the zoom');
  await press('c');
  await becomes(check, async () => param(page, 'crit') === '1', 'c keeps the critical path');
  await becomes(check, async () => Number(await page.locator('[role=treegrid]').getAttribute('aria-rowcount')) < long.spans, 'the critical path is shorter than the trace');
  await press('c', '/');
  await becomes(check, async () => await page.evaluate(() => document.activeElement?.hasAttribute('data-find')), '/ goes to the search');
  await page.keyboard.type('error');
  await settle(page);
  await becomes(check, async () => param(page, 'find') === 'error', 'the search is in the address');
  await press('Escape', 'Escape');
  await becomes(check, async () => !param(page, 'find'), 'Esc leaves the field, then clears the search');
  await press('g', 't');
  await becomes(check, async () => new URL(page.url()).pathname === '/traces' && param(page, 'sort') === 'slowest', 'g t goes back to the list with its filter');
}

export async function zoom({ page, base, check }) {
  const { agent, long } = await subjects(base);
  await page.goto(`${base}/traces/${long.trace_id}`);
  await ready(page, '[role=treegrid] [role=row]');
  const box = await page.locator('.mini canvas').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await settle(page);
  await becomes(check, async () => !!param(page, 'z0'), 'dragging over the minimap zooms');
  const labels = await page.locator('.axis .tick').allTextContents();
  check(labels.length >= 2 && new Set(labels).size === labels.length, `tick labels differ: ${labels.join(', ')}`);
  await page.goBack();
  await settle(page);
  await becomes(check, async () => !param(page, 'z0'), 'Back undoes the zoom');

  const skeleton = await api(base, `/api/traces/${long.trace_id}`);
  const brief = skeleton.spans.duration.findIndex((duration, i) => i > 10 && duration > 0 && duration < skeleton.duration_ns / 1_000 && skeleton.spans.subtree[i] === 1);
  if (brief > 0) {
    await page.goto(`${base}/traces/${long.trace_id}?span=${skeleton.spans.span_id[brief]}`);
    await ready(page, '[role=treegrid] [aria-selected=true]');
    await settle(page);
    const bar = await page.locator('[role=treegrid] [aria-selected=true] .bar').boundingBox();
    check(bar && bar.width > 100, 'a link to a short span opens zoomed to it');
  }
  await page.goto(`${base}/traces/${agent.trace_id}`);
  await ready(page, '[role=treegrid] [role=row]');
  await page.getByRole('button', { name: 'Tokens', exact: true }).click();
  await settle(page);
  await becomes(check, async () => param(page, 'x') === 'tokens', 'the axis is in the address');
}

export async function list({ page, base, check, mock }) {
  await page.goto(`${base}/traces?range=7d`);
  await ready(page, '[role=row] a');
  const first = () => page.locator('[role=rowgroup] [role=row]').first();
  await page.keyboard.press('j');
  await settle(page);
  await becomes(check, async () => (await page.getByText('Paused: a row is picked').count()) === 1, 'picking a row pauses the list');
  if (mock) {
    await page.getByText(/waiting/).waitFor();
    await page.keyboard.press('Escape');
    await settle(page);
    await becomes(check, async () => (await page.getByText(/Paused/).count()) === 0, 'Esc resumes it');
    const before = await first().getAttribute('data-trace');
    await page.waitForFunction((id) => document.querySelector('[role=rowgroup] [role=row]')?.getAttribute('data-trace') !== id, before);
    check(true, 'new traces arrive by themselves');
  } else {
    await page.keyboard.press('Escape');
  }
  await page.getByRole('button', { name: 'Errors only' }).click();
  await settle(page);
  await becomes(check, async () => param(page, 'status') === 'error', 'filters are in the address');
  await page.goBack();
  await settle(page);
  await becomes(check, async () => param(page, 'status') === null, 'Back takes the filter away');
  const canvas = await page.locator('.scatter canvas').boundingBox();
  await page.mouse.move(canvas.x + canvas.width * 0.5, canvas.y + 30);
  await page.mouse.down();
  await page.mouse.move(canvas.x + canvas.width * 0.8, canvas.y + 90, { steps: 4 });
  await page.mouse.up();
  await settle(page);
  await becomes(check, async () => !!param(page, 'from') && !!param(page, 'min'), 'a rectangle chooses time and duration');
  await page.goto(`${base}/traces?q=${'x'.repeat(40)}`);
  await page.getByText('No trace matches').waitFor();
  await axe(page, check, 'an empty list');
  // Narrow windows: read-only is enough, but nothing may be cut off.
  await page.setViewportSize({ width: 320, height: 700 });
  for (const path of ['/', '/traces', '/connect', '/llm']) {
    await page.goto(base + path);
    await page.waitForTimeout(500);
    check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} fits 320 pixels`);
  }
}

export async function llm({ page, base, check }) {
  const { agent } = await subjects(base);
  const skeleton = await api(base, `/api/traces/${agent.trace_id}`);
  const calls = skeleton.spans.span_id.filter((_, i) => skeleton.spans.flags[i] & 2);
  let withMessages = null;
  for (const id of calls.slice(0, 20)) {
    const span = await api(base, `/api/traces/${agent.trace_id}/spans/${id}`);
    if (span.llm?.messages?.length > 0) withMessages = span;
    if (withMessages) break;
  }
  check(!!withMessages, 'a model call has messages');
  if (!withMessages) return;
  await page.goto(`${base}/traces/${agent.trace_id}?span=${withMessages.span_id}`);
  await ready(page, '#tab-panel article');
  const panel = await page.locator('#span-details').innerText();
  const call = withMessages.llm.call;
  check(panel.includes(call.response_model ?? call.request_model), 'the panel names the model');
  for (const label of ['Tokens in', 'Tokens out', 'Cost', 'First token']) check(panel.includes(label), `the panel shows ${label}`);
  if (call.price_ref) check(panel.includes(call.price_ref), 'the cost names its price');
  if (call.tokens_provenance) check(panel.includes(call.tokens_provenance), 'the tokens say how they came about');
  await page.locator('#tab-panel').getByRole('button', { name: 'Raw' }).first().click();
  await becomes(check, async () => (await page.locator('#tab-panel article pre').count()) > 0, 'Raw shows the text as it came');
  await page.getByRole('tab', { name: /Attributes/ }).click();
  await page.locator('#tab-panel dd button').first().click();
  await page.getByRole('button', { name: 'Only traces with this value' }).click();
  await ready(page, '[role=search]');
  await becomes(check, async () => !!param(page, 'attr'), 'a value becomes a filter');
  await page.goto(`${base}/traces/${agent.trace_id}?view=conversation`);
  await ready(page, '[aria-label=Conversation] article');
  await becomes(check, async () => (await page.locator('[aria-label=Conversation] li').count()) > 0, 'the conversation has turns');
}

export async function palette({ page, base, check }) {
  const { agent } = await subjects(base);
  await page.goto(base);
  await ready(page, 'h1');
  await page.keyboard.press('Control+k');
  await ready(page, 'dialog [role=combobox]');
  await axe(page, check, 'the palette');
  await page.keyboard.type(agent.trace_id);
  await page.keyboard.press('Enter');
  await ready(page, '[role=treegrid]');
  check(page.url().includes(agent.trace_id), 'a pasted trace id opens its trace');
  await page.keyboard.press('?');
  await ready(page, '#keys-title');
  await axe(page, check, 'the key map');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('theme: light');
  await page.keyboard.press('Enter');
  await settle(page);
  await becomes(check, async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === 'light', 'the palette switches the theme');
  await page.reload();
  await becomes(check, async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === 'light', 'the theme survives a reload');
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await ready(page, 'text=Services');
  await page.locator('[popovertarget=range-menu]').click();
  await page.getByRole('button', { name: 'Last 6 hours' }).click();
  await settle(page);
  await becomes(check, async () => param(page, 'range') === '6h', 'the range is in the address');
  await page.getByRole('button', { name: /^Time zone/ }).click();
  await becomes(check, async () => /UTC[+−]\d\d:\d\d/.test(await page.getByRole('button', { name: /^Time zone/ }).innerText()), 'local time prints its offset');
}

export async function connect({ page, base, check, mock }) {
  await page.goto(`${base}/connect`);
  await page.getByText('Waiting for your first span').waitFor();
  const tabs = await page.getByRole('tab').all();
  check(tabs.length === 8, `there are eight ways to connect, not ${tabs.length}`);
  for (const tab of tabs) {
    await tab.click();
    await becomes(check, async () => (await page.locator('[role=tabpanel] pre').count()) > 0, `${await tab.innerText()} has lines to paste`);
  }
  await page.getByRole('tab', { name: 'curl' }).click();
  const { addresses } = await api(base, '/api/health');
  const snippet = await page.locator('[role=tabpanel] pre').innerText();
  const port = addresses.otlp_http?.split(':').at(-1);
  check(!port || snippet.includes(`:${port}/v1/traces`), 'the snippet has the real port');
  await page.getByRole('button', { name: /^Copy/ }).first().click();
  await page.getByText(/^Copied/).waitFor();
  await becomes(check, async () => (await page.evaluate(() => navigator.clipboard.readText())).trim() === snippet.trim(), 'Copy copies the lines');
  if (mock) {
    await api(base, '/mock/span', { method: 'POST' });
  } else {
    const span = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174', name: 'e2e', kind: 1, startTimeUnixNano: `${Date.now() - 5}000000`, endTimeUnixNano: `${Date.now()}000000` };
    await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'checkout' } }] }, scopeSpans: [{ spans: [span] }] }] }) });
  }
  await page.getByText(/Received .* from/).waitFor();
  await axe(page, check, 'connect with a first span');
  await page.locator('.check').getByRole('link', { name: 'open' }).click();
  await ready(page, '[role=treegrid] [role=row]');
  check(true, 'and leads to its trace');
}
