// How one likes to write. The choices belong to the person, the same on all
// devices.

import { changeDocument } from './actions'
import { documentOf, useDocument } from './documents'

/** The document "choices". What is not said is as usual. */
export interface Choices {
  /** Enter makes a new line, and Ctrl+Enter sends. */
  enterBreaks: boolean
  /** The formatting bar is shown. */
  bar: boolean
  /** The skin tone of emoji: 1 (light) to 5 (dark); 0 for none. */
  tone: number
}

export const useChoices = () => useDocument<Choices>('choices')
export const choices = (): Partial<Choices> => documentOf<Choices>('choices')
export const choose = (to: Partial<Choices>): void => void changeDocument('choices', (was) => ({ ...was, ...to }))

/** Whether Enter is to send what is written: with Ctrl or ⌘ it does; alone, unless one wants a new line or writes on a touch screen. */
export const enterSends = (e: { ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }, touch: boolean): boolean =>
  e.ctrlKey || e.metaKey || (!e.shiftKey && !touch && !choices().enterBreaks)
