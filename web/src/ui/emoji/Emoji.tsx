import { customNamed, emojiURL, useCustomEmoji } from '../../store/customEmoji'

/** An emoji, or the picture of a custom one. Of one that is no more, the name. */
export function Emoji({ emoji }: { emoji: string }) {
  const custom = useCustomEmoji((c) => customNamed(emoji, c))
  if (!custom) return <>{emoji}</>
  return <img className="custom-emoji" src={emojiURL(custom)} alt={emoji} draggable={false} />
}
