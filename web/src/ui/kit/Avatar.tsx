import { Moon } from 'lucide-react'
import { useEffect, useState } from 'react'
import { personOf } from '../../store/select'
import { pictureURL } from '../../store/person'
import { useApp, useChat } from '../../store/store'
import { useBefore } from './hooks'

const hues = 12

function hue(id: string): number {
  let h = 0x811c9dc5 // FNV-1a, whose upper bits depend on all letters
  for (const c of id) h = Math.imul(h ^ c.codePointAt(0)!, 0x01000193)
  return (h >>> 16) % hues
}

function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean)
  const first = (w: string | undefined) => (w ? (Array.from(w)[0] ?? '').toLocaleUpperCase() : '')
  return words.length > 1 ? first(words[0]) + first(words[words.length - 1]) : first(words[0])
}

interface Props {
  id: string
  name: string
  size?: 'small' | 'medium' | 'large' | 'huge'
  /** Shows a dot: whether the person is online. */
  online?: boolean
}

/**
 * A person's picture, or their initials on their colour, with a moon while they do not want to be disturbed. It says
 * nothing that the name and the status beside it do not, so it is hidden from readers.
 */
export function Avatar({ id, name, size = 'medium', online }: Props) {
  const picture = useChat((s) => personOf(s, id)?.picture)
  const quiet = useBefore(useChat((s) => personOf(s, id)?.quiet_until))
  return (
    <span className={`avatar ${size} hue-${hue(id)}`} aria-hidden="true">
      {initials(name)}
      {picture && <Face key={picture} src={pictureURL(id, picture)} />}
      {quiet ? (
        <span className={online ? 'dot quiet on' : 'dot quiet'}>
          <Moon size={9} strokeWidth={3} />
        </span>
      ) : (
        online !== undefined && <span className={online ? 'dot on' : 'dot'} />
      )}
    </span>
  )
}

/** Pictures that were shown before: they are in the browser's cache, and need no fading in. */
const shown = new Set<string>()

/** The picture over the initials, once it is there. One that could not be loaded is tried again with the next connection. */
function Face({ src }: { src: string }) {
  const connected = useApp((a) => a.status.kind === 'online')
  const [state, setState] = useState<'loading' | 'shown' | 'failed'>(shown.has(src) ? 'shown' : 'loading')
  useEffect(() => {
    if (connected) setState((s) => (s === 'failed' ? 'loading' : s))
  }, [connected])
  if (state === 'failed') return null
  return (
    <img
      className={state}
      src={src}
      alt=""
      loading="lazy"
      decoding="async"
      draggable={false}
      onLoad={() => (shown.add(src), setState('shown'))}
      onError={() => setState('failed')}
    />
  )
}
