// What lies over the room on a phone (a thread, the search, a dialog) is an
// entry in the browser's history, so that Back closes what is on top.

interface Layer {
  id: number
  name: string
  close: () => void
}

interface Entry {
  layer?: number
  name?: string
}

const layers: Layer[] = []
/** What opens a layer again when one comes back to where it lay. */
export const reopen: Record<string, () => void> = {}
let next = Date.now() // those of before a reload are others
/** How many times the browser is still to go back from the entry of a layer that was closed. */
let leaving = 0

const entry = (): Entry => (history.state ?? {}) as Entry

/** Whether the entry that is open now was made for a layer that is closed: another may take its place. */
export const onClosedLayer = (): boolean => {
  const { layer } = entry()
  return layer !== undefined && !layers.some((l) => l.id === layer)
}

/** Lays something over the room. The function that it returns takes it away. */
export function openLayer(name: string, close: () => void): () => void {
  const layer = { id: next++, name, close }
  // Where one has come back to, it lies in its old place.
  const again = entry().name === name && onClosedLayer()
  layers.push(layer)
  if (leaving === 0) history[again ? 'replaceState' : 'pushState']({ layer: layer.id, name } satisfies Entry, '')
  return () => {
    const at = layers.indexOf(layer)
    if (at < 0) return // Back has closed it
    layers.splice(at, 1)
    // Unless what closed it leads elsewhere.
    setTimeout(() => {
      if (entry().layer !== layer.id) return
      leaving++
      history.back()
    })
  }
}

/** To be called when the browser has gone to another entry: closes what lay over it. True if that was all there was to do. */
export function backed(): boolean {
  const { layer, name } = entry()
  if (leaving > 0) {
    leaving--
    // What was opened on the way back gets its entry now.
    if (leaving === 0) for (const l of layers.slice(layers.findIndex((l) => l.id === layer) + 1)) history.pushState({ layer: l.id, name: l.name } satisfies Entry, '')
    return true
  }
  const above = layers.splice(layers.findIndex((l) => l.id === layer) + 1)
  for (const l of above.reverse()) l.close()
  if (above.length === 0 && layer !== undefined && name && onClosedLayer()) reopen[name]?.()
  return above.length > 0
}
