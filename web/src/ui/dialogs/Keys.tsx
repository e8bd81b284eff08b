import { isKey, type Key, t } from '../../i18n'
import { Dialog } from '../kit/Dialog'

const keys: [(Key | '↑' | '↓' | 'K' | '/' | '?' | 'Alt')[], Key][] = [
  [['keys.ctrl', 'K'], 'keys.jump'],
  [['keys.enter'], 'keys.send'],
  [['keys.shift', 'keys.enter'], 'keys.newLine'],
  [['↑', '↓'], 'keys.move'],
  [['keys.esc'], 'keys.close'],
]
const marks: [Key | '```' | ':tada:', Key][] = [
  ['keys.sample.bold', 'keys.bold'],
  ['keys.sample.italics', 'keys.italics'],
  ['keys.sample.struck', 'keys.struck'],
  ['keys.sample.code', 'keys.code'],
  ['```', 'keys.block'],
  ['keys.sample.quote', 'keys.quote'],
  ['keys.sample.list', 'keys.list'],
  ['keys.sample.link', 'keys.link'],
  [':tada:', 'keys.emoji'],
]
/** A key's name, or a sign that is the same everywhere. */
const name = (k: string): string => (isKey(k) ? t(k) : k)

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('account.keys')} onClose={onClose}>
      <dl className="keys">
        {keys.map(([combo, what]) => (
          <div key={what}>
            <dt>
              {combo.map((k) => (
                <kbd key={k}>{name(k)}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
      <h3 className="list-title">{t('keys.formatting')}</h3>
      <dl className="keys">
        {marks.map(([mark, what]) => (
          <div key={mark}>
            <dt>
              <code>{name(mark)}</code>
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
