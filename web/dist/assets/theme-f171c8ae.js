// Runs before the page is painted, so that a chosen theme does not flash in.
try {
  var theme = localStorage.getItem('parley:theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch (e) {
  // Storage may be closed to us; then the system's theme holds.
}
