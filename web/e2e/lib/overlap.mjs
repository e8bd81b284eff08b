/**
 * What lies wrongly on the screen: controls and texts that cover each other or stick out of the page. Things that lie over
 * others on purpose (a dialog, a menu, a panel) are judged by what can be seen: only what is on top at its own middle counts.
 */
export const overlaps = (page) =>
  page.evaluate(() => {
    /** What of an element its scrolling boxes let be seen. */
    const seen = (el) => {
      let { left, top, right, bottom } = el.getBoundingClientRect()
      for (let p = el.parentElement; p; p = p.parentElement) {
        if (getComputedStyle(p).overflowX === 'visible') continue
        const r = p.getBoundingClientRect()
        ;[left, top, right, bottom] = [Math.max(left, r.left), Math.max(top, r.top), Math.min(right, r.right), Math.min(bottom, r.bottom)]
      }
      return { left, top, right, bottom, width: right - left, height: bottom - top }
    }
    const shown = (el) => {
      const r = seen(el)
      if (r.width < 2 || r.height < 2 || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return null
      const x = r.left + r.width / 2
      const y = r.top + r.height / 2
      const top = document.elementFromPoint(x, y)
      return top && (el.contains(top) || top.contains(el)) ? r : null
    }
    const say = (el) => `${el.tagName.toLowerCase()}.${el.className.baseVal ?? el.className} "${(el.getAttribute('aria-label') ?? el.textContent).trim().slice(0, 30)}"`
    const faults = []
    const over = '.room-more, .popover, .completion, [role=menu], dialog, .members, .toasts'
    const root = document.documentElement
    if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} px wide in ${root.clientWidth}`)
    const things = [...document.querySelectorAll('button, a, input, select, textarea, h1, h2, kbd, .badge, time, .avatar, .room-title, .room-preview, .person-name, .message-author, .markdown, .tick')]
      .filter((el) => !el.closest('.visually-hidden'))
      .map((el) => [el, shown(el)])
      .filter(([, r]) => r)
    for (const [el, r] of things) {
      if (r.left < -1 || r.right > root.clientWidth + 1) faults.push(`${say(el)} sticks out`)
    }
    for (let i = 0; i < things.length; i++) {
      for (let k = i + 1; k < things.length; k++) {
        const [a, ra] = things[i]
        const [b, rb] = things[k]
        if (a.contains(b) || b.contains(a)) continue
        if (a.closest(over) !== b.closest(over)) continue // what lies over others on purpose may cover a part of them
        const w = Math.min(ra.right, rb.right) - Math.max(ra.left, rb.left)
        const h = Math.min(ra.bottom, rb.bottom) - Math.max(ra.top, rb.top)
        // A button inside another's frame (the send button in the box) is not a
        // cover; texts may touch by a line's leading.
        if (w > 2 && h > 4 && !a.closest('.code-block') && !b.closest('.code-block') && !/to-newest/.test(a.className + b.className)) faults.push(`${say(a)} and ${say(b)} cover each other`)
      }
    }
    return faults
  })
