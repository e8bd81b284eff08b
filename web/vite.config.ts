import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { emoji } from './scripts/emoji.mjs'

// What is in dist/assets has its hash in its name, and the server lets browsers keep it for ever. What has a name that
// stays (index.html, sw.js, the icons) is asked for again, by its ETag.
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
    sourcemap: false,
    reportCompressedSize: false, // scripts/stamp.mjs says what is sent
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app-[hash].js',
        assetFileNames: (asset) => (asset.names.some((n) => n.endsWith('.css')) ? 'assets/app-[hash].css' : 'assets/[name]-[hash][extname]'),
        // sw.js and scripts/stamp.mjs know the texts by their names.
        chunkFileNames: (chunk) => (/\/i18n\/[\w-]+\.ts$/.test(chunk.facadeModuleId ?? '') ? 'assets/texts-[name]-[hash].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  test: {
    environment: 'node',
    setupFiles: ['scripts/browserless.mjs'], // a test that needs a document says so in its first line: @vitest-environment happy-dom
    include: ['src/**/*.test.{ts,tsx}'],
  },
})
