import { Trash2, Upload } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { t } from '../../i18n'
import { explain } from '../../protocol/error'
import { removePicture, sendPicture, updateAccount } from '../../store/people'
import { useChat } from '../../store/store'
import { Avatar } from '../kit/Avatar'
import { Dialog } from '../kit/Dialog'
import { Fault, Field, useSubmit } from '../kit/Form'

const longestAbout = 250
const longestTitle = 100
const longestPhone = 40

/** The time zones that the browser knows: this device's first, and the one that was chosen elsewhere. */
function zones(chosen: string | undefined): string[] {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  return [...new Set([here, ...(chosen ? [chosen] : []), ...Intl.supportedValuesOf('timeZone')])]
}

/** What others see of oneself: the picture, a few words, and how to reach one. */
export function EditProfile({ onClose }: { onClose: () => void }) {
  const me = useChat((s) => s.me)
  const [title, setTitle] = useState(me.title ?? '')
  const [about, setAbout] = useState(me.about ?? '')
  const [phone, setPhone] = useState(me.phone ?? '')
  const [zone, setZone] = useState(me.time_zone ?? '')
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    await updateAccount({ title: title.trim(), about: about.trim(), phone: phone.trim(), time_zone: zone })
    onClose()
  })
  return (
    <Dialog title={t('profile.edit')} onClose={onClose}>
      <form onSubmit={submit}>
        <Picture />
        <Field label={t('profile.jobTitle')} value={title} maxLength={longestTitle} autoComplete="organization-title" dir="auto" onChange={(e) => setTitle(e.target.value)} error={at('title')} />
        <Field label={t('profile.about')} hint={t('profile.aboutHint')} value={about} maxLength={longestAbout} autoComplete="off" dir="auto" onChange={(e) => setAbout(e.target.value)} error={at('about')} />
        <Field label={t('profile.phone')} type="tel" value={phone} maxLength={longestPhone} autoComplete="tel" onChange={(e) => setPhone(e.target.value)} error={at('phone')} />
        <label className="field">
          <span>{t('profile.zone')}</span>
          <select value={zone} onChange={(e) => setZone(e.target.value)}>
            <option value="">{t('profile.zoneNone')}</option>
            {zones(me.time_zone).map((z) => (
              <option key={z} value={z}>
                {z.replaceAll('_', ' ')}
              </option>
            ))}
          </select>
        </label>
        <Fault text={elsewhere('title', 'about', 'phone')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={busy}>
            {t('app.save')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** One's picture: it is changed at once, not with the form. */
function Picture() {
  const me = useChat((s) => s.me)
  const able = useChat((s) => (s.limits.file ?? 0) > 0)
  const input = useRef<HTMLInputElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const [progress, setProgress] = useState<number | null>(null)
  const [fault, setFault] = useState('')
  const [said, setSaid] = useState('')
  const running = useRef<(() => void) | null>(null)
  useEffect(() => () => running.current?.(), [])
  const run = async (work: Promise<void>, done: string) => {
    setFault('')
    setSaid('')
    try {
      await work
      setSaid(done)
    } catch (err) {
      setFault(explain(err))
    } finally {
      running.current = null
      setProgress(null)
      button.current?.focus()
    }
  }
  const choose = (file: File | undefined) => {
    if (!file) return
    setProgress(0)
    const { done, abort } = sendPicture(file, setProgress)
    running.current = abort
    void run(done, t('picture.set'))
  }
  return (
    <div className="picture-field">
      <Avatar id={me.id} name={me.name} size="huge" />
      <div>
        <input ref={input} type="file" accept="image/png,image/jpeg,image/gif,image/webp" hidden aria-label={t('picture.choose')} onChange={(e) => (choose(e.target.files?.[0]), (e.target.value = ''))} />
        <div className="picture-buttons">
          <button ref={button} type="button" className="button" disabled={!able || progress !== null} onClick={() => input.current?.click()}>
            <Upload size={16} aria-hidden /> {t(me.picture ? 'picture.other' : 'picture.choose')}
          </button>
          {me.picture && (
            <button type="button" className="button" disabled={progress !== null} onClick={() => void run(removePicture(), t('picture.removed'))}>
              <Trash2 size={16} aria-hidden /> {t('picture.remove')}
            </button>
          )}
        </div>
        {progress === null ? <p className="field-hint">{t(able ? 'picture.hint' : 'upload.off')}</p> : <progress value={progress} max={1} aria-label={t('picture.sending')} />}
        <span role="status" className="visually-hidden">
          {said}
        </span>
        <Fault text={fault} />
      </div>
    </div>
  )
}
