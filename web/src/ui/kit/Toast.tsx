import { useEffect } from 'react'
import { useApp } from '../../store/store'

/** One short message at the foot of the page, gone by itself. */
export function Toast() {
  const toast = useApp((a) => a.toast)
  useEffect(() => {
    if (!toast) return
    const timer = setTimeout(() => useApp.setState({ toast: null }), 5_000)
    return () => clearTimeout(timer)
  }, [toast])
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toast && (
        <div className="toast" key={toast.id}>
          {toast.text}
        </div>
      )}
    </div>
  )
}
