// Bytes on their way to the server, with how far they are.

import { at } from './base'
import { ApiError, codeOf, unavailable } from './error'

export interface Posted<T> {
  done: Promise<T>
  /** Takes it back; done is then rejected. */
  abort: () => void
}

/** Posts bytes to a path of the REST door. onProgress is told the part that is sent, 0 to 1. */
export function post<T>(path: string, body: Blob, onProgress: (part: number) => void): Posted<T> {
  const xhr = new XMLHttpRequest() // fetch does not tell how far it is
  const done = new Promise<T>((resolve, reject) => {
    xhr.open('POST', at(`/api/v1${path}`))
    xhr.responseType = 'json'
    xhr.setRequestHeader('Content-Type', 'application/octet-stream')
    xhr.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total)
    xhr.onerror = xhr.ontimeout = xhr.onabort = () => reject(unavailable())
    xhr.onload = () => {
      const answer = xhr.response as { id?: string; name?: string; code?: string; detail?: string; field?: string } | null
      if (xhr.status >= 200 && xhr.status < 300 && (answer?.id ?? answer?.name)) resolve(answer as T)
      else reject(new ApiError(answer?.code ? codeOf(answer.code) : xhr.status === 413 ? 'too_large' : 'unavailable', answer?.detail ?? '', { field: answer?.field }))
    }
    xhr.send(body)
  })
  return { done, abort: () => xhr.abort() }
}
