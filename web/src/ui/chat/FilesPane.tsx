import { Download, FileIcon, MessageSquareText, Music, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import type { File, FileKind, RoomFile } from '../../protocol/types'
import { call, follow } from '../../store/actions'
import { goToRoom, useMarks } from '../../store/marks'
import { oldestFirst, olderFrom } from '../../store/pictures'
import { nameOf } from '../../store/select'
import { useChat } from '../../store/store'
import { fileURL, isMedia, isPicture, readableSize } from '../../store/uploads'
import { openDialog } from '../dialogs/open'
import { Tabs } from '../kit/Tabs'
import { dateWithYear, fullTime } from '../kit/time'

type Tab = FileKind | 'all'

const kindOf = (f: File): FileKind => (isPicture(f) ? 'picture' : isMedia(f) ? 'media' : 'document')

interface List {
  files: RoomFile[]
  next?: string
}

/** The files of a room, newest first. */
export default function FilesPane({ room, onClose }: { room: string; onClose: () => void }) {
  const [tab, setTab] = useState<Tab>('picture')
  const [list, setList] = useState<List | null>(null)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const turn = useRef(0) // what an earlier one brings is not wanted any more
  const close = useRef<HTMLButtonElement>(null)
  useEffect(() => close.current?.focus(), [])
  const load = async (before: List | null) => {
    const mine = ++turn.current
    setBusy(true)
    setFault('')
    try {
      let files: RoomFile[] = []
      let next = before?.next
      do {
        // A page of messages may have none.
        const page = await call('file.list', { room, ...(tab === 'all' ? {} : { kind: tab }), ...(next ? { cursor: next } : {}) })
        if (mine !== turn.current) return
        files = page.files
        next = page.next
      } while (files.length === 0 && next)
      setList({ files: [...(before?.files ?? []), ...files], next })
    } catch (err) {
      if (mine === turn.current) setFault(explain(err))
    } finally {
      if (mine === turn.current) setBusy(false)
    }
  }
  useEffect(() => {
    void load(null)
    return () => void turn.current++
  }, [room, tab])
  useEffect(
    () =>
      follow((e) => {
        const m = e.message
        if (m && e.kind === 'message.deleted') setList((l) => l && { ...l, files: l.files.filter((f) => f.room !== m.room || f.no !== m.no) })
        if (m?.room !== room || e.kind !== 'message.created') return
        const files = (m.files ?? []).filter((f) => tab === 'all' || tab === kindOf(f)).map((file) => ({ room, no: m.no, from: m.from, at: m.at, file }))
        if (files.length > 0) setList((l) => l && { ...l, files: [...files, ...l.files] })
      }),
    [room, tab],
  )
  const choose = (to: Tab) => {
    setList(null)
    setTab(to)
  }
  const go = (f: RoomFile) => {
    // There it would lie over the message.
    if (window.matchMedia('(max-width: 1099px)').matches) {
      history.pushState(null, '', location.hash) // Back leads here again
      useMarks.setState({ files: false })
    }
    void goToRoom(f.room, f.no)
  }
  const show = (f: RoomFile) => {
    const all = oldestFirst((list?.files ?? []).filter((x) => isPicture(x.file)))
    openDialog({ kind: 'picture', room: f.room, no: f.no, file: f.file, among: { all, older: olderFrom(room, list?.next), newer: () => Promise.resolve([]) } })
  }
  const tabs = (['picture', 'media', 'document', 'all'] as const).map((value) => ({ value, label: t(`files.${value}`) }))
  return (
    <aside className="thread files-pane" aria-label={t('files.title')}>
      <header className="thread-head">
        <h2>{t('files.title')}</h2>
        <button ref={close} className="icon-button" aria-label={t('files.close')} onClick={onClose}>
          <X size={18} />
        </button>
      </header>
      <Tabs label={t('files.title')} tabs={tabs} value={tab} onChange={choose}>
        <div className="files-found" aria-busy={busy}>
          {fault && (
            <p className="fault" role="alert">
              {fault}
            </p>
          )}
          {!list && !fault && <p className="list-empty">{t('app.loading')}</p>}
          {list?.files.length === 0 && <p className="list-empty">{t('files.none')}</p>}
          {list && (
            <ul className={tab === 'picture' ? 'files-grid' : undefined}>
              {list.files.map((f) => (
                <Item key={`${f.room}/${f.no}/${f.file.id}`} item={f} tile={tab === 'picture'} onShow={show} onGo={go} />
              ))}
            </ul>
          )}
          {list?.next && (
            <button className="button" disabled={busy} onClick={() => void load(list)}>
              {t('files.more')}
            </button>
          )}
        </div>
      </Tabs>
    </aside>
  )
}

interface ItemProps {
  item: RoomFile
  tile: boolean
  onShow: (f: RoomFile) => void
  onGo: (f: RoomFile) => void
}

function Item({ item, tile, onShow, onGo }: ItemProps) {
  const { room, no, file } = item
  const author = useChat((s) => nameOf(s, item.from))
  const src = fileURL(room, no, file.id)
  const name = file.voice ? t('voice.message') : file.name
  const what = file.alt ?? name
  const picture = isPicture(file) && (
    <button className="picture" aria-label={t('file.show', { name: what })} onClick={() => onShow(item)}>
      <img src={fileURL(room, no, file.id, 480)} alt={what} loading="lazy" decoding="async" />
    </button>
  )
  const jump = (
    <button className="icon-button" aria-label={t('files.go', { name: what })} title={t('pins.go')} onClick={() => onGo(item)}>
      <MessageSquareText size={16} aria-hidden />
    </button>
  )
  if (tile && picture) {
    return (
      <li className="files-tile">
        {picture}
        {jump}
      </li>
    )
  }
  return (
    <li className="files-row">
      {picture || (isMedia(file) ? <Music size={20} aria-hidden /> : <FileIcon size={20} aria-hidden />)}
      <span>
        <bdi>{name}</bdi>
        <small>
          {readableSize(file.size)} · <bdi>{author}</bdi> · <time dateTime={item.at} title={fullTime(item.at)}>{dateWithYear(item.at)}</time>
        </small>
      </span>
      {jump}
      <a className="icon-button" href={src} download={file.name} aria-label={t('files.download', { name: what })} title={t('file.download', { size: readableSize(file.size) })}>
        <Download size={16} aria-hidden />
      </a>
    </li>
  )
}
