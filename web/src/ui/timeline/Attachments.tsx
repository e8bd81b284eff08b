import { Download, FileIcon } from 'lucide-react'
import { formatNumber, t } from '../../i18n'
import type { File, Message } from '../../protocol/types'
import { fileURL, isMedia, isPicture, readableSize } from '../../store/uploads'
import { openDialog } from '../dialogs/open'
import { MediaPart } from './MediaPart'

/** How many pictures of one message are shown; the last leads to the others. */
const most = 6

/** What was sent with a message: pictures to look at, sound and video to play, all else to download. */
export function Attachments({ message }: { message: Message }) {
  const pictures = message.files!.filter(isPicture)
  const more = pictures.length > most ? pictures.length - most : 0
  return (
    <div className="attachments">
      {pictures.length > 1 ? (
        <div className={pictures.length % 3 > 0 && pictures.length < 5 ? 'gallery two' : 'gallery'}>
          {pictures.slice(0, most).map((f, i) => (
            <Picture key={f.id} message={message} file={f} tile all={more > 0 && i === most - 1 ? pictures.length : 0} />
          ))}
        </div>
      ) : (
        pictures.map((f) => <Picture key={f.id} message={message} file={f} />)
      )}
      {message.files!.map((f) => {
        if (isPicture(f)) return null
        const row = <FileRow key={f.id} message={message} file={f} />
        return isMedia(f) ? <MediaPart key={f.id} file={f} src={fileURL(message.room, message.no, f.id)} otherwise={row} /> : row
      })}
    </div>
  )
}

interface Props {
  message: Message
  file: File
}

/** A picture, or one of several in a grid; with all, it stands for those that are not shown. */
function Picture({ message: { room, no }, file, tile, all = 0 }: Props & { tile?: boolean; all?: number }) {
  const label = all > 0 ? t('file.showAll', { number: formatNumber(all) }) : t('file.show', { name: file.alt ?? file.name })
  return (
    <button className="picture" data-more={all > 0 ? `+${formatNumber(all - most)}` : undefined} aria-label={label} onClick={() => openDialog({ kind: 'picture', room, no, file })}>
      <img src={fileURL(room, no, file.id, 480)} alt={file.alt ?? file.name} loading="lazy" decoding="async" {...(tile ? {} : shownSize(file))} />
    </button>
  )
}

function FileRow({ message: { room, no }, file }: Props) {
  return (
    <a className="file" href={fileURL(room, no, file.id)} download={file.name}>
      <FileIcon size={20} aria-hidden />
      <span>
        <bdi>{file.name}</bdi>
        <small>{readableSize(file.size)}</small>
      </span>
      <Download size={16} aria-hidden />
    </a>
  )
}

/** Its size in the page, known before it is loaded, so that nothing jumps. */
function shownSize(f: File): { width: number; height: number } {
  const part = Math.min(1, 360 / f.width!, 280 / f.height!)
  return { width: Math.max(1, Math.round(f.width! * part)), height: Math.max(1, Math.round(f.height! * part)) }
}
