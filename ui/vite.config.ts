// Builds the UI into dist/, where the daemon's build script finds it. `npm run dev` proxies the API to a running daemon
// or to the mock server (TUNDRA_API names it).
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const api = process.env.TUNDRA_API ?? 'http://127.0.0.1:9090';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2023',
    // Inlined files would become data: URLs, which the page's policy refuses for fonts and scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': { target: api, ws: true, changeOrigin: true } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
