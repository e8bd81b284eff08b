/** How this browser shows the client. public/theme.js reads what was chosen before anything is painted. */
export const looks = {
  theme: ['system', 'light', 'dark'],
  density: ['comfortable', 'compact'],
  text: ['small', 'normal', 'large', 'larger'],
} as const
const usual = { theme: 'system', density: 'comfortable', text: 'normal' } as const
export type Look = keyof typeof looks
export type Chosen<L extends Look> = (typeof looks)[L][number]
export type Theme = Chosen<'theme'>

export function look<L extends Look>(what: L): Chosen<L> {
  const chosen = document.documentElement.dataset[what]
  return looks[what].find((x) => x === chosen) ?? usual[what]
}

export function setLook<L extends Look>(what: L, to: Chosen<L>): void {
  const plain = to === usual[what]
  if (plain) delete document.documentElement.dataset[what]
  else document.documentElement.dataset[what] = to
  try {
    if (plain) localStorage.removeItem(`parley:${what}`)
    else localStorage.setItem(`parley:${what}`, to)
  } catch {
    // It holds until the page is closed.
  }
}
