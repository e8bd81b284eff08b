import { type ComponentProps, type ComponentType, useEffect, useState } from 'react'
import { t } from '../../i18n'
import type Recorder from './Recorder'

type Props = ComponentProps<typeof Recorder>

/**
 * Whether to offer recording. On a page that is not secure browsers hide the
 * microphone: who tries is told so.
 */
export const mayRecord = (): boolean => typeof MediaRecorder !== 'undefined' && (!!navigator.mediaDevices?.getUserMedia || !isSecureContext)

/** Loads what records voice messages. */
export function RecorderPart(props: Props) {
  const [Part, setPart] = useState<ComponentType<Props> | null>(null)
  useEffect(() => {
    let left = false
    import('./Recorder').then(
      (m) => left || setPart(() => m.default),
      () => left || props.onClose(t('app.partFailed')),
    )
    return () => void (left = true)
  }, [])
  return Part && <Part {...props} />
}
