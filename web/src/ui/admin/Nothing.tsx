import type { ReactNode } from 'react'

/** Says, in the place of a list, that there is nothing in it. */
export function Nothing({ icon, text }: { icon: ReactNode; text: string }) {
  return (
    <div className="nothing">
      <span aria-hidden="true">{icon}</span>
      <p>{text}</p>
    </div>
  )
}
