import { expect, it } from 'vitest'
import { charactersOver } from './length'

it.each([
  ['a'.repeat(10), 10, 0],
  ['a'.repeat(12), 10, 2],
  ['é'.repeat(5), 10, 0],
  ['é'.repeat(6), 10, 1],
  ['日本語日', 10, 1], // 12 bytes: one character less fits
  ['a😀', 4, 1],
  ['aaaaaaaa', 16, -8],
  ['éééééé', 16, -2],
  ['日本語日本語', 18, 0],
  ['short', 16, -Infinity],
  ['', 10, -Infinity],
])('%j with a limit of %i bytes is %i characters over', (text, limit, want) => expect(charactersOver(text, limit) + 0).toBe(want))
