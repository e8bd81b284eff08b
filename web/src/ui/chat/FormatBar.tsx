import { Bold, Code, Italic, Link, List, ListOrdered, type LucideIcon, Quote, SquareCode, Strikethrough } from 'lucide-react'
import { type KeyboardEvent, useState } from 'react'
import { type Key, t } from '../../i18n'
import { mac } from '../kit/hooks'
import { type Format, formatKeys, formats } from './marks'

const icons: Record<Format, LucideIcon> = {
  bold: Bold, italics: Italic, struck: Strikethrough, code: Code, link: Link, quote: Quote, list: List, numbered: ListOrdered, block: SquareCode,
}
const labels: Record<Format, Key> = {
  bold: 'format.bold', italics: 'format.italics', struck: 'format.struck', code: 'format.code', link: 'format.link',
  quote: 'format.quote', list: 'format.list', numbered: 'format.numbered', block: 'format.block',
}
const order = Object.keys(formats) as Format[]

const keysOf = (f: Format) => [mac ? '⌘' : t('keys.ctrl'), ...(formatKeys[f].shift ? [t('keys.shift')] : []), formatKeys[f].key.toUpperCase()].join('+')

/** The formats to choose from with a click, or with the arrow keys. */
export function FormatBar({ onFormat }: { onFormat: (f: Format) => void }) {
  const [at, setAt] = useState(0) // the one stop of the Tab key
  const keys = (e: KeyboardEvent<HTMLDivElement>) => {
    const ahead = e.key === (document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight')
    if (!ahead && e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return
    e.preventDefault()
    const next = (at + (ahead ? 1 : order.length - 1)) % order.length
    setAt(next)
    e.currentTarget.querySelectorAll('button')[next]?.focus()
  }
  return (
    <div className="format-bar" role="toolbar" aria-label={t('format.bar')} onKeyDown={keys}>
      {order.map((f, i) => {
        const Icon = icons[f]
        return (
          <button
            key={f}
            type="button"
            className="icon-button"
            tabIndex={i === at ? 0 : -1}
            aria-label={t(labels[f])}
            title={`${t(labels[f])} (${keysOf(f)})`}
            onFocus={() => setAt(i)}
            onMouseDown={(e) => e.preventDefault()} // the field keeps the focus
            onClick={() => onFormat(f)}
          >
            <Icon size={16} />
          </button>
        )
      })}
    </div>
  )
}
