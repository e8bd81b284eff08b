import { FileIcon, Mic, Paperclip, X } from 'lucide-react'
import { type RefObject, useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { cancel, describe, readableSize, type Upload, upload, useUploads } from '../../store/uploads'
import { useApp } from '../../store/store'
import { MediaPart } from '../timeline/MediaPart'

/** The files that go with the message that is being written. */
export function Uploads({ room }: { room: string }) {
  const uploads = useUploads((u) => u[room])
  if (!uploads?.length) return null
  return (
    <ul className="uploads" aria-label={t('upload.label')}>
      {uploads.map((u) => (
        <Item key={u.id} room={room} item={u} />
      ))}
    </ul>
  )
}

function Item({ room, item }: { room: string; item: Upload }) {
  const state = item.error ?? (item.file ? readableSize(item.size) : t('upload.progress', { percent: Math.floor(item.progress * 100) }))
  const [broken, setBroken] = useState(false)
  const picture = !item.voice && ((item.url && !broken) || item.file?.width)
  const Sign = item.voice ? Mic : FileIcon
  return (
    <li className={`upload${item.error ? ' failed' : ''}${picture ? ' pictured' : ''}${item.voice ? ' voiced' : ''}`}>
      {picture && item.url && !broken ? <img src={item.url} alt="" onError={() => setBroken(true)} /> : <Sign size={16} aria-hidden />}
      <span className="upload-text">
        <bdi>{item.name}</bdi>
        <small role={item.error ? 'alert' : undefined}>{state}</small>
        {item.again && (
          <button type="button" className="link" onClick={item.again}>
            {t('app.tryAgain')}
          </button>
        )}
      </span>
      {!item.file && !item.error && <progress value={item.progress} max={1} aria-label={item.name} />}
      <button type="button" className="icon-button" aria-label={t('upload.remove', { name: item.name })} onClick={() => cancel(room, item.id)}>
        <X size={15} />
      </button>
      {item.voice && item.url && <MediaPart file={item} src={item.url} otherwise={null} />}
      {picture && (
        <input
          value={item.alt ?? ''}
          maxLength={1000}
          dir="auto"
          placeholder={t('upload.altHint')}
          aria-label={t('upload.alt', { name: item.name })}
          onChange={(e) => describe(room, item.id, e.target.value)}
          onKeyDown={(e) => {
            if (e.key !== 'Enter' || e.nativeEvent.isComposing) return
            e.preventDefault() // it would send the message
            e.currentTarget.form?.querySelector('textarea')?.focus()
          }}
        />
      )}
    </li>
  )
}

/** Chooses files, and takes those that are dropped. */
export function Attach({ room, area }: { room: string; area: RefObject<HTMLTextAreaElement | null> }) {
  const on = useApp((a) => (a.chat?.limits.file ?? 0) > 0)
  const input = useRef<HTMLInputElement>(null)
  const [over, setOver] = useState(false)
  useEffect(() => {
    const field = area.current
    const pane = field?.closest<HTMLElement>('.room, .thread')
    if (!on || !field || !pane) return
    const carries = (e: DragEvent) => e.dataTransfer?.types.includes('Files') ?? false
    const drag = (e: DragEvent) => {
      if (!carries(e)) return
      e.preventDefault()
      setOver(true)
    }
    const leave = (e: DragEvent) => {
      if (!(e.relatedTarget instanceof Element && pane.contains(e.relatedTarget))) setOver(false)
    }
    const drop = (e: DragEvent) => {
      if (!carries(e)) return
      e.preventDefault()
      setOver(false)
      upload(room, e.dataTransfer!.files)
      field.focus()
    }
    pane.addEventListener('dragover', drag)
    pane.addEventListener('dragleave', leave)
    pane.addEventListener('drop', drop)
    return () => {
      pane.removeEventListener('dragover', drag)
      pane.removeEventListener('dragleave', leave)
      pane.removeEventListener('drop', drop)
    }
  }, [on, room, area])
  if (!on) return null
  return (
    <>
      {over && <div className="drop-here">{t('upload.drop')}</div>}
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(e) => {
          upload(room, e.target.files ?? [])
          e.target.value = ''
          area.current?.focus()
        }}
      />
      <button type="button" className="icon-button" aria-label={t('upload.attach')} title={t('upload.attach')} onClick={() => input.current?.click()}>
        <Paperclip size={18} />
      </button>
    </>
  )
}
