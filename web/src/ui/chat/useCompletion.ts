import { type RefObject, useEffect, useState } from 'react'
import { type Emoji, type Emojis, endedCode, loadEmojis, suggest, type Typed, typedCode } from '../../emoji/emoji'
import { useLanguage } from '../../i18n'

const shown = 8

/** Offers emoji for the short code at the caret of a text field, and puts the chosen one in its place. */
export function useCompletion(area: RefObject<HTMLTextAreaElement | null>, text: string, replace: (from: number, to: number, by: string) => void) {
  const language = useLanguage((l) => l.language)
  const [emojis, setEmojis] = useState<Emojis | null>(null)
  const [typed, setTyped] = useState<Typed | null>(null)
  const [at, setAt] = useState(0)
  const [closed, setClosed] = useState<number | null>(null) // where the list was closed: it stays so for that code
  const wanted = text.includes(':')
  useEffect(() => {
    // Without the file there are no offers; the next colon asks again.
    if (wanted) loadEmojis(language).then(setEmojis, () => {})
  }, [wanted, language])
  const found = typed && emojis && typed.from !== closed ? suggest(emojis, typed.code, shown) : []

  /** To be called whenever the text or the caret has changed. */
  const look = () => {
    const el = area.current
    if (!el) return
    const now = el.selectionStart === el.selectionEnd ? typedCode(el.value, el.selectionStart) : null
    if (now?.from !== typed?.from || now?.code !== typed?.code) {
      setTyped(now)
      setAt(0)
      if (now?.from !== closed) setClosed(null)
    }
  }
  /** To be called after what was typed has changed the text: turns a whole `:code:` into its emoji. */
  const ended = (value: string, caret: number) => {
    const code = endedCode(value, caret)
    const emoji = code && emojis?.byCode.get(code.code)
    if (emoji) replace(code.from, caret, emoji.emoji)
  }
  const pick = (emoji: Emoji) => {
    if (!typed) return
    replace(typed.from, typed.from + 1 + typed.code.length, `${emoji.emoji} `)
    setTyped(null)
  }
  /** True if the key was meant for the list. */
  const key = (k: string): boolean => {
    if (found.length === 0) return false
    if (k === 'ArrowDown') setAt((at + 1) % found.length)
    else if (k === 'ArrowUp') setAt((at + found.length - 1) % found.length)
    else if (k === 'Enter' || k === 'Tab') pick(found[at]!)
    else if (k === 'Escape') setClosed(typed!.from)
    else return false
    return true
  }
  return { found, at, setAt, pick, key, look, ended, close: () => setTyped(null) }
}
