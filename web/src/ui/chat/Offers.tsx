import { t } from '../../i18n'
import { Emoji } from '../emoji/Emoji'
import type { useCompletion } from './useCompletion'

/** So many offers are shown at once. */
const most = 10

/** What may stand in the place of what is being written: emoji, people or commands. */
export function Offers({ id, completion }: { id: string; completion: ReturnType<typeof useCompletion> }) {
  const { found, at } = completion
  if (found.length === 0) return null
  const begin = Math.max(0, at - most + 1) // the list moves along instead of scrolling
  const { sign } = found[0]!
  return (
    <ul id={`${id}-list`} role="listbox" aria-label={t(sign === '@' ? 'call.offers' : sign === '/' ? 'command.offers' : 'emoji.offers')} className="completion">
      {found.map((e, i) => i >= begin && i < begin + most && (
        <li
          key={e.key}
          id={`${id}-${i}`}
          className={e.outside ? 'outside' : undefined}
          role="option"
          aria-posinset={i + 1}
          aria-setsize={found.length}
          aria-selected={i === at}
          onMouseDown={(m) => (m.preventDefault(), completion.pick(e))}
          onMouseMove={() => completion.setAt(i)}
        >
          {e.sign !== '/' && <span aria-hidden="true">{e.kind === 'emoji' ? <Emoji emoji={e.sign} /> : e.sign}</span>}
          <span>
            {e.text}
            {e.args && <span className="muted"> {e.args}</span>}
          </span>
          <small>{e.hint}</small>
        </li>
      ))}
    </ul>
  )
}
