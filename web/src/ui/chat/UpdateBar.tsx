import { Sparkles } from 'lucide-react'
import { t } from '../../i18n'
import { useApp } from '../../store/store'

/** Says that the server has a newer client. What is being written is kept over the reload. */
export function UpdateBar() {
  const newer = useApp((a) => a.newer)
  return (
    <div role="status" className="connection-slot">
      {newer && (
        <div className="connection news">
          <Sparkles size={15} aria-hidden />
          <span>{t('app.newer')}</span>
          <button className="link" onClick={() => location.reload()}>
            {t('app.reload')}
          </button>
        </div>
      )}
    </div>
  )
}
