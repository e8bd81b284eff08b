import { ArrowDown, AtSign, Bell, BellOff, Bookmark, Check, CheckCheck, Inbox, type LucideIcon, MessageSquare, PencilLine, SmilePlus } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { formatNumber, t } from '../../i18n'
import { plainLine } from '../../markdown/render'
import { openRoom } from '../../store/actions'
import { fetchCatchUp, fetchOlder, isDone, keepCatchUp, markAllDone, markDone, newAnswers, reactionKey, reactionsTo, toggleMute, useCatchUp } from '../../store/catchup'
import { useDocument } from '../../store/documents'
import { type Done, mentionKey } from '../../store/done'
import { toggleSaved, useSaved } from '../../store/later'
import { goToReply, goToRoom } from '../../store/marks'
import { viewOf } from '../../store/room'
import { levelOf, markedAt, nameOf, shownUnread, titleOf, totalUnread } from '../../store/select'
import { type Page, useApp, useChat } from '../../store/store'
import { markRoomRead } from '../../store/unread'
import { Nothing } from '../admin/Nothing'
import { nextUnread } from '../chat/useKeys'
import { openDialog, useOpen } from '../dialogs/open'
import { ago, fullTime } from '../kit/time'
import { Frame } from '../pages/Frame'
import { type Entry, type Kind, kinds, mostSaved, useSavedMessages } from './entries'

const icons: Record<Kind, LucideIcon> = { mentions: AtSign, threads: MessageSquare, reactions: SmilePlus, saved: Bookmark, drafts: PencilLine }
const labels = { mentions: 'catchUp.mentions', threads: 'list.threads', reactions: 'catchUp.reactions', saved: 'later.saved', drafts: 'catchUp.drafts' } as const

