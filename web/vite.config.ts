import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { emoji } from './scripts/emoji.mjs'

// The built files keep their names from version to version: they are committed, embedded in the
// server, and served with an ETag instead of a hash in the name.
export default defineConfig({
  base: './', // the server may be below a path
  plugins: [react(), emoji()],
  resolve: { alias: { 'linkify-it': new URL('./src/markdown/noLinkify.ts', import.meta.url).pathname } },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: process.env.PARLEY_URL ?? 'http://127.0.0.1:8080', ws: true } },
  },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: true,
    rollupOptions: {
      output: {
        entryFileNames: 'app.js',
        assetFileNames: (asset) => (asset.names.some((n) => n.endsWith('.css')) ? 'app.css' : '[name][extname]'),
        // What is loaded later has its hash in its name: a page that is older than the server must not get a newer part.
        chunkFileNames: '[name]-[hash].js',
      },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
  },
})
