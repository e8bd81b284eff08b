import { useEffect, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { Edit } from '../../protocol/types'
import { call } from '../../store/actions'
import { Dialog } from '../kit/Dialog'
import { fullTime } from '../kit/time'
import { Text } from '../timeline/Text'

async function allEdits(room: string, no: number): Promise<Edit[]> {
  const all: Edit[] = []
  for (let after: string | undefined; ; after = all[all.length - 1]?.at) {
    const page = await call('message.edits', { room, no, ...(after ? { after } : {}) })
    all.push(...page.edits)
    if (!page.more) return all
  }
}

/** The earlier texts of a message, the last first. */
export function Edits({ room, no, onClose }: { room: string; no: number; onClose: () => void }) {
  const [edits, setEdits] = useState<Edit[] | null>(null)
  const [fault, setFault] = useState('')
  useEffect(() => {
    allEdits(room, no).then(
      (all) => setEdits(all.reverse()),
      (err: unknown) => setFault(explain(err)),
    )
  }, [room, no])
  return (
    <Dialog title={t('edits.title')} onClose={onClose}>
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {!edits && !fault && <p className="list-empty">{t('app.loading')}</p>}
      <ol className="edits">
        {edits?.map((e) => (
          <li key={e.at}>
            <time dateTime={e.at}>{fullTime(e.at)}</time>
            <Text text={e.text} />
          </li>
        ))}
      </ol>
    </Dialog>
  )
}