/** What one has to catch up on, in one place. In a file of its own, loaded when it is first opened. */
export function CatchUp({ page }: { page: Page }) {
  const [only, setOnly] = useState<Kind | null>(null)
  const online = useApp((a) => a.status.kind === 'online')
  const { found, fault, busy, at } = useCatchUp()
  const entries = useEntries()
  const unread = useChat(totalUnread)
  const box = useRef<HTMLDivElement>(null)
  const focus = useRef<string | null>(at)
  useEffect(() => {
    if (!online) return
    void fetchCatchUp()
    return keepCatchUp()
  }, [online])
  const shown = kinds.filter((k) => only === null || only === k).map((kind) => ({ kind, list: entries[kind] }))
  const all = shown.flatMap((x) => x.list)
  const active = all.find((e) => e.key === at) ?? all[0]
  useEffect(() => {
    if (focus.current === null) return
    const item = box.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(focus.current)}"]`)
    if (!item) return
    focus.current = null
    item.focus()
  })
  const go = (e: Entry) => {
    useCatchUp.setState({ at: e.key })
    e.open()
  }
  /** Does something that may take an item off the list: the next one has the focus then. */
  const leave = (e: Entry, run?: () => void) => {
    if (!run) return
    const i = all.indexOf(e)
    const next = all[i + 1] ?? all[i - 1]
    focus.current = next?.key ?? null
    useCatchUp.setState({ at: next?.key ?? null })
    run()
  }
  const keys = useRef<(e: KeyboardEvent) => void>(() => {})
  keys.current = (e) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || useOpen.getState().open || document.querySelector('[role="menu"]')) return
    const here = all.find((x) => x.key === (document.activeElement as HTMLElement | null)?.dataset?.key)
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[e.key]
    if (step) {
      const next = here ? all[all.indexOf(here) + step] : active
      if (!next) return
      box.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(next.key)}"]`)?.focus()
    } else if (!here) return
    else if (e.key === 'o') go(here)
    else if (e.key === 'e') leave(here, here.done)
    else if (e.key === 'm') here.mute?.()
    else return
    e.preventDefault()
  }
  useEffect(() => {
    const press = (e: KeyboardEvent) => keys.current(e)
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  const saved = useSaved().length
  const more = (kind: Kind) => {
    if (kind === 'saved') return saved > mostSaved ? () => openDialog({ kind: 'later', tab: 'saved' }) : undefined
    return (kind === 'mentions' || kind === 'reactions') && found?.[kind].next ? () => void fetchOlder(kind) : undefined
  }
  return (
    <Frame name="" pages={[{ page: 'catch-up', label: t('catchUp.title'), icon: Inbox }]} page={page}>
      <div className="catch-tools">
        <button className="button" onClick={markAllDone}>
          <CheckCheck size={16} aria-hidden />
          {t('catchUp.allRead')}
        </button>
        <button className="button" disabled={unread === 0} onClick={nextUnread}>
          <ArrowDown size={16} aria-hidden />
          {t('section.nextUnread')}
        </button>
      </div>
      <div className="catch-filter" role="group" aria-label={t('catchUp.filter')}>
        <Filter label={t('catchUp.all')} count={kinds.reduce((sum, k) => sum + entries[k].length, 0)} chosen={only === null} onChoose={() => setOnly(null)} />
        {kinds.map((k) => (
          <Filter key={k} label={t(labels[k])} count={entries[k].length} chosen={only === k} onChoose={() => setOnly(k)} />
        ))}
      </div>
      {fault && (
        <p className="field-error" role="alert">
          {fault}
        </p>
      )}
      <p className="visually-hidden" role="status">
        {busy ? t('app.loading') : t('catchUp.count', { count: all.length })}
      </p>
      <div ref={box}>
        {shown.map(({ kind, list }) => {
          const older = more(kind)
          if (list.length === 0 && !older) return null
          return (
            <section key={kind} aria-labelledby={`catch-${kind}`}>
              <h2 id={`catch-${kind}`} className="list-title catch-title">
                {t(labels[kind])}
              </h2>
              <ul className="catch-list">
                {list.map((e) => (
                  <Item key={e.key} entry={e} active={e === active} onOpen={() => go(e)} onDone={() => leave(e, e.done)} />
                ))}
              </ul>
              {older && (
                <button className="button" disabled={busy} onClick={older}>
                  {t('audit.more')}
                </button>
              )}
            </section>
          )
        })}
        {all.length === 0 && !busy && <Nothing icon={<Inbox size={28} />} text={t('catchUp.nothing')} />}
      </div>
    </Frame>
  )
}

function Filter({ label, count, chosen, onChoose }: { label: string; count: number; chosen: boolean; onChoose: () => void }) {
  return (
    <button className="catch-chip" aria-pressed={chosen} onClick={onChoose}>
      {label}
      {count > 0 && <small>{formatNumber(count)}</small>}
    </button>
  )
}

function Item({ entry: e, active, onOpen, onDone }: { entry: Entry; active: boolean; onOpen: () => void; onDone: () => void }) {
  const Icon = icons[e.kind]
  const tab = active ? 0 : -1
  return (
    <li className={e.unread ? 'catch-item unread' : 'catch-item'}>
      <button className="catch-open" data-key={e.key} tabIndex={tab} onClick={onOpen} onFocus={() => useCatchUp.setState({ at: e.key })}>
        <Icon size={17} aria-hidden />
        <span className="catch-lines">
          <span className="catch-head">
            {e.unread && <span className="visually-hidden">{t('list.unread')}</span>}
            {e.who && <bdi className="catch-who">{e.who}</bdi>}
            <bdi>{e.room}</bdi>
            {e.at && (
              <time dateTime={e.at} title={fullTime(e.at)}>
                {ago(e.at, Date.now())}
              </time>
            )}
          </span>
          <span className="catch-text" dir="auto">
            {e.text}
          </span>
        </span>
      </button>
      {e.mute && (
        <button className="icon-button" tabIndex={tab} aria-label={e.muteLabel} title={`${e.muteLabel} (M)`} onClick={e.mute}>
          {e.muted ? <Bell size={16} /> : <BellOff size={16} />}
        </button>
      )}
      {e.done && (
        <button className="icon-button" tabIndex={tab} aria-label={t('catchUp.done')} title={`${t('catchUp.done')} (E)`} onClick={onDone}>
          <Check size={17} />
        </button>
      )}
    </li>
  )
}

/** All that there is to catch up on, by its kind. */
function useEntries(): Record<Kind, Entry[]> {
  const rooms = useChat((s) => s.rooms)
  const visited = useChat((s) => s.visited)
  const people = useChat((s) => s.people)
  const drafts = useApp((a) => a.drafts)
  const found = useCatchUp((c) => c.found)
  const done = useDocument<Done>('catchup')
  const marks = useDocument('unread')
  const places = useSaved()
  const saved = useSavedMessages(places)
  return useMemo(() => {
    const s = useApp.getState().chat!
    const place = (room: string) => {
      const view = viewOf(s, room)
      const thread = view?.kind === 'thread'
      const muted = view !== undefined && !thread && levelOf(s, view) === 'none'
      const mute = view && (!thread || s.rooms[room]) ? () => void toggleMute(view) : undefined
      return { room: view ? titleOf(s, view) : '', mute, muted, muteLabel: t(thread ? 'thread.unfollow' : muted ? 'catchUp.unmute' : 'catchUp.mute') }
    }
    const open = (room: string, no: number) => () => void goToRoom(room, no)
    const mentions = (found?.mentions.messages ?? [])
      .filter((m) => !isDone(done, mentionKey(m), 1, m.at))
      .map<Entry>((m) => {
        const view = viewOf(s, m.room)
        const from = view && markedAt(view.id)
        const unread = view !== undefined && (m.no > Math.max(view.read_no, view.trimmed ?? 0) || (from !== undefined && m.no >= from))
        return { key: mentionKey(m), kind: 'mentions', ...place(m.room), who: nameOf(s, m.from), at: m.at, text: lineOf(m.text, m.files), unread, open: open(m.room, m.no), done: () => markDone(mentionKey(m), 1) }
      })
    const threads = newAnswers(s).map<Entry>((r) => ({
      key: `t:${r.id}`, kind: 'threads', ...place(r.id), who: r.last && nameOf(s, r.last.from), at: r.last?.at, unread: true,
      text: r.last ? (r.last.deleted_at ? t('message.deleted') : lineOf(r.last.text, r.last.files)) : t('catchUp.answers', { count: shownUnread(s, r) }),
      open: () => void goToReply({ room: r.parent!, no: r.root! }, r.last?.no ?? null), done: () => markRoomRead(r.id),
    }))
    const reactions = (found?.reactions.messages ?? [])
      .filter((m) => !isDone(done, reactionKey(m), reactionsTo(m), m.at))
      .map<Entry>((m) => ({
        key: reactionKey(m), kind: 'reactions', ...place(m.room), at: m.at, who: (m.reactions ?? []).map((r) => `${r.emoji} ${r.users.filter((u) => u !== m.from).map((u) => nameOf(s, u)).join(', ')}`.trim()).join(' · '),
        text: lineOf(m.text, m.files), open: open(m.room, m.no), done: () => markDone(reactionKey(m), reactionsTo(m)),
      }))
    const keep = places.slice(0, mostSaved).map<Entry>((p) => {
      const m = saved[`${p.room}/${p.no}`]
      return {
        key: `s:${p.room}/${p.no}`, kind: 'saved', room: place(p.room).room, who: m && !m.deleted_at ? nameOf(s, m.from) : undefined, at: m?.at,
        text: m === undefined ? '…' : m.deleted_at ? t('message.deleted') : lineOf(m.text, m.files), open: open(p.room, p.no), done: () => toggleSaved(p),
      }
    })
    const written = Object.entries(drafts)
      .filter(([room]) => viewOf(s, room))
      .map<Entry>(([room, text]) => ({ key: `d:${room}`, kind: 'drafts', room: place(room).room, text: plainLine(text, 200), open: () => (room.startsWith('t-') ? void goToRoom(room, null) : openRoom(room)) }))
    return { mentions, threads, reactions, saved: keep, drafts: written }
  }, [rooms, visited, people, drafts, found, done, marks, places, saved])
}

const lineOf = (text: string, files: { name: string }[] | undefined): string => plainLine(text, 200) || (files ?? []).map((f) => f.name).join(', ')
