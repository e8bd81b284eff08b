// Marks the words that were found, without touching the text they stand in.

/** The words of a search, without its filters. */
export const wordsOf = (asked: string): string[] =>
  [...asked.replace(/\w+:(?:"[^"]*"|\S+)/g, ' ').matchAll(/[\p{L}\p{N}\p{M}_]+/gu)].map((m) => m[0].toLocaleLowerCase())

/** Shows words as found in an element, where the browser can. */
export function markFound(root: HTMLElement, words: string[]): void {
  if (!('highlights' in CSS) || typeof Highlight === 'undefined') return
  const ranges: Range[] = []
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const text = node.nodeValue!.toLocaleLowerCase()
    if (text.length !== node.nodeValue!.length) continue // places would not be the same
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = new Range()
        range.setStart(node, at)
        range.setEnd(node, at + word.length)
        ranges.push(range)
      }
    }
  }
  CSS.highlights.set('found', new Highlight(...ranges))
}
