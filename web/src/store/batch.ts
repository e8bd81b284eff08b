/** What a batch needs of the page. */
export interface Screen {
  /** Whether the page is drawn at all: where it is not, nothing waits. */
  shown: () => boolean
  /** Runs f with the next frame. */
  frame: (f: () => void) => void
}

const page: Screen = {
  shown: () => document.visibilityState === 'visible',
  frame: (f) => requestAnimationFrame(f),
}

/**
 * Hands on together what comes within one frame of the screen: the first at once, the others with the next frame, all in
 * the order in which they came. So a burst of events is drawn once a frame, and a single one does not wait.
 */
export class Batch<T> {
  private waiting: T[] = []
  private held = false

  constructor(
    private readonly take: (all: T[]) => void,
    private readonly screen: Screen = page,
  ) {}

  add(one: T): void {
    this.waiting.push(one)
    if (!this.held || !this.screen.shown()) this.next()
  }

  /** Hands on what waits, before something that comes after it. */
  flush(): void {
    if (this.waiting.length === 0) return
    const all = this.waiting
    this.waiting = []
    this.take(all)
  }

  /** Forgets what waits. */
  clear(): void {
    this.waiting = []
  }

  private next(): void {
    this.flush()
    if (this.held || !this.screen.shown()) return
    this.held = true
    this.screen.frame(() => {
      this.held = false
      if (this.waiting.length > 0) this.next()
    })
  }
}
