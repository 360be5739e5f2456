// Puts a brotli and a gzip copy beside every text file of dist/ and prints what the UI weighs. Runs after `vite build`.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = new URL('../dist/', import.meta.url).pathname;
const TEXT = new Set(['.js', '.css', '.svg', '.json', '.txt']);
const FIRST_LOAD_JS_LIMIT = 90_000;
const WHOLE_LIMIT = 600_000;

const files = readdirSync(DIST, { recursive: true }).map(String).filter((name) => statSync(join(DIST, name)).isFile());
const html = readFileSync(join(DIST, 'index.html'), 'utf8');
let whole = 0;
let firstJs = 0;
for (const name of files.filter((name) => !/\.(br|gz|map)$/.test(name)).sort()) {
  const path = join(DIST, name);
  const body = readFileSync(path);
  if (!TEXT.has(extname(name))) {
    whole += body.length;
    continue;
  }
  const brotli = brotliCompressSync(body, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
  });
  const gzip = gzipSync(body, { level: 9 });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzip);
  whole += brotli.length;
  const first = html.includes(`/${name}`);
  if (first && name.endsWith('.js')) firstJs += gzip.length;
  console.log(`${name.padEnd(52)} ${String(body.length).padStart(8)} B  gz ${String(gzip.length).padStart(7)}  br ${String(brotli.length).padStart(7)}${first ? '  first load' : ''}`);
}
console.log(`first-load JS ${(firstJs / 1000).toFixed(1)} kB gz (limit ${FIRST_LOAD_JS_LIMIT / 1000}), whole UI ${(whole / 1000).toFixed(1)} kB br (limit ${WHOLE_LIMIT / 1000})`);
if (firstJs > FIRST_LOAD_JS_LIMIT || whole > WHOLE_LIMIT) {
  console.error('the UI is over its size budget');
  process.exit(1);
}
