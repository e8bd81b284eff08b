import { t } from '../../i18n'
import type { File } from '../../protocol/types'
import { fileURL, readableSize } from '../../store/uploads'
import { Dialog } from '../kit/Dialog'

/** A picture as large as the window allows. */
export function Picture({ room, no, file, onClose }: { room: string; no: number; file: File; onClose: () => void }) {
  return (
    <Dialog title={file.name} onClose={onClose} wide>
      <img className="viewer" src={fileURL(room, no, file.id, 1280)} alt={file.name} width={file.width} height={file.height} />
      <div className="dialog-actions">
        <a className="button" href={fileURL(room, no, file.id)} download={file.name}>
          {t('file.download', { size: readableSize(file.size) })}
        </a>
      </div>
    </Dialog>
  )
}
