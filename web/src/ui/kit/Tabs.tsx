import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react'

export interface Tab<T extends string> {
  value: T
  label: string
  icon?: ReactNode
}

interface Props<T extends string> {
  label: string
  tabs: Tab<T>[]
  value: T
  onChange: (value: T) => void
  children: ReactNode
}

/** A row of tabs over what the chosen one shows. The arrow keys, Home and End go from tab to tab and choose. */
export function Tabs<T extends string>({ label, tabs, value, onChange, children }: Props<T>) {
  const id = useId()
  const row = useRef<HTMLDivElement>(null)
  const at = tabs.findIndex((t) => t.value === value)
  const keys = (e: KeyboardEvent) => {
    const forward = getComputedStyle(row.current!).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
    const to = e.key === 'Home' ? 0 : e.key === 'End' ? tabs.length - 1 : e.key === forward ? at + 1 : /^Arrow(Left|Right)$/.test(e.key) ? at - 1 : null
    const next = to === null || e.altKey || e.ctrlKey || e.metaKey ? undefined : tabs[(to + tabs.length) % tabs.length]
    if (!next) return
    e.preventDefault()
    onChange(next.value)
    const tab = row.current!.querySelector<HTMLElement>(`[data-tab="${next.value}"]`)
    tab?.focus()
    tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  return (
    <>
      <div ref={row} role="tablist" aria-label={label} className="tabs" onKeyDown={keys}>
        {tabs.map((t) => (
          <button
            key={t.value}
            type="button"
            role="tab"
            id={`${id}-${t.value}`}
            data-tab={t.value}
            aria-selected={t.value === value}
            aria-controls={t.value === value ? `${id}-panel` : undefined}
            tabIndex={t.value === value ? 0 : -1}
            onClick={(e) => (onChange(t.value), e.currentTarget.scrollIntoView({ block: 'nearest', inline: 'nearest' }))}
          >
            {t.icon}
            {t.label}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} key={value} role="tabpanel" aria-labelledby={`${id}-${value}`} className="tab-panel">
        {children}
      </div>
    </>
  )
}
