// The custom emoji of the server, written as :name: in a message.

import type MarkdownIt from 'markdown-it'
import { emojiURL, useCustomEmoji } from '../store/customEmoji'

const code = /:([a-z0-9_+-]{2,32}):/g

/** Shows the pictures of those that there are, outside of code and links. */
export function markEmoji(md: InstanceType<typeof MarkdownIt>): void {
  md.core.ruler.after('calls', 'custom_emoji', (state) => {
    const { byName } = useCustomEmoji.getState()
    if (byName.size === 0) return
    for (const block of state.tokens) {
      if (!block.children) continue
      let links = 0
      block.children = block.children.flatMap((token) => {
        if (token.type === 'link_open') links++
        if (token.type === 'link_close') links--
        if (token.type !== 'text' || links > 0 || !token.content.includes(':')) return [token]
        const pieces: (typeof token)[] = []
        const push = (type: string, content: string) => content && pieces.push(Object.assign(new state.Token(type, '', 0), { content }))
        let at = 0
        for (code.lastIndex = 0; ; ) {
          const found = code.exec(token.content)
          if (!found) break
          if (!byName.has(found[1]!)) {
            code.lastIndex = found.index + found[0].length - 1 // its end may begin another
            continue
          }
          push('text', token.content.slice(at, found.index))
          push('custom_emoji', found[1]!)
          at = found.index + found[0].length
        }
        if (at === 0) return [token]
        push('text', token.content.slice(at))
        return pieces
      })
    }
  })
  md.renderer.rules.custom_emoji = (tokens, i) => {
    const { content } = tokens[i]!
    const e = useCustomEmoji.getState().byName.get(content)!
    const name = md.utils.escapeHtml(`:${e.name}:`)
    return `<img class="custom-emoji" src="${md.utils.escapeHtml(emojiURL(e))}" alt="${name}" title="${name}">`
  }
}
