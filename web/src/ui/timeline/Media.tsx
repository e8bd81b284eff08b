import { Download, Pause, Play } from 'lucide-react'
import { type ReactNode, type SyntheticEvent, useRef, useState } from 'react'
import { t } from '../../i18n'
import type { File } from '../../protocol/types'
import { readableSize } from '../../store/uploads'
import { playTime } from '../kit/time'

interface Props {
  file: File
  src: string
  /** What stands there where the browser cannot play it. */
  otherwise: ReactNode
}

/** Plays sound and video of a message; nothing plays before one asks for it. */
export function Media({ file, src, otherwise }: Props) {
  const [kind, setKind] = useState(() => (file.voice || /^audio\//.test(file.type) || (file.type === 'application/ogg' && !/\.ogv$/i.test(file.name)) ? 'audio' : 'video'))
  const [failed, setFailed] = useState(() => document.createElement(kind as 'audio').canPlayType(file.type.replace('wave', 'wav')) === '') // the name that browsers know
  if (failed) return otherwise
  const player = {
    src,
    controls: true,
    tabIndex: 0,
    'aria-label': file.name,
    onPlay: pauseOthers,
    onError: () => setFailed(true),
  }
  if (file.voice) return <Voice file={file} src={src} onError={player.onError} />
  return (
    <figure className="media">
      {kind === 'audio' ? (
        <audio {...player} preload="none" />
      ) : (
        // From a moment after its start on, so that a picture of it is shown everywhere.
        <video {...player} src={`${src}#t=0.1`} preload="metadata" playsInline onLoadedMetadata={(e) => e.currentTarget.videoWidth === 0 && setKind('audio')} />
      )}
      <figcaption>
        <bdi>{file.name}</bdi>
        <small>{readableSize(file.size)}</small>
        <a className="icon-button" href={src} download={file.name} aria-label={t('file.download', { size: readableSize(file.size) })} title={t('file.download', { size: readableSize(file.size) })}>
          <Download size={16} aria-hidden />
        </a>
      </figcaption>
    </figure>
  )
}

/** One voice at a time. */
function pauseOthers(e: SyntheticEvent<HTMLMediaElement>): void {
  for (const other of document.querySelectorAll<HTMLMediaElement>('audio, video')) if (other !== e.currentTarget) other.pause()
}

/** A voice message: a button, how far it is, and how long it takes. */
export function Voice({ file, src, onError }: { file: Pick<File, 'duration'>; src: string; onError: () => void }) {
  const audio = useRef<HTMLAudioElement>(null)
  const [playing, setPlaying] = useState(false)
  const [at, setAt] = useState(0) // seconds
  const [length, setLength] = useState((file.duration ?? 0) / 1000)
  const toggle = () => {
    const a = audio.current!
    if (a.paused) a.play().catch(() => {}) // what is wrong with it, onError says
    else a.pause()
  }
  return (
    <div className="voice">
      <button type="button" className="voice-play" aria-label={t(playing ? 'voice.pause' : 'voice.play')} onClick={toggle}>
        {playing ? <Pause size={18} /> : <Play size={18} />}
      </button>
      <input
        type="range"
        min={0}
        max={length}
        step={0.1}
        value={Math.min(at, length)}
        aria-label={t('voice.position')}
        aria-valuetext={playTime(at)}
        onChange={(e) => {
          audio.current!.currentTime = Number(e.target.value)
          setAt(Number(e.target.value))
        }}
      />
      <span className="voice-time">{playTime(playing || at > 0 || length === 0 ? at : Math.max(1, length))}</span>
      <audio
        ref={audio}
        src={src}
        preload="none"
        onPlay={(e) => (pauseOthers(e), setPlaying(true))}
        onPause={() => setPlaying(false)}
        onEnded={() => (setPlaying(false), setAt(0))}
        onTimeUpdate={(e) => setAt(e.currentTarget.currentTime)}
        onLoadedMetadata={(e) => Number.isFinite(e.currentTarget.duration) && setLength(e.currentTarget.duration)}
        onError={onError}
      />
    </div>
  )
}
