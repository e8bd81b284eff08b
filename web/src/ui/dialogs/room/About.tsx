import { useState } from 'react'
import { t } from '../../../i18n'
import type { RoomView } from '../../../protocol/types'
import { updateRoom } from '../../../store/actions'
import { atLeast, titleOf } from '../../../store/select'
import { toast, useChat } from '../../../store/store'
import { explain } from '../../../protocol/error'
import { Fault, Field, useSubmit } from '../../kit/Form'
import { span } from '../../kit/time'
import { openOver } from '../open'

/** Seconds of slow mode that one chooses from. */
const slows = [0, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600]
/** Days that messages are kept: as the server says, some spans, and for ever. */
const retains = [0, 7, 30, 90, 365, -1]

/** What a room is called and is about, how fast one writes in it, and whether one does at all. */
export function About({ room, onClose }: { room: string; onClose: () => void }) {
  const view = useChat((s) => s.rooms[room])!
  const limits = useChat((s) => s.limits)
  const admin = useChat((s) => atLeast(s.me, 'admin'))
  const [name, setName] = useState(view.name ?? '')
  const [topic, setTopic] = useState(view.topic ?? '')
  const [announce, setAnnounce] = useState(view.announce === true)
  const [slow, setSlow] = useState(view.slow ?? 0)
  const [retain, setRetain] = useState(view.retain ?? 0)
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    // Only what one has changed: another moderator may have changed the rest
    // meanwhile.
    const change = {
      ...(name !== view.name && { name }),
      ...(topic !== (view.topic ?? '') && { topic }),
      ...(announce !== (view.announce === true) && { announce }),
      ...(slow !== (view.slow ?? 0) && { slow }),
      ...(retain !== (view.retain ?? 0) && { retain }),
    }
    if (Object.keys(change).length > 0) await updateRoom(room, change)
    onClose()
  })
  return (
    <>
      <form onSubmit={submit}>
        <Field label={t('create.name')} value={name} maxLength={limits.name} required onChange={(e) => setName(e.target.value)} error={at('name')} />
        <Field label={t('create.topic')} value={topic} maxLength={limits.topic} onChange={(e) => setTopic(e.target.value)} error={at('topic')} hint={t('create.topicHint')} />
        <label className="choice">
          <input type="checkbox" checked={announce} aria-describedby="announce-hint" onChange={(e) => setAnnounce(e.target.checked)} />
          <span>
            <b>{t('settings.announce')}</b>
            <small id="announce-hint">{t('settings.announceHint')}</small>
          </span>
        </label>
        <label className="field">
          <span>{t('settings.slow')}</span>
          <select value={slow} onChange={(e) => setSlow(Number(e.target.value))} aria-describedby="slow-hint">
            {including(slows, view.slow).map((s) => (
              <option key={s} value={s}>
                {s === 0 ? t('settings.slowOff') : t('settings.slowEach', { time: span(s) })}
              </option>
            ))}
          </select>
          <small id="slow-hint" className="field-hint">
            {t('settings.slowHint')}
          </small>
        </label>
        {admin && (
          <label className="field">
            <span>{t('settings.retain')}</span>
            <select value={retain} onChange={(e) => setRetain(Number(e.target.value))} aria-describedby="retain-hint">
              {including(retains, view.retain).map((d) => (
                <option key={d} value={d}>
                  {d === 0 ? t('settings.retainServer') : d < 0 ? t('settings.retainEver') : span(d * 86_400)}
                </option>
              ))}
            </select>
            <small id="retain-hint" className="field-hint">
              {t('settings.retainHint')}
            </small>
          </label>
        )}
        <Fault text={elsewhere('name', 'topic')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy || name.trim() === ''}>
            {t('app.save')}
          </button>
        </div>
      </form>
      {room !== 'general' && <Archive room={view} />}
    </>
  )
}

/** The choices, with the value that is set if it is none of them. */
const including = (choices: number[], set = 0): number[] => (choices.includes(set) ? choices : [...choices, set].sort((a, b) => a - b))

function Archive({ room }: { room: RoomView }) {
  const title = useChat((s) => titleOf(s, room))
  const ask = () =>
    openOver({
      kind: 'confirm', title: t('archive.title', { room: title }), text: t('archive.text'), action: t('archive.archive'), danger: true,
      run: async () => void (await updateRoom(room.id, { archived: true })),
    })
  return (
    <section className="panel-part" aria-labelledby="archive-title">
      <h3 id="archive-title" className="panel-title">
        {t(room.archived ? 'archive.isTitle' : 'archive.archive')}
      </h3>
      <p className="dialog-text">{t(room.archived ? 'archive.isText' : 'archive.text')}</p>
      {room.archived ? (
        <button className="button" onClick={() => unarchive(room.id)}>
          {t('archive.unarchive')}
        </button>
      ) : (
        <button className="button" onClick={ask}>
          {t('archive.archive')}
        </button>
      )}
    </section>
  )
}

/** Opens an archived room again. */
export const unarchive = (room: string) => void updateRoom(room, { archived: false }).catch((err: unknown) => toast(explain(err)))
