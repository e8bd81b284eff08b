import { Fragment } from 'react'
import { isKey, type Key, t } from '../../i18n'
import { commands } from '../commands/table'
import { Dialog } from '../kit/Dialog'
import { mac } from '../kit/hooks'

type Combo = (Key | '↑' | '↓' | 'K' | 'J' | 'O' | 'V' | 'M' | 'F' | 'Z' | 'B' | 'I' | 'E' | 'U' | 'X' | '7' | '8' | '9' | '/' | '?' | 'F6' | 'Alt')[]

/** What can be done with which keys: each of the combinations does it. */
const groups: [Key, [Combo[], Key][]][] = [
  [
    'keys.everywhere',
    [
      [[['keys.ctrl', 'K']], 'keys.jump'],
      [[['keys.ctrl', 'keys.shift', 'F']], 'keys.search'],
      [[['Alt', '↑'], ['Alt', '↓']], 'keys.neighbour'],
      [[['Alt', 'keys.shift', '↑'], ['Alt', 'keys.shift', '↓']], 'keys.unread'],
      [[['F6']], 'keys.part'],
      [[['keys.ctrl', 'Z']], 'keys.toasts'],
      [[['keys.shift', 'keys.esc']], 'keys.allRead'],
      [[['keys.ctrl', 'keys.shift', '↑'], ['keys.ctrl', 'keys.shift', '↓']], 'keys.moveRoom'],
      [[['keys.esc']], 'keys.close'],
      [[['keys.ctrl', '/'], ['?']], 'keys.help'],
    ],
  ],
  [
    'keys.writing',
    [
      [[['keys.enter'], ['keys.ctrl', 'keys.enter']], 'keys.send'],
      [[['keys.shift', 'keys.enter']], 'keys.newLine'],
      [[['keys.ctrl', 'keys.shift', 'V']], 'keys.pastePlain'],
      [[['↑']], 'keys.editLast'],
      [[['keys.ctrl', 'B']], 'keys.bold'],
      [[['keys.ctrl', 'I']], 'keys.italics'],
      [[['keys.ctrl', 'keys.shift', 'X']], 'keys.struck'],
      [[['keys.ctrl', 'E']], 'keys.code'],
      [[['keys.ctrl', 'keys.shift', 'E']], 'keys.block'],
      [[['keys.ctrl', 'keys.shift', 'U']], 'keys.link'],
      [[['keys.ctrl', 'keys.shift', '9']], 'keys.quote'],
      [[['keys.ctrl', 'keys.shift', '8'], ['keys.ctrl', 'keys.shift', '7']], 'keys.list'],
      [[['keys.pageUp'], ['keys.pageDown']], 'keys.scroll'],
    ],
  ],
  [
    'keys.reading',
    [
      [[['↑'], ['↓']], 'keys.move'],
      [[['keys.home']], 'keys.first'],
      [[['keys.end']], 'keys.newest'],
    ],
  ],
  [
    'catchUp.title',
    [
      [[['J'], ['K']], 'keys.move'],
      [[['keys.enter'], ['O']], 'catchUp.open'],
      [[['E']], 'catchUp.done'],
      [[['M']], 'catchUp.mute'],
    ],
  ],
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
const name = (k: string): string => (k === 'keys.ctrl' && mac ? '⌘' : isKey(k) ? t(k) : k)

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t('account.keys')} onClose={onClose} wide>
      {groups.map(([title, list]) => (
        <Fragment key={title}>
          <h3 className="list-title">{t(title)}</h3>
          <dl className="keys">
            {list.map(([combos, what]) => (
              <div key={what}>
                <dt>
                  {combos.map((combo, i) => (
                    <span key={combo.join()}>
                      {i > 0 && <span className="keys-or"> {t('keys.or')} </span>}
                      <bdi dir="ltr">
                        {combo.map((k) => (
                          <kbd key={k}>{name(k)}</kbd>
                        ))}
                      </bdi>
                    </span>
                  ))}
                </dt>
                <dd>{t(what)}</dd>
              </div>
            ))}
          </dl>
        </Fragment>
      ))}
      <h3 className="list-title">{t('command.title')}</h3>
      <dl className="keys">
        {commands.map((c) => (
          <div key={c.name}>
            <dt>
              <code>/{c.name}</code> {c.args && <span className="muted">{t(c.args)}</span>}
            </dt>
            <dd>{t(c.hint)}</dd>
          </div>
        ))}
      </dl>
      <p className="dialog-text">{t('command.escape')}</p>
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
