import { useCustomEmoji } from '../store/customEmoji'

const most = 6
const begins = String.raw`\p{Regional_Indicator}{2}|[#*0-9]\uFE0F?\u20E3|\p{Emoji_Presentation}|\p{Extended_Pictographic}(?=\uFE0F|\u200D|\p{Emoji_Modifier})`
const goesOn = String.raw`(?:\uFE0F|\p{Emoji_Modifier}|[\u{E0020}-\u{E007F}]|\u200D\p{Extended_Pictographic})*`
const pieces = new RegExp(String.raw`:[a-z0-9_+-]{2,32}:|(?:${begins})${goesOn}|\s+`, 'gu')

/** Whether a text is a few emoji and nothing else: it is shown large then. */
export function onlyEmoji(text: string): boolean {
  if (text.length > most * 40) return false
  const found = text.match(pieces) ?? []
  const emoji = found.filter((p) => p.trim() !== '')
  const { byName } = useCustomEmoji.getState()
  return emoji.length > 0 && emoji.length <= most && found.join('') === text && emoji.every((p) => p[0] !== ':' || byName.has(p.slice(1, -1)))
}
