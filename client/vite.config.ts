import { fileURLToPath } from 'node:url';
import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

/** Paths that belong to the server: the service worker must never answer them. */
const serverPaths = [/^\/api\//, /^\/lab/, /^\/sip/, /^\/metrics/, /^\/healthz/];

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022' },
  server: {
    // `npx vite client` against a server that runs on its default port.
    proxy: {
      '/api': 'http://127.0.0.1:8080',
      '/sip': { target: 'ws://127.0.0.1:8080', ws: true },
    },
  },
  plugins: [
    preact(),
    VitePWA({
      // A new version waits for the person; see src/update.ts.
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        id: '/',
        name: 'Ringthrough',
        short_name: 'Ringthrough',
        description: 'Calls to your unreachable phone numbers ring here.',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        orientation: 'portrait',
        background_color: '#f5f3ec',
        theme_color: '#0f4f48',
        categories: ['utilities', 'productivity'],
        icons: [
          { src: '/icon.svg', sizes: 'any', type: 'image/svg+xml' },
          { src: '/icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: '/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
        ],
      },
      workbox: {
        // The shell only. No runtime caching: nothing of /api is ever stored.
        globPatterns: ['**/*.{html,js,css,svg,png}'],
        navigateFallback: '/index.html',
        navigateFallbackDenylist: serverPaths,
        importScripts: ['/notifications.js'],
        globIgnores: ['notifications.js'],
        cleanupOutdatedCaches: true,
      },
    }),
  ],
});
