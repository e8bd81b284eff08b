// People who are called by @name in what is being written.

import { characterBefore, inWord } from '../markdown/script'

/** The words that call everybody in a room; the server knows some more. */
export const calledWords = ['room', 'here']

/** The name that is being written after an @ at the caret: at most three words. In code, an @ is an @. */
export function typedCall(text: string, caret: number): { from: number; name: string } | null {
  const before = text.slice(0, caret)
  const match = /(?<![@＠﹫])([@＠﹫]((?:[\p{L}\p{N}\p{M}_.'’-]+(?: [\p{L}\p{N}\p{M}_.'’-]+){0,2})?))$/u.exec(before)
  if (!match || inWord(characterBefore(before, match.index)) || insideCode(before)) return null
  return { from: match.index, name: match[2]! }
}

/** The beginning of a room's name that is being written after a # at the caret. */
export function typedRoom(text: string, caret: number): { from: number; name: string } | null {
  const before = text.slice(0, caret)
  const match = /(?:^|[\s(])(#([\p{L}\p{N}][\p{L}\p{N}\p{M}_.-]{0,40}))$/u.exec(before)
  if (!match || insideCode(before)) return null
  return { from: caret - match[1]!.length, name: match[2]! }
}

const odd = (text: string, mark: RegExp) => (text.match(mark)?.length ?? 0) % 2 === 1
const insideCode = (before: string) => odd(before, /```/g) || odd(before.slice(before.lastIndexOf('\n') + 1), /`/g)
