import { type ComponentType, useEffect, useState } from 'react'
import { t } from '../../i18n'
import { toast } from '../../store/toasts'

type Part = ComponentType<{ room: string; onClose: () => void }>

/** Loads what shows the files of a room. */
export function FilesPart({ room, onClose }: { room: string; onClose: () => void }) {
  const [Part, setPart] = useState<Part | null>(null)
  useEffect(() => {
    let left = false
    import('./FilesPane').then(
      (m) => left || setPart(() => m.default),
      () => {
        if (left) return
        onClose()
        toast(t('app.partFailed'))
      },
    )
    return () => void (left = true)
  }, [])
  return Part ? <Part room={room} onClose={onClose} /> : <aside className="thread" aria-label={t('files.title')} aria-busy />
}
