import { type ComponentProps, type ComponentType, useEffect, useState } from 'react'
import type { Media } from './Media'

type Props = ComponentProps<typeof Media>

let loaded: ComponentType<Props> | null = null

/** Loads what plays sound and video, when there is some to play. */
export function MediaPart(props: Props) {
  const [Part, setPart] = useState(() => loaded)
  useEffect(() => {
    if (Part) return
    let left = false
    import('./Media').then(
      (m) => {
        loaded = m.Media
        if (!left) setPart(() => m.Media)
      },
      () => {}, // no connection: it can still be downloaded, later
    )
    return () => void (left = true)
  }, [])
  return Part ? <Part {...props} /> : props.otherwise
}
