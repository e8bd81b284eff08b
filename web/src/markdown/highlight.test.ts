// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { most } from './highlight'
import { highlight } from './languages'

const text = (html: string) => {
  const div = document.createElement('div')
  div.innerHTML = html
  return div.textContent
}

describe('the highlighter', () => {
  it('colours what it knows, by any of its names', () => {
    expect(highlight('func main() {}', 'go')).toContain('hljs-keyword')
    for (const name of ['js', 'ts', 'py', 'sh', 'html', 'yml', 'toml', 'c++', 'cs', 'rb', 'rs', 'console', 'jsx', 'golang']) expect(highlight('x', name), name).not.toBeNull()
    expect(highlight('x', 'klingon')).toBeNull()
    expect(highlight('x', '__proto__')).toBeNull()
  })

  it('keeps the code as it is, and lets nothing else through', () => {
    for (const language of ['go', 'html', 'php', 'sql', 'yaml', 'markdown', 'javascript', 'bash', 'diff']) {
      for (const code of ['<script>alert(1)</script>', '<img src=x onerror="alert(1)">', '`${"<b>"}`', '<?php echo "</span><script>"; ?>', '&lt;b&gt; &amp;', '\u0000\u202e"\'']) {
        const html = highlight(code, language)
        if (html === null) continue
        expect(html.replace(/<span class="[\w -]+">|<\/span>/g, '')).not.toMatch(/[<>]/)
        expect(text(html)).toBe(code)
      }
    }
  })

  it('is done in time with the longest code that it is given, made to hold it up', { timeout: 60_000 }, () => {
    const languages = 'bash c cpp csharp css diff dockerfile elixir go graphql haskell http ini java javascript json kotlin lua makefile nginx php powershell protobuf python ruby rust shell sql swift typescript xml yaml'
    const hard = ['(', '<', '"', "'", '/*', '{', '$(', '<a ', '-', '\\', 'a ', '@', '#{', '0', '<!--', '[', '//', 'a=', '"""', '\n', '=>(', 'a.', 'class ', 'function ', ' : ']
    let slowest = { ms: 0, what: '' }
    for (const language of languages.split(' ')) {
      for (const piece of hard) {
        const code = piece.repeat(most / piece.length)
        const began = process.cpuUsage()
        highlight(code, language)
        const { user, system } = process.cpuUsage(began)
        const ms = (user + system) / 1_000
        if (ms > slowest.ms) slowest = { ms, what: `${language} ${piece}` }
      }
    }
    expect(slowest.ms, slowest.what).toBeLessThan(1_250)
  })
})
