// What e2e/hostile.test.mjs brings into a page of its own, to judge it there.
export { hostileText } from './fakeTexts'
export { parse, renderMarkdown } from './render'
