// Random texts for tests: pieces of markdown, of HTML and of addresses that do
// harm, cut and put together anyhow.

const pieces = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '<svg><style>', '</style>', '<a href="', 'javascript:alert(1)', 'JaVaScRiPt:', 'java\tscript:',
  '&#106;avascript:', '&#x6a;avascript:', 'javascript&colon;', 'data:text/html,<script>alert(1)</script>', 'data:image/svg+xml;base64,PHN2Zz4=', 'vbscript:', 'file:///', '//evil.example', 'blob:',
  'https://evil.example/', 'http://a.example?b="c', 'mailto:a@b.example', 'https://evil.example/\u202e', 'https://a.example/*x*', '" onmouseover="alert(1)', "' onfocus='alert(1)", '" style="position:fixed',
  '">', '-->', '<!--', ']]>', '<![CDATA[', '<?php', '<math><mtext>', '<table><mglyph>', '<template>', '<noscript>', '<iframe srcdoc="', '<form action=', '<input autofocus onfocus=', '<base href=', '<details open ontoggle=',
  '[', ']', '(', ')', '![', '](', '](<', '> ', '>> ', '- ', '1. ', '1) ', '# ', '###### ', '```', '```html\n', '```"><b>\n', '~~~', '`', '``', '**', '*', '__', '_', '~~', '|', '|---|:-:|\n', '---', '===', '***\n',
  '[a]: ', '[^1]', '[a][a]', '\\', '&lt;', '&amp;lt;', '&quot;', '&#0;', '&#xD800;', '&nbsp;', '\n', '\n\n', '\r\n', '\t', '    ', ' ', ' ', '\u0000', '\ufffd', '\u200b', '\u202e', '\u2028', '\ud83d', '🎉', 'é', 'text', 'a', 'b', '1', ':', '"', "'", '<', '>', '&', '=', '/',
  'class="gate"', 'id=root', 'href=', 'on', 'title "', '<b>', '</b>', '<br/>', '<p', '<div class="code-block">', '<button onclick=',
]

/** Numbers from 0 to below 1, the same for the same seed. */
function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The text of a seed. */
export function hostileText(seed: number): string {
  const next = random(seed)
  const below = (n: number) => Math.floor(next() * n)
  let text = ''
  for (let n = 1 + below(24); n > 0; n--) {
    let piece = pieces[below(pieces.length)]!
    if (below(8) === 0) piece = piece.slice(below(piece.length), 1 + below(piece.length))
    if (below(12) === 0) piece = piece.repeat(1 + below(6))
    if (below(30) === 0) piece = String.fromCharCode(below(0x10000))
    text += piece
  }
  return text
}
