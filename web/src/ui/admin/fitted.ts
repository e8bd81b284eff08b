// A picture made small enough for an emoji.

import { ApiError } from '../../protocol/error'

/** What the server takes: bytes, and pixels on the longer side. */
const most = { bytes: 256 << 10, side: 256 }
const shrunk = 128 // pixels, of those that are made smaller

/**
 * A still picture in a size that the server takes; what is animated, or small
 * enough, stays as it is.
 */
export async function fitted(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new ApiError('invalid', '', { text: 'custom.noPicture' })
  })
  const side = Math.max(picture.width, picture.height)
  if ((file.size <= most.bytes && side <= most.side) || (await isAnimated(file))) return file
  const scale = Math.min(1, shrunk / side)
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(picture.width * scale))
  canvas.height = Math.max(1, Math.round(picture.height * scale))
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  return new Promise((done) => canvas.toBlob((b) => done(b ?? file), 'image/png'))
}

/**
 * Whether its bytes have what makes a picture move: of a GIF more than one
 * frame, else a chunk of that name.
 */
async function isAnimated(file: Blob): Promise<boolean> {
  const bytes = new Uint8Array(await file.slice(0, 1 << 20).arrayBuffer())
  const text = new TextDecoder('latin1').decode(bytes)
  return text.startsWith('GIF') ? text.split('\x21\xf9\x04').length > 2 : /^.PNG/s.test(text) ? text.includes('acTL') : text.startsWith('RIFF') && text.slice(0, 64).includes('ANIM')
}
