import { useState } from 'react'
import { t } from '../../i18n'
import { addSection, renameSection } from '../../store/sidebar'
import { useApp } from '../../store/store'
import { Dialog } from '../kit/Dialog'
import { Field } from '../kit/Form'

const most = 40 // characters

interface Props {
  /** The section to rename; else a new one is made. */
  id?: string
  name?: string
  /** The room to put into a new one. */
  room?: string
  onClose: () => void
}

/** Asks for the name of a section of one's own. */
export function SectionName({ id, name: was = '', room, onClose }: Props) {
  const [name, setName] = useState(was)
  return (
    <Dialog title={t(id ? 'section.rename' : 'section.new')} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          if (id) renameSection(id, name.trim())
          else addSection(name.trim(), room === undefined ? undefined : useApp.getState().chat?.rooms[room])
          onClose()
        }}
      >
        <Field label={t('section.name')} value={name} maxLength={most} required autoFocus onChange={(e) => setName(e.target.value)} hint={id ? undefined : t('section.hint')} />
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t('app.cancel')}
          </button>
          <button className="button primary" disabled={name.trim() === ''}>
            {t(id ? 'app.save' : 'section.create')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
