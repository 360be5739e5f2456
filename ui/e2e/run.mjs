// Drives the UI in headless Chromium as a person would: every screen in both themes, the keyboard, live traffic, the Connect
// page. Fails on console errors, policy violations, axe findings (WCAG 2.2 A and AA) and on rows that are not virtual.
//
//   npm run e2e                                  against the mock (starts it on a free port; needs `npm run build` first)
//   npm run e2e -- --base http://127.0.0.1:3001  against a running daemon; loads sample data if there is nothing to show
//   ... --shots DIR                              also writes a screenshot of each screen in each theme
//   ... --only keyboard                          one journey
//
// Chromium is CHROMIUM_BIN or /usr/bin/chromium. No wall time is asserted; the time from click to paint is printed.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { connect, keyboard, list, llm, palette, screens, zoom } from './journeys.mjs';

const { values } = parseArgs({ options: { base: { type: 'string' }, shots: { type: 'string' }, only: { type: 'string' } } });
if (values.shots) mkdirSync(values.shots, { recursive: true });

async function startMock() {
  const mock = spawn(process.execPath, [new URL('../dev/mock.mjs', import.meta.url).pathname, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const address = await new Promise((resolve, reject) => {
    mock.stdout.on('data', (chunk) => /http:\S+/.exec(String(chunk)) && resolve(/http:\S+/.exec(String(chunk))[0]));
    mock.on('exit', (code) => reject(new Error(`the mock ended with ${code}`)));
  });
  return { address, stop: () => mock.kill() };
}

const mock = values.base ? null : await startMock();
const base = (values.base ?? mock.address).replace(/\/$/, '');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_BIN || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const failures = [];
let checks = 0;

/** What journeys are given: a page that notes everything the console and the policy complain about, and a way to say what must hold. */
async function visit(name, theme, journey) {
  if (values.only && !name.startsWith(values.only)) return;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'] });
  if (theme) await context.addCookies([{ name: 'tundra_theme', value: theme, url: base }]);
  const page = await context.newPage();
  const where = `${name}${theme ? ` (${theme})` : ''}`;
  const fail = (text) => {
    failures.push(`${where}: ${text}`);
    console.log(`  ✕ ${text}`);
  };
  page.on('console', (message) => message.type() === 'error' && fail(`console: ${message.text()}`));
  page.on('pageerror', (error) => fail(`exception: ${error.message}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const check = (holds, text) => {
    checks++;
    if (!holds) fail(text);
  };
  console.log(where);
  try {
    await journey({ page, base, theme, check, mock: !!mock, shots: values.shots, say: (text) => console.log(`  ${text}`) });
  } catch (error) {
    fail(error.message.split('\n').slice(0, 4).join(' | '));
  }
  await context.close();
}

try {
  for (const theme of ['dark', 'light']) await visit('screens', theme, screens);
  await visit('keyboard', null, keyboard);
  await visit('zoom and links', null, zoom);
  await visit('trace list', null, list);
  await visit('llm panel', null, llm);
  await visit('palette and dialogs', null, palette);
  await visit('connect', null, connect);
} finally {
  await browser.close();
  mock?.stop();
}
console.log(failures.length === 0 ? `all ${checks} checks hold` : `${failures.length} of ${checks} checks failed:\n  ${failures.join('\n  ')}`);
process.exit(failures.length === 0 ? 0 : 1);
