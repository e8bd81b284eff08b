import { Globe } from 'lucide-react'
import { memo, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { at } from '../../protocol/base'
import type { Message, Preview } from '../../protocol/types'
import { useDocument } from '../../store/documents'
import { hasLinks, keyOf, lookAt, useLinks } from '../../store/links'
import type { Preferences } from '../../store/preferences'
import { useApp } from '../../store/store'

/** What the links of a message lead to, if the server looks at such, and its person wants to see it. */
export const Links = memo(function Links({ message }: { message: Message }) {
  const able = useApp((a) => a.info?.previews === true)
  const on = useDocument<Preferences>('settings').links !== false
  return able && on && hasLinks(message.text) ? <Cards message={message} /> : null
})

function Cards({ message }: { message: Message }) {
  const { room, no, text } = message
  const found = useLinks((l) => l.found[keyOf(message)])
  const known = found?.text === text
  const mark = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const row = mark.current?.closest('article')
    if (!row || known) return
    let leave: (() => void) | undefined
    const observer = new IntersectionObserver((entries) => {
      const seen = entries[entries.length - 1]!.isIntersecting
      if (!seen) leave?.()
      leave = seen ? (leave ?? lookAt({ room, no, text })) : undefined
    })
    observer.observe(row)
    return () => {
      observer.disconnect()
      leave?.()
    }
  }, [room, no, text, known])
  if (!known) return <div ref={mark} hidden />
  if (found.previews.length === 0) return null
  // Not news of its own to whoever has the page read aloud.
  return (
    <ul className="link-cards" aria-live="off" aria-label={t('link.list')}>
      {found.previews.map((p) => (
        <Card key={p.url} preview={p} />
      ))}
    </ul>
  )
}

/** A page says of itself what it likes: where it is stands beside it. */
function Card({ preview: { url, title, description, site, image } }: { preview: Preview }) {
  const host = hostOf(url)
  return (
    <li className={image ? 'link-card with-picture' : 'link-card'}>
      <div className="link-text">
        <small className="link-site">
          {site && site !== host && (
            <>
              <bdi>{site}</bdi>
              <span aria-hidden>·</span>
            </>
          )}
          <bdi className="link-host">{host}</bdi>
        </small>
        <a href={url} target="_blank" rel="noopener nofollow noreferrer" dir="auto">
          {title || lastOf(url)}
        </a>
        {description && <p dir="auto">{description}</p>}
      </div>
      {image && <Picture key={image} path={image} />}
    </li>
  )
}

/** Its space is there from the beginning, and stays if there is no picture after all. */
function Picture({ path }: { path: string }) {
  const [gone, setGone] = useState(false)
  return (
    <span className="link-picture">
      {gone ? <Globe size={24} aria-hidden /> : <img src={at(path)} alt="" width={88} height={88} loading="lazy" decoding="async" onError={() => setGone(true)} />}
    </span>
  )
}

function hostOf(url: string): string {
  try {
    return new URL(url).host.replace(/^www\./, '')
  } catch {
    return url
  }
}

/** What a page without a title is called: the end of its address. */
function lastOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.split('/').findLast((part) => part !== '') ?? '') || hostOf(url)
  } catch {
    return url
  }
}
