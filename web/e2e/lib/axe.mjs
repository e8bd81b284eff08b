// What axe finds wrong on a screen, beside what no program can see.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What can differ between light and dark. */
export const colours = ['color-contrast', 'link-in-text-block']

/**
 * The faults of a part of a page as lines of text, by all rules or by those that are named. The script is evaluated by
 * the debugger: the page's own policy would not, and shall not, let it in.
 */
export async function axe(page, part = 'html', rules) {
  if (!(await page.evaluate('!!window.axe'))) await page.evaluate(`void (() => { ${source} })()`)
  return page.evaluate(async ([part, rules]) => {
    // Colours are judged as they stay, not on the way from one theme to another; what inherits a colour follows later.
    const frame = () => new Promise((done) => requestAnimationFrame(done))
    for (let still = 0; still < 3; still++) {
      await frame()
      const passing = document.getAnimations().filter((a) => a.playState === 'running' && a.effect.getComputedTiming().endTime !== Infinity)
      if (passing.length > 0) still = 0
      await Promise.all(passing.map((a) => a.finished.catch(() => {})))
    }
    const { violations } = await window.axe.run(part, {
      resultTypes: ['violations'],
      selectors: false,
      // The one rule that reads style sheets says the same of every part of a page.
      preload: part === 'html' || { assets: ['media'] },
      // Menus stand at the end of the page, where no landmark is; on a phone
      // the list is all there is.
      rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } },
      runOnly: rules ?? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    })
    return violations.flatMap((v) => v.nodes.map((n) => `${v.impact} ${v.id}: ${n.html.slice(0, 140)} — ${n.failureSummary.replace(/\s+/g, ' ').slice(0, 200)}`))
  }, [part, rules])
}
