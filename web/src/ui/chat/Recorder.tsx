import { Square } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { useApp } from '../../store/store'
import { upload } from '../../store/uploads'
import { useOpen } from '../dialogs/open'
import { useMedia } from '../kit/hooks'
import { playTime } from '../kit/time'
import { record, type Recorded, type Recording } from './recording'

interface Props {
  room: string
  /** Gets what there is to say about it. */
  onClose: (note?: string) => void
}

/**
 * Records a voice message. Stopped, it becomes an attachment; cancelled, or
 * when one leaves, nothing stays.
 */
export default function Recorder({ room, onClose }: Props) {
  const [recording, setRecording] = useState<Recording | null>(null)
  const [seconds, setSeconds] = useState(0)
  const calm = useMedia('(prefers-reduced-motion: reduce)')
  const bar = useRef<HTMLDivElement>(null)
  const meter = useRef<HTMLElement>(null)
  const close = useRef(onClose)
  close.current = onClose

  useEffect(() => {
    let left = false
    let made: Recording | null = null
    record(useApp.getState().chat?.limits.file ?? 0, ({ data, duration, full }) => {
      upload(room, [asFile(data)], { voice: true, duration })
      close.current(full ? t('voice.limit') : undefined)
    }).then(
      (r) => {
        made = r
        if (left) r.cancel()
        else setRecording(r)
      },
      (err: unknown) => left || close.current(whyNot(err)),
    )
    return () => {
      left = true
      made?.cancel()
    }
  }, [])
  useEffect(() => {
    // Before the window, where Escape closes what is beside the room.
    const keys = (e: KeyboardEvent) => {
      if (e.key !== 'Escape' || e.shiftKey || e.isComposing || e.defaultPrevented || useOpen.getState().open) return
      e.preventDefault()
      close.current()
    }
    document.addEventListener('keydown', keys)
    return () => document.removeEventListener('keydown', keys)
  }, [])
  useEffect(() => {
    if (!recording) return
    if (bar.current!.contains(document.activeElement)) bar.current!.querySelector<HTMLElement>('.primary')!.focus()
    const pause = calm ? 500 : 80
    const timer = setInterval(() => {
      setSeconds(Math.floor(recording.elapsed() / 1000))
      meter.current!.style.inlineSize = `${recording.level(pause) * 100}%`
    }, pause)
    return () => clearInterval(timer)
  }, [recording, calm])

  return (
    <div ref={bar} className="recorder" role="group" aria-label={t('voice.message')}>
      <span role="status" className="visually-hidden">
        {recording ? t('voice.recording') : ''}
      </span>
      {recording ? (
        <>
          <i className="recorder-dot" aria-hidden />
          <span role="timer" className="voice-time">
            {playTime(seconds)}
          </span>
          <span className="recorder-level" aria-hidden>
            <i ref={meter} />
          </span>
        </>
      ) : (
        <span className="recorder-wait">{t('voice.waiting')}</span>
      )}
      <button type="button" autoFocus className="button quiet" onClick={() => onClose()}>
        {t('app.cancel')}
      </button>
      {recording && (
        <button type="button" className="button primary" onClick={recording.stop}>
          <Square size={14} aria-hidden /> {t('voice.stop')}
        </button>
      )}
    </div>
  )
}

const endings: Record<string, string> = { 'audio/webm': 'webm', 'audio/mp4': 'm4a', 'audio/ogg': 'ogg' }

function asFile(data: Recorded['data']): File {
  const ending = endings[data.type.split(';')[0]!]
  return new File([data], t('voice.message') + (ending ? `.${ending}` : ''), { type: data.type })
}

/** What to do so that it can be recorded. */
function whyNot(err: unknown): string {
  switch (err instanceof DOMException ? err.name : '') {
    case 'SecurityError':
      return t('voice.insecure')
    case 'NotAllowedError':
      return t('voice.refused')
    case 'NotFoundError':
      return t('voice.none')
    default:
      return t('voice.inUse')
  }
}
