const hues = 8

function hue(id: string): number {
  let h = 0
  for (const c of id) h = (h * 31 + c.codePointAt(0)!) >>> 0
  return h % hues
}

function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean)
  const first = (w: string | undefined) => (w ? (Array.from(w)[0] ?? '').toLocaleUpperCase() : '')
  return words.length > 1 ? first(words[0]) + first(words[words.length - 1]) : first(words[0])
}

interface Props {
  id: string
  name: string
  size?: 'small' | 'medium' | 'large'
  /** Shows a dot: whether the person is online. */
  online?: boolean
}

/** A person's initials on their colour. It says nothing that the name beside it does not, so it is hidden from readers. */
export function Avatar({ id, name, size = 'medium', online }: Props) {
  return (
    <span className={`avatar ${size} hue-${hue(id)}`} aria-hidden="true">
      {initials(name)}
      {online !== undefined && <span className={online ? 'dot on' : 'dot'} />}
    </span>
  )
}
