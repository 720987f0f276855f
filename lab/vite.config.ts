import { fileURLToPath } from 'node:url';
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/lab/',
  publicDir: 'web/public',
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022' },
  server: {
    // `npx vite lab` against a server that runs on its default port.
    proxy: { '/lab/api': { target: 'http://127.0.0.1:8080', ws: true } },
  },
  plugins: [preact()],
});
