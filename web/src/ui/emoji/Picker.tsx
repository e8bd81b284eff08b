import { EmojiPicker } from 'frimousse'
import { useLanguage, t } from '../../i18n'
import { loadEmojis } from '../../emoji/emoji'

/** All emoji, to look through and to search. In a file of its own, loaded when it is first opened. */
export function Picker({ onPick }: { onPick: (emoji: string) => void }) {
  const language = useLanguage((l) => l.language)
  return (
    <EmojiPicker.Root className="emoji-picker" locale={language} columns={9} resolveEmojiData={resolve} onEmojiSelect={({ emoji }) => onPick(emoji)}>
      <EmojiPicker.Search className="search" placeholder={t('emoji.search')} aria-label={t('emoji.search')} />
      <EmojiPicker.Viewport className="emoji-viewport">
        <EmojiPicker.Loading className="emoji-note">{t('app.loading')}</EmojiPicker.Loading>
        <EmojiPicker.Empty className="emoji-note">{t('emoji.none')}</EmojiPicker.Empty>
        <EmojiPicker.List
          className="emoji-list"
          components={{
            CategoryHeader: ({ category, ...props }) => (
              <div {...props} className="emoji-group">
                {category.label}
              </div>
            ),
            Row: ({ children, ...props }) => (
              <div {...props} {...fromOne(props)} className="emoji-row">
                {children}
              </div>
            ),
            Emoji: ({ emoji, ...props }) => (
              <button {...props} {...fromOne(props)} type="button" className="emoji-cell" title={emoji.label}>
                {emoji.emoji}
              </button>
            ),
          }}
        />
      </EmojiPicker.Viewport>
      <p className="emoji-foot" aria-live="polite">
        <EmojiPicker.ActiveEmoji>{({ emoji }) => (emoji ? `${emoji.emoji} ${emoji.label}` : t('emoji.hint'))}</EmojiPicker.ActiveEmoji>
      </p>
    </EmojiPicker.Root>
  )
}

/** Places in a grid count from one; the library's count from nought. */
const fromOne = (p: { 'aria-rowindex'?: number; 'aria-colindex'?: number }) => ({
  ...(p['aria-rowindex'] === undefined ? {} : { 'aria-rowindex': p['aria-rowindex'] + 1 }),
  ...(p['aria-colindex'] === undefined ? {} : { 'aria-colindex': p['aria-colindex'] + 1 }),
})

const resolve = async (locale: string) => {
  const { groups, all } = await loadEmojis(locale)
  return {
    locale,
    categories: groups,
    emojis: all.map((e) => ({ emoji: e.emoji, label: e.label, category: e.group, version: 1, tags: [...e.tags, ...e.codes] })),
    skinTones: { light: '', 'medium-light': '', medium: '', 'medium-dark': '', dark: '' },
  }
}
