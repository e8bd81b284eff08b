// Skin tones of emoji.

const first = 0x1f3fb // the lightest of five

/** Whether an emoji comes in skin tones: one of a person or a hand, or of a couple, but no family. */
export function hasTones(emoji: string): boolean {
  const n = emoji.match(/\p{Emoji_Modifier_Base}/gu)?.length ?? 0
  return (n === 1 && !emoji.startsWith('👪')) || (n === 2 && emoji.includes('❤'))
}

/** An emoji in a skin tone: 1 (light) to 5 (dark), 0 for none. One that has no tones stays as it is. */
export function toned(emoji: string, tone: number): string {
  if (!hasTones(emoji)) return emoji
  const plain = untoned(emoji)
  if (!(tone >= 1 && tone <= 5)) return plain
  return plain.replace(/\p{Emoji_Modifier_Base}\ufe0f?/gu, (base) => base.replace('\ufe0f', '') + String.fromCodePoint(first + Math.floor(tone) - 1))
}

/** An emoji without its skin tone. */
export const untoned = (emoji: string): string => emoji.replace(/[\u{1f3fb}-\u{1f3ff}]/gu, '')
