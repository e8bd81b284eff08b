// Markdown to safe HTML. The parser makes no raw HTML, images or unsafe links
// in the first place; what it makes goes through DOMPurify with a short list of
// what may remain.

import DOMPurify from 'dompurify'
import { t, useLanguage } from '../i18n'
import { emojiBase, useCustomEmoji } from '../store/customEmoji'
import type { Called } from './calls'
import { dialect, TooMuch } from './dialect'
import { coloured, useHighlighter } from './highlight'

const md = dialect()

/** More code than this in one message stays plain: the highlighter takes longer than in proportion. */
const mostColoured = 8_000

const safeLink = /^(https?:|mailto:)/i
md.validateLink = (url) => safeLink.test(url.trim())

md.renderer.rules.link_open = (tokens, i, options, _env, self) => {
  const token = tokens[i]!
  token.attrs = [
    ['href', String(token.attrGet('href') ?? '')],
    ['target', '_blank'],
    ['rel', 'noopener nofollow noreferrer'],
  ]
  return self.renderToken(tokens, i, options)
}

const code = (text: string, language: string, env: Env) => {
  env.coloured = (env.coloured ?? 0) + text.length
  const html = env.coloured <= mostColoured ? coloured(text, language) : null
  const button = (name: string, label: string) => `<button type="button" class="code-button ${name}">${md.utils.escapeHtml(label)}</button>`
  const wraps = text.split('\n').some((line) => line.length > 60) // shorter lines fit nearly everywhere
  return (
    `<div class="code-block${language || wraps ? '' : ' plain'}"><div class="code-bar"><span class="code-lang">${md.utils.escapeHtml(language)}</span>` +
    `${wraps ? button('code-wrap', t('code.wrap')) : ''}${button('code-copy', t('app.copy'))}</div>` +
    `<pre tabindex="0"><code>${html ?? md.utils.escapeHtml(text)}</code></pre></div>`
  )
}
md.renderer.rules.fence = (tokens, i, _options, env) => code(tokens[i]!.content, tokens[i]!.info.trim().split(/\s+/)[0]!.slice(0, 20), env as unknown as Env)
// The parser aligns columns by style attributes, which the page's policy
// forbids.
md.renderer.rules.td_open = md.renderer.rules.th_open = (tokens, i, options, _env, self) => {
  const token = tokens[i]!
  const align = /text-align:(center|right)/.exec(String(token.attrGet('style') ?? ''))?.[1]
  token.attrs = align ? [['class', `to-${align}`]] : []
  return self.renderToken(tokens, i, options)
}
// A table may be wider than the page: it scrolls by itself.
md.renderer.rules.table_open = () => '<div class="table-wrap"><table>'
md.renderer.rules.table_close = () => '</table></div>'

const purify = {
  ALLOWED_TAGS: [
    'a', 'b', 'blockquote', 'br', 'button', 'code', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'img', 'li', 'ol', 'p', 'pre', 's', 'span',
    'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul',
  ],
  ALLOWED_ATTR: ['alt', 'class', 'href', 'rel', 'src', 'start', 'tabindex', 'target', 'title', 'type', 'value'],
  ALLOWED_URI_REGEXP: safeLink,
  // Not addresses, so that the line above does not judge them.
  ADD_URI_SAFE_ATTR: ['alt', 'rel', 'src', 'start', 'tabindex', 'target', 'title', 'type', 'value'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
}

// Pictures come from this server, and there are none but those of emoji.
DOMPurify.addHook('uponSanitizeElement', (node, { tagName }) => {
  if (tagName === 'img' && !isEmoji((node as Element).getAttribute('src') ?? '')) (node as Element).remove()
})
DOMPurify.addHook('uponSanitizeAttribute', (node, data) => {
  if (['alt', 'src', 'title'].includes(data.attrName) && node.localName !== 'img') data.keepAttr = false
})
const isEmoji = (src: string) => src.startsWith(emojiBase) && /^([\w-]|%2B)+\?v=\w+$/.test(src.slice(emojiBase.length))

const cache = new Map<string, string>()
const cacheSize = 1_000
useLanguage.subscribe(() => cache.clear()) // the copy buttons have a text
useHighlighter.subscribe(() => cache.clear())
useCustomEmoji.subscribe(() => cache.clear())

/** What is known while a text is rendered. */
interface Env {
  called: readonly Called[]
  /** What is shown in the place of an address. */
  labels?: Record<string, string>
  /** How much code of this text has been coloured. */
  coloured?: number
}

/** What the parser makes of a text: already without raw HTML. Only to be shown by renderMarkdown. What is too much for it stays plain, and says so. */
export function parse(text: string, called: readonly Called[] = [], labels?: Record<string, string>): string {
  try {
    return md.render(text, { called, labels } satisfies Env)
  } catch (err) {
    if (!(err instanceof TooMuch)) throw err
    return `<p class="plain">${md.utils.escapeHtml(text).replaceAll('\n', '<br>')}</p><p class="plain-note">${md.utils.escapeHtml(t('markdown.plain'))}</p>`
  }
}

/** HTML of a message, with those marked whom it calls. The result may be put into the page as it is. */
export function renderMarkdown(text: string, called: readonly Called[] = [], labels?: Record<string, string>): string {
  const key = called.length === 0 && !labels ? text : JSON.stringify([text, called, labels])
  const known = cache.get(key)
  if (known !== undefined) return known
  const html = DOMPurify.sanitize(parse(text, called, labels), purify)
  if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!)
  cache.set(key, html)
  return html
}

/** One line of plain text, for previews: what markdown would show, without its marks. */
export function plainLine(text: string, max = 140): string {
  const out: string[] = []
  let length = 0
  let blocks
  try {
    blocks = md.parse(text.slice(0, 2_000), {})
  } catch {
    return text.slice(0, 2_000).replace(/\s+/g, ' ').trim().slice(0, max) // too much for it
  }
  for (const block of blocks) {
    if (length > max) break
    const pieces = block.type === 'inline' ? (block.children ?? []) : [block]
    for (const t of pieces) {
      if (t.type === 'text' || t.type === 'escaped_at' || t.type === 'code_inline' || t.type === 'fence' || t.type === 'code_block') {
        out.push(t.content)
        length += t.content.length
      } else if (t.type === 'softbreak' || t.type === 'hardbreak') out.push(' ')
    }
    if (block.type === 'inline') out.push(' ')
  }
  return out.join('').replace(/\s+/g, ' ').trim().slice(0, max)
}
