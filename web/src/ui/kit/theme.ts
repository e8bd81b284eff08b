export type Theme = 'system' | 'light' | 'dark'

/** The theme that was chosen in this browser. public/theme.js reads the same key. */
export function theme(): Theme {
  const chosen = document.documentElement.dataset.theme
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

export function setTheme(to: Theme): void {
  if (to === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = to
  try {
    if (to === 'system') localStorage.removeItem('parley:theme')
    else localStorage.setItem('parley:theme', to)
  } catch {
    // It holds until the page is closed.
  }
}
