// What both links and mentions have to know of scripts.

/** A letter of a script that is written without spaces between words, or of Hangul, whose words carry endings. */
export const unspaced = /[ー\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\p{sc=Bopomofo}]/u

const letter = /[\p{L}\p{N}\p{M}]/u

/** Whether what follows a character is still the same word. */
export const inWord = (character: string): boolean => letter.test(character) && !unspaced.test(character)

/** The character that ends at a place of a text, or nothing. */
export const characterBefore = (text: string, at: number): string => /[^]?$/u.exec(text.slice(Math.max(0, at - 2), at))?.[0] ?? ''

/** Whether a text shows nothing. */
export const isBlank = (text: string): boolean => !/[^\s\p{Cf}\u2800\p{Default_Ignorable_Code_Point}]/u.test(text)
