import { ChevronLeft, ChevronRight, Download } from 'lucide-react'
import { type KeyboardEvent, useMemo, useState } from 'react'
import { t } from '../../i18n'
import type { File } from '../../protocol/types'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { fileURL, readableSize } from '../../store/uploads'
import { Dialog } from '../kit/Dialog'
import { fullTime } from '../kit/time'

/** A picture over the whole window. A click shows it in its full size, and the arrow keys go to the others of the room. */
export function Picture({ room, no, file, onClose }: { room: string; no: number; file: File; onClose: () => void }) {
  const messages = useChat((s) => s.timelines[room]?.messages)
  const all = useMemo(() => {
    const found = (messages ?? []).flatMap((m) => (m.files ?? []).filter((f) => f.width && f.height).map((f) => ({ no: m.no, from: m.from, at: m.at, file: f })))
    return found.some((p) => p.file.id === file.id) ? found : [{ no, from: '', at: '', file }]
  }, [messages])
  const [id, setID] = useState(file.id)
  const [whole, setWhole] = useState(true)
  const place = Math.max(0, all.findIndex((p) => p.file.id === id))
  const shown = all[place]!
  const author = useChat((s) => (shown.from ? nameOf(s, shown.from) : ''))
  const step = (by: number) => {
    const to = all[place + by]
    if (!to) return
    setID(to.file.id)
    setWhole(true)
  }
  const forward = document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
  const keys = (e: KeyboardEvent) => {
    if (e.key === 'ArrowRight' || e.key === 'ArrowLeft') step(e.key === forward ? 1 : -1)
  }
  return (
    <Dialog title={shown.file.name} onClose={onClose} full>
      <div className="viewer" onKeyDown={keys}>
        <div className={whole ? 'viewer-picture' : 'viewer-picture large'}>
          <button type="button" aria-label={t(whole ? 'picture.fullSize' : 'picture.fit')} onClick={() => setWhole(!whole)}>
            <img
              key={shown.file.id}
              src={fileURL(room, shown.no, shown.file.id, whole ? Math.ceil(window.innerWidth * window.devicePixelRatio) : undefined)}
              alt={shown.file.name}
              width={shown.file.width}
              height={shown.file.height}
            />
          </button>
        </div>
        <footer>
          {all.length > 1 && (
            <>
              <button type="button" className="icon-button" aria-label={t('picture.previous')} disabled={place === 0} onClick={() => step(-1)}>
                <ChevronLeft size={20} className="flip" />
              </button>
              <button type="button" className="icon-button" aria-label={t('picture.next')} disabled={place === all.length - 1} onClick={() => step(1)}>
                <ChevronRight size={20} className="flip" />
              </button>
            </>
          )}
          <span>{author && `${author}, ${fullTime(shown.at)}`}</span>
          <a className="button" href={fileURL(room, shown.no, shown.file.id)} download={shown.file.name}>
            <Download size={16} aria-hidden />
            {t('file.download', { size: readableSize(shown.file.size) })}
          </a>
        </footer>
      </div>
    </Dialog>
  )
}
