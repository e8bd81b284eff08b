import { memo, type MouseEvent, useMemo } from 'react'
import { t } from '../../i18n'
import type { Called } from '../../markdown/calls'
import { useHighlighter } from '../../markdown/highlight'
import { renderMarkdown } from '../../markdown/render'
import { everyone } from '../../protocol/types'
import { nameOf } from '../../store/select'
import { useApp, useChat } from '../../store/store'
import { openPerson } from '../chat/person'
import { copyText } from '../../store/copy'
import { onlyEmoji } from '../../emoji/only'
import { useCustomEmoji } from '../../store/customEmoji'
import { openAddress, ownBase, ownLabels } from '../../store/own'

const nobody: readonly Called[] = []

/** A message's text; mentions are the ids of those whom it calls. What comes out of renderMarkdown is safe to be put into the page. */
export const Text = memo(function Text({ text, mentions }: { text: string; mentions?: readonly string[] }) {
  // As one text, so that it stays the same while the names do.
  const names = useChat((s) => (mentions ?? []).map((id) => (id === everyone ? '' : `${nameOf(s, id)}\n${s.people[id]?.former_name}`)).join('\n'))
  const version = useHighlighter((h) => h.version)
  const emoji = useCustomEmoji((c) => (text.includes(':') ? c.revision : 0))
  const leads = useMemo(() => text.includes(ownBase()), [text])
  const labels = useChat((s) => (leads ? JSON.stringify(ownLabels(s, text)) : ''))
  const html = useMemo(
    () => renderMarkdown(text, calledBy(mentions), labels ? (JSON.parse(labels) as Record<string, string>) : undefined),
    [text, mentions, names, labels, version, emoji],
  )
  // Where there is no letter, such as in a single emoji, the page's direction
  // holds.
  return <div className={`markdown${onlyEmoji(text) ? ' large' : ''}`} dir={/\p{L}/u.test(text) ? 'auto' : undefined} onClick={press} dangerouslySetInnerHTML={{ __html: html }} />
})

function calledBy(mentions: readonly string[] | undefined): readonly Called[] {
  const { chat } = useApp.getState()
  if (!chat || !mentions?.length) return nobody
  return mentions.map((id) => ({ id, name: id === everyone ? '' : nameOf(chat, id), former: chat.people[id]?.former_name, me: id === everyone || id === chat.me.id }))
}

/** The buttons stand in the HTML, so they are heard here. */
function press(e: MouseEvent): void {
  const link = e.target instanceof Element ? e.target.closest<HTMLAnchorElement>('.markdown a') : null
  if (link?.href.startsWith(ownBase()) && !e.ctrlKey && !e.metaKey && !e.shiftKey && !e.altKey) {
    e.preventDefault()
    return openAddress(new URL(link.href).hash)
  }
  const button = e.target instanceof Element ? e.target.closest<HTMLButtonElement>('.markdown button') : null
  if (!button) return
  if (button.classList.contains('mention')) return openPerson(button.value)
  const block = button.closest('.code-block')
  if (button.classList.contains('code-wrap')) {
    const on = block?.classList.toggle('wrapped') ?? false
    button.setAttribute('aria-pressed', String(on))
  } else if (button.classList.contains('code-copy')) {
    void copyText(block?.querySelector('code')?.textContent ?? '').then((done) => {
      button.textContent = t(done ? 'app.copied' : 'app.copyImpossible')
      setTimeout(() => (button.textContent = t('app.copy')), 1_500)
    })
  }
}
