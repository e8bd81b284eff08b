import { type ComponentType, useState } from 'react'
import { t } from '../../i18n'
import { useApp } from '../../store/store'
import { toast } from '../../store/toasts'

/** A button that shows an invite link as a QR code. */
export function InviteCode({ link }: { link: string }) {
  const server = useApp((a) => a.info?.name ?? '')
  const [Code, setCode] = useState<ComponentType<{ text: string; label: string }> | null>(null)
  const [open, setOpen] = useState(false)
  const toggle = () => {
    setOpen(!open)
    if (open || Code) return
    import('../kit/QRCode').then(
      (m) => setCode(() => m.QRCode),
      () => {
        setOpen(false)
        toast(t('app.partFailed'))
      },
    )
  }
  return (
    <>
      <button type="button" className="button" onClick={toggle}>
        {t(open ? 'invites.hideCode' : 'invites.showCode')}
      </button>
      {open && Code && <Code text={link} label={t('invites.code', { server })} />}
    </>
  )
}
