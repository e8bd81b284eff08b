import { Download, FileIcon } from 'lucide-react'
import { t } from '../../i18n'
import type { File, Message } from '../../protocol/types'
import { fileURL, readableSize } from '../../store/uploads'
import { openDialog } from '../dialogs/open'

const isPicture = (f: File) => f.type.startsWith('image/') && !!f.width && !!f.height

/** What was sent with a message: pictures to look at, all else to download. */
export function Attachments({ message }: { message: Message }) {
  const { room, no } = message
  return (
    <div className="attachments">
      {message.files!.map((f) =>
        isPicture(f) ? (
          <button key={f.id} className="picture" aria-label={t('file.show', { name: f.name })} onClick={() => openDialog({ kind: 'picture', room, no, file: f })}>
            <img src={fileURL(room, no, f.id, 480)} alt={f.name} loading="lazy" decoding="async" {...shownSize(f)} />
          </button>
        ) : (
          <a key={f.id} className="file" href={fileURL(room, no, f.id)} download={f.name}>
            <FileIcon size={20} aria-hidden />
            <span>
              <bdi>{f.name}</bdi>
              <small>{readableSize(f.size)}</small>
            </span>
            <Download size={16} aria-hidden />
          </a>
        ),
      )}
    </div>
  )
}

/** Its size in the page, known before it is loaded, so that nothing jumps. */
function shownSize(f: File): { width: number; height: number } {
  const part = Math.min(1, 360 / f.width!, 280 / f.height!)
  return { width: Math.max(1, Math.round(f.width! * part)), height: Math.max(1, Math.round(f.height! * part)) }
}
