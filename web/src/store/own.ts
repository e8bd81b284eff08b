// Links to this client itself, in messages: they are opened in this page, and
// named by what they lead to.

import { findLinks } from '../markdown/links'
import { clockTime } from '../ui/kit/time'
import { inAddress, openPage, openRoom } from './actions'
import { goToReply, goToRoom } from './marks'
import { viewOf } from './room'
import { nameOf, titleOf } from './select'
import type { State } from './state'

/** What an address of this client begins with. */
export const ownBase = (): string => `${location.origin}${location.pathname}#/`

/** A name as it is, whatever signs are in it, to stand before a mark. A backslash before a letter needs none itself. */
export const escaped = (name: string): string => name.replace(/\\+(?=[!-/:-@[\]-`{-~]|$)/g, '$&$&').replace(/[`*_~[\]<>]/g, '\\$&')

/** A link to a room, to be put into a text. */
export const roomLink = (room: { id: string; name?: string }): string => `[#${escaped(room.name ?? '')}](${ownBase()}r/${encodeURIComponent(room.id)})`

/** What the links of a text to this client lead to, by their addresses; those that are not known here stay as they are. */
export function ownLabels(s: State, text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const { from, to } of findLinks(text)) {
    const url = text.slice(from, to)
    if (!url.startsWith(ownBase())) continue
    const { room, no, reply } = inAddress(new URL(url).hash)
    const view = room === null ? undefined : viewOf(s, room)
    if (!view) continue
    const title = `${view.kind === 'direct' || view.kind === 'thread' ? '' : '#'}${titleOf(s, view)}`
    const message = no === null || reply !== null ? undefined : s.timelines[view.id]?.messages.find((m) => m.no === no)
    labels[url] = message ? `${title} · ${nameOf(s, message.from)}, ${clockTime(message.at)}` : title
  }
  return labels
}

/** Goes where an address of this client leads. */
export function openAddress(hash: string): void {
  const { room, no, reply, page } = inAddress(hash)
  if (page) openPage(page)
  else if (room === null) openRoom(null)
  else if (no !== null && reply !== null) void goToReply({ room, no }, reply)
  else void goToRoom(room, no)
}
