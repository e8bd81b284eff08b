import { ChevronLeft, ChevronRight, Download } from 'lucide-react'
import { type TouchEvent, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { File } from '../../protocol/types'
import { type Pictures, picturesAround } from '../../store/pictures'
import { nameOf } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { fileURL, readableSize } from '../../store/uploads'
import { Dialog } from '../kit/Dialog'
import { fullTime } from '../kit/time'

interface Props {
  room: string
  no: number
  file: File
  /** Those to go through, if not the room's. */
  among?: Pictures
  onClose: () => void
}

/** How far a finger goes for another picture, in pixels. */
const swipe = 60

/** A picture over the whole window. A click shows it in its full size; the arrow keys, the buttons and a swipe go to the others of the room. */
export function Picture({ room, no, file, among, onClose }: Props) {
  const [pictures] = useState(() => among ?? picturesAround(room, no, file.id))
  const [all, setAll] = useState(() => (pictures.all.length > 0 ? pictures.all : [{ room, no, from: '', at: '', file }]))
  const [ends, setEnds] = useState({ older: false, newer: false }) // there are no more
  const [id, setID] = useState(file.id)
  const [whole, setWhole] = useState(true)
  const busy = useRef(false)
  const place = Math.max(0, all.findIndex((p) => p.file.id === id))
  const shown = all[place]!
  const author = useChat((s) => (shown.from ? nameOf(s, shown.from) : ''))
  const show = (to: string) => {
    setID(to)
    setWhole(true)
  }
  const step = async (by: 1 | -1) => {
    const to = all[place + by]
    if (to) return show(to.file.id)
    const side = by < 0 ? 'older' : 'newer'
    if (busy.current || ends[side]) return
    busy.current = true
    try {
      const more = await pictures[side]()
      if (more.length === 0) return setEnds((e) => ({ ...e, [side]: true }))
      setAll((a) => (by < 0 ? [...more, ...a] : [...a, ...more]))
      show((by < 0 ? more[more.length - 1]! : more[0]!).file.id)
    } catch (err) {
      toast(explain(err))
    } finally {
      busy.current = false
    }
  }
  const turned = document.documentElement.dir === 'rtl' ? -1 : 1
  useEffect(() => {
    // Wherever in the dialog the focus is.
    const keys = (e: KeyboardEvent) => {
      const way = e.key === 'ArrowRight' ? turned : e.key === 'ArrowLeft' ? -turned : 0
      if (way !== 0 && !e.altKey && !e.ctrlKey && !e.metaKey) void step(way > 0 ? 1 : -1)
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  })
  const began = useRef<{ x: number; y: number } | null>(null)
  const touch = (e: TouchEvent) => {
    const zoomed = !whole || (window.visualViewport?.scale ?? 1) > 1
    began.current = e.touches.length === 1 && !zoomed ? { x: e.touches[0]!.clientX, y: e.touches[0]!.clientY } : null
  }
  const lift = (e: TouchEvent) => {
    if (!began.current || e.touches.length > 0) return
    const x = (e.changedTouches[0]!.clientX - began.current.x) * turned
    const y = Math.abs(e.changedTouches[0]!.clientY - began.current.y)
    began.current = null
    if (Math.abs(x) < swipe || Math.abs(x) < 2 * y) return
    e.preventDefault() // it is no click
    void step(x < 0 ? 1 : -1)
  }
  const noMore = { before: place === 0 && ends.older, after: place === all.length - 1 && ends.newer }
  return (
    <Dialog title={shown.file.name} onClose={onClose} full>
      <div className="viewer">
        <div className={whole ? 'viewer-picture' : 'viewer-picture large'} onTouchStart={touch} onTouchEnd={lift}>
          <button type="button" aria-label={t(whole ? 'picture.fullSize' : 'picture.fit')} onClick={() => setWhole(!whole)}>
            <img
              key={shown.file.id}
              src={fileURL(shown.room, shown.no, shown.file.id, whole ? Math.ceil(window.innerWidth * window.devicePixelRatio) : undefined)}
              alt={shown.file.alt ?? shown.file.name}
              width={shown.file.width}
              height={shown.file.height}
            />
          </button>
        </div>
        {shown.file.alt && (
          <p className="viewer-alt" dir="auto">
            {shown.file.alt}
          </p>
        )}
        <footer>
          <button type="button" className="icon-button" aria-label={t('picture.previous')} aria-disabled={noMore.before} onClick={() => void step(-1)}>
            <ChevronLeft size={20} className="flip" />
          </button>
          <button type="button" className="icon-button" aria-label={t('picture.next')} aria-disabled={noMore.after} onClick={() => void step(1)}>
            <ChevronRight size={20} className="flip" />
          </button>
          <span aria-live="polite">{author && `${author}, ${fullTime(shown.at)}`}</span>
          <a className="button" href={fileURL(shown.room, shown.no, shown.file.id)} download={shown.file.name}>
            <Download size={16} aria-hidden />
            {t('file.download', { size: readableSize(shown.file.size) })}
          </a>
        </footer>
      </div>
    </Dialog>
  )
}
