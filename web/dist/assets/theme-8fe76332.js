// Runs before the page is painted, so that how a person wants it does not flash
// in. src/ui/kit/theme.ts knows what there is to choose.
try {
  for (const what of ['theme', 'density', 'text']) {
    const chosen = localStorage.getItem('parley:' + what)
    if (/^[a-z]+$/.test(chosen ?? '')) document.documentElement.dataset[what] = chosen
  }
} catch {
  // Storage may be closed to us; then the usual holds.
}
