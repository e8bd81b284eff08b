// How long a message is, in characters: the server counts bytes, people do
// not.

const encoder = new TextEncoder()
const bytes = (text: string) => encoder.encode(text).length

/** How many characters too long a text is for a limit in bytes. Below 0: how many more like these would fit, roughly. */
export function charactersOver(text: string, limit: number): number {
  if (text.length * 3 < limit) return -Infinity // nowhere near: not worth counting
  let over = bytes(text) - limit
  const characters = Array.from(text)
  if (over <= 0) return -Math.floor((-over * characters.length) / Math.max(1, bytes(text)))
  let cut = 0
  for (; over > 0; cut++) over -= bytes(characters[characters.length - 1 - cut]!)
  return cut
}
