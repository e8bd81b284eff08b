// Files on their way to the server, before the message that they go with is
// sent.

import { at } from '../protocol/base'
import { create } from 'zustand'
import { formatNumber, t } from '../i18n'
import { explain } from '../protocol/error'
import { post } from '../protocol/post'
import { wellFormed } from '../protocol/text'
import type { FileDetails, File as Sent } from '../protocol/types'
import { useApp } from './store'

export interface Upload {
  id: string
  name: string
  size: number
  /** As the browser says. */
  type: string
  /**
   * Where the page has the picture, if it is one that the server shows, or the
   * voice message. Revoked when it leaves the list.
   */
  url?: string
  /** What the picture shows, in words. */
  alt?: string
  voice?: boolean
  /** Milliseconds, of a voice message. */
  duration?: number
  /** 0 to 1. */
  progress: number
  /** What the server made of it, once it is there. */
  file?: Sent
  error?: string
  /** Tries once more what has failed on its way. */
  again?: () => void
}

/** By room, in the order in which they were chosen. */
export const useUploads = create<Record<string, Upload[]>>()(() => ({}))

useApp.subscribe((now, before) => {
  if (now.chat === null && before.chat !== null) for (const room of Object.keys(useUploads.getState())) drop(room, list(room))
})

const running = new Map<string, () => void>()
export const mostUploads = 20
let next = 1

const list = (room: string): Upload[] => useUploads.getState()[room] ?? []
const put = (room: string, uploads: Upload[]) => useUploads.setState({ [room]: uploads })
const change = (room: string, id: string, to: Partial<Upload>) => put(room, list(room).map((u) => (u.id === id ? { ...u, ...to } : u)))

/** Takes files out of the list. */
function drop(room: string, gone: Upload[]): void {
  put(room, list(room).filter((u) => !gone.some((g) => g.id === u.id)))
  for (const u of gone) {
    running.get(u.id)?.()
    if (u.url) URL.revokeObjectURL(u.url)
  }
}

const looksLikePicture = (type: string) => ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].includes(type)

/** Whether a file that was sent is shown as a picture. */
export const isPicture = (f: Sent): boolean => f.type.startsWith('image/') && !!f.width && !!f.height

/** Whether a file is sound or video. */
export const isMedia = (f: Sent): boolean => !!f.voice || /^(audio|video)\//.test(f.type) || f.type === 'application/ogg'

/** What is said of a file, for those fields that say something. */
export const detailsOf = ({ alt, voice, duration }: FileDetails): FileDetails => ({ ...(alt ? { alt } : {}), ...(voice ? { voice, duration } : {}) })

/** Sends files to the server; what is too large or too much is said at once. */
export function upload(room: string, files: Iterable<File>, details: Pick<FileDetails, 'voice' | 'duration'> = {}): void {
  const limit = useApp.getState().chat?.limits.file ?? useApp.getState().info?.limits.file ?? 0
  for (const file of files) {
    const id = `u${next++}`
    const item: Upload = { id, name: wellFormed(file.name) || t('upload.pasted'), size: file.size, type: file.type, progress: 0, ...details }
    if (limit === 0) item.error = t('upload.off')
    else if (file.size > limit) item.error = t('upload.tooLarge', { size: readableSize(limit) })
    else if (list(room).length >= mostUploads) item.error = t('upload.tooMany', { count: mostUploads })
    else if (details.voice || looksLikePicture(file.type)) item.url = URL.createObjectURL(file)
    put(room, [...list(room), item])
    if (!item.error) begin(room, item, file)
  }
}

function begin(room: string, { id, name }: Pick<Upload, 'id' | 'name'>, file: File): void {
  const { done, abort } = post<Sent>(`/files?name=${encodeURIComponent(name)}`, file, (progress) => change(room, id, { progress }))
  running.set(id, abort)
  const again = () => {
    change(room, id, { error: undefined, again: undefined, progress: 0 })
    begin(room, { id, name }, file)
  }
  void done
    .then(
      (sent) => change(room, id, { file: sent, progress: 1 }),
      (err: unknown) => change(room, id, { error: explain(err), again }),
    )
    .finally(() => running.delete(id))
}

/** Takes a file back before it is sent. */
export const cancel = (room: string, id: string): void => drop(room, list(room).filter((u) => u.id === id))

/** Says in words what a picture shows. */
export const describe = (room: string, id: string, alt: string): void => change(room, id, { alt })

/** Puts files that are on the server already back into the list. */
export const putBack = (room: string, files: Sent[]): void =>
  put(room, [...list(room), ...files.map((file) => ({ ...file, id: `u${next++}`, progress: 1, file }))])

/** Takes the files that are there out of the list, to be sent with a message. */
export function taken(room: string): Sent[] {
  const files = list(room).flatMap((u) => (u.file ? [{ ...u.file, alt: u.alt?.trim() || undefined, voice: u.voice, duration: u.duration }] : []))
  drop(room, list(room))
  return files
}

/** A number of bytes as people say it. */
export function readableSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let n = bytes
  let i = 0
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000
  return `${formatNumber(n < 10 && i > 0 ? Math.round(n * 10) / 10 : Math.round(n))} ${units[i]!}`
}

/** The address of a file of a message; width asks for the smaller picture that is at least so wide. */
export const fileURL = (room: string, no: number, file: string, width?: number): string =>
  at(`/api/v1/rooms/${encodeURIComponent(room)}/messages/${no}/files/${encodeURIComponent(file)}${width ? `?width=${width}` : ''}`)
