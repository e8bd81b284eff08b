import { SmilePlus, Upload } from 'lucide-react'
import { useRef, useState } from 'react'
import { t } from '../../i18n'
import { post } from '../../protocol/post'
import type { CustomEmoji as Custom } from '../../protocol/types'
import { call } from '../../store/actions'
import { useCustomEmoji } from '../../store/customEmoji'
import { atLeast, nameOf } from '../../store/select'
import { toast, useChat } from '../../store/store'
import { openDialog } from '../dialogs/open'
import { Emoji } from '../emoji/Emoji'
import { Fault, Field, useSubmit } from '../kit/Form'
import { fitted } from './fitted'
import { Nothing } from './Nothing'

/** The emoji of this server: those that there are, and the way to add one. */
export function CustomEmoji() {
  const me = useChat((s) => s.me)
  const people = useChat((s) => s.people)
  const emoji = useCustomEmoji((c) => c.emoji)
  const remove = (e: Custom) =>
    openDialog({
      kind: 'confirm', title: t('custom.removeTitle', { name: `:${e.name}:` }), text: t('custom.removeText'), action: t('picture.remove'), danger: true,
      run: async () => void (await call('emoji.delete', { name: e.name })),
    })
  return (
    <>
      <Add />
      <h2 className="list-title">{t('emoji.ours')}</h2>
      {emoji.length === 0 && <Nothing icon={<SmilePlus size={28} />} text={t('custom.none')} />}
      <ul className="lines">
        {emoji.map((e) => (
          <li key={e.name}>
            <span className="custom-sample" aria-hidden="true">
              <Emoji emoji={`:${e.name}:`} />
            </span>
            <span className="lines-text">
              <b dir="ltr">{[e.name, ...(e.alias ? [e.alias] : [])].map((n) => `:${n}:`).join(' ')}</b>
              <small>{t('custom.by', { name: nameOf({ people }, e.by) })}</small>
            </span>
            {(e.by === me.id || atLeast(me, 'admin')) && (
              <button className="button" aria-label={t('custom.removeOne', { name: `:${e.name}:` })} onClick={() => remove(e)}>
                {t('picture.remove')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  )
}

/** What a file's name says of an emoji's. */
const named = (file: string) => file.replace(/\.[^.]*$/, '').toLowerCase().replace(/[^a-z0-9_+-]+/g, '_').replace(/^_+|_+$/g, '').slice(0, 32)

function Add() {
  const able = useChat((s) => (s.limits.file ?? 0) > 0)
  const input = useRef<HTMLInputElement>(null)
  const [file, setFile] = useState<{ body: Blob; url: string } | null>(null)
  const [name, setName] = useState('')
  const [alias, setAlias] = useState('')
  const put = (to: { body: Blob; url: string } | null) => {
    if (file) URL.revokeObjectURL(file.url)
    setFile(to)
  }
  const choose = useSubmit(async () => {
    const chosen = input.current?.files?.[0]
    if (!chosen) return
    const body = await fitted(chosen)
    put({ body, url: URL.createObjectURL(body) })
    if (!name) setName(named(chosen.name))
    input.current!.value = ''
  })
  const { busy, submit, at, elsewhere } = useSubmit(async () => {
    const query = new URLSearchParams({ name: name.trim(), ...(alias.trim() ? { alias: alias.trim() } : {}) })
    const made = await post<Custom>(`/emoji?${query.toString()}`, file!.body, () => {}).done
    toast(t('custom.added', { name: `:${made.name}:` }))
    put(null)
    setName('')
    setAlias('')
  })
  return (
    <form className="admin-form" onSubmit={submit}>
      <p className="dialog-text">{t(able ? 'custom.text' : 'upload.off')}</p>
      <div className="picture-field">
        <span className="custom-sample large">{file ? <img className="custom-emoji" src={file.url} alt={t('custom.preview')} /> : <SmilePlus size={26} aria-hidden />}</span>
        <div>
          <input ref={input} type="file" accept="image/png,image/gif,image/webp,image/jpeg" hidden aria-label={t('picture.choose')} onChange={() => void choose.submit()} />
          <div className="picture-buttons">
            <button type="button" className="button" disabled={!able} onClick={() => input.current?.click()}>
              <Upload size={16} aria-hidden /> {t('picture.choose')}
            </button>
          </div>
          <p className="field-hint">{t('custom.pictureHint')}</p>
        </div>
      </div>
      <Field label={t('custom.name')} hint={t('custom.nameHint')} value={name} maxLength={34} dir="ltr" autoComplete="off" autoCapitalize="off" spellCheck={false} onChange={(e) => setName(e.target.value)} error={at('name')} />
      <Field label={t('custom.alias')} value={alias} maxLength={34} dir="ltr" autoComplete="off" autoCapitalize="off" spellCheck={false} onChange={(e) => setAlias(e.target.value)} error={at('alias')} />
      <Fault text={choose.elsewhere() ?? elsewhere('name', 'alias')} />
      <div className="form-actions">
        <button className="button primary" disabled={busy || !file || name.trim().length < 2}>
          {t('emoji.add')}
        </button>
      </div>
    </form>
  )
}
