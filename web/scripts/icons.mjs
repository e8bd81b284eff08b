// Draws the icons of the installed client from public/icon.svg into public. Run by hand when the sign changes:
// node scripts/icons.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { launch } from '../e2e/lib/browser.mjs'

const at = (name) => fileURLToPath(new URL(`../public/${name}`, import.meta.url))
const svg = readFileSync(at('icon.svg'), 'utf8')
// Systems cut maskable icons into shapes of their own: only the middle four fifths are safe.
const maskable = svg.replace('rx="8" ', '').replace(/(<path[^]*)<\/svg>/, '<g transform="translate(16 16) scale(.74) translate(-16 -16)">$1</g></svg>')
const browser = await launch()
const page = await browser.newPage()
for (const [name, size, source] of [
  ['icon-192.png', 192, svg], ['icon-512.png', 512, svg], ['icon-maskable-512.png', 512, maskable], ['icon-touch-180.png', 180, maskable],
]) {
  await page.setViewportSize({ width: size, height: size })
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${source}`)
  writeFileSync(at(name), await page.screenshot({ omitBackground: true }))
}
await browser.close()
