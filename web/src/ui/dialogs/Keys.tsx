import { Dialog } from '../kit/Dialog'

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Jump to a room or person'],
  [['Enter'], 'Send the message'],
  [['Shift', 'Enter'], 'New line'],
  [['↑', '↓'], 'Move in a list'],
  [['Esc'], 'Close what is open'],
]
const marks: [string, string][] = [
  ['**bold**', 'bold'],
  ['*slanted*', 'italics'],
  ['~~struck~~', 'struck out'],
  ['`code`', 'code in the line'],
  ['```', 'begins and ends a block of code'],
  ['> words', 'a quote'],
  ['- item', 'a list'],
  ['[text](https://…)', 'a link'],
]

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard and formatting" onClose={onClose}>
      <dl className="keys">
        {keys.map(([combo, what]) => (
          <div key={what}>
            <dt>
              {combo.map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3 className="list-title">Formatting</h3>
      <dl className="keys">
        {marks.map(([mark, what]) => (
          <div key={mark}>
            <dt>
              <code>{mark}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
