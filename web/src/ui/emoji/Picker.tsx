import { EmojiPicker } from 'frimousse'
import { SmilePlus } from 'lucide-react'
import type { KeyboardEvent } from 'react'
import { useLanguage, t } from '../../i18n'
import { loadEmojis, withCustom } from '../../emoji/emoji'
import { hasTones, toned } from '../../emoji/tone'
import { choose, useChoices } from '../../store/choices'
import { useCustomEmoji } from '../../store/customEmoji'
import { useRight } from '../../store/select'
import { Emoji } from './Emoji'

/** As the library calls them; in the place of each its number here. */
const tones = ['none', 'light', 'medium-light', 'medium', 'medium-dark', 'dark'] as const
const toneNames = ['emoji.tones.0', 'emoji.tones.1', 'emoji.tones.2', 'emoji.tones.3', 'emoji.tones.4', 'emoji.tones.5'] as const

/** All emoji, to look through and to search. In a file of its own, loaded when it is first opened. */
export function Picker({ onPick }: { onPick: (emoji: string) => void }) {
  const language = useLanguage((l) => l.language)
  const tone = useChoices().tone ?? 0
  const custom = useCustomEmoji()
  const mayAdd = useRight('emoji')
  return (
    <EmojiPicker.Root key={custom.revision} className="emoji-picker" locale={language} columns={9} skinTone={tones[tone]} resolveEmojiData={resolve} onEmojiSelect={({ emoji }) => onPick(emoji)}>
      <EmojiPicker.Search className="search" placeholder={t('emoji.search')} aria-label={t('emoji.search')} onKeyDown={pickWhenFound} />
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
                <Emoji emoji={emoji.emoji} />
              </button>
            ),
          }}
        />
      </EmojiPicker.Viewport>
      <div className="emoji-foot">
        <p aria-live="polite">
          <EmojiPicker.ActiveEmoji>{({ emoji }) => (emoji ? <><Emoji emoji={emoji.emoji} /> {emoji.label}</> : t('emoji.hint'))}</EmojiPicker.ActiveEmoji>
        </p>
        {mayAdd && (
          <a className="icon-button" href="#/admin/emoji" aria-label={t('emoji.add')} title={t('emoji.add')}>
            <SmilePlus size={18} aria-hidden />
          </a>
        )}
        <fieldset className="emoji-tones" onKeyDown={(e) => e.key !== 'Escape' && e.stopPropagation()}>
          <legend className="visually-hidden">{t('emoji.tone')}</legend>
          {toneNames.map((name, i) => (
            <label key={name} title={t(name)}>
              <input type="radio" name="emoji-tone" className="visually-hidden" checked={tone === i} aria-label={t(name)} onChange={() => choose({ tone: i })} />
              <span aria-hidden="true">{toned('✋', i)}</span>
            </label>
          ))}
        </fieldset>
      </div>
    </EmojiPicker.Root>
  )
}

/**
 * The library draws what is typed in the next frame, then looks for it when the browser has nothing else to do; on Enter it
 * picks at once. Who types fast would get what was first before. So Enter waits in the same lines, behind it.
 */
const pickWhenFound = (e: KeyboardEvent<HTMLInputElement>) => {
  if (e.key !== 'Enter' || !e.isTrusted || e.nativeEvent.isComposing) return
  e.preventDefault()
  const field = e.currentTarget
  const pick = () => field.dispatchEvent(new globalThis.KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }))
  requestAnimationFrame(() => idle(() => idle(pick)))
}

// Safari has no idle time. There the library waits for 10 ms.
const idle = (f: () => void) => ('requestIdleCallback' in window ? void requestIdleCallback(f, { timeout: 500 }) : void setTimeout(f, 25))

/** Places in a grid count from one; the library's count from nought. */
const fromOne = (p: { 'aria-rowindex'?: number; 'aria-colindex'?: number }) => ({
  ...(p['aria-rowindex'] === undefined ? {} : { 'aria-rowindex': p['aria-rowindex'] + 1 }),
  ...(p['aria-colindex'] === undefined ? {} : { 'aria-colindex': p['aria-colindex'] + 1 }),
})

const inTones = (emoji: string) => ({ light: toned(emoji, 1), 'medium-light': toned(emoji, 2), medium: toned(emoji, 3), 'medium-dark': toned(emoji, 4), dark: toned(emoji, 5) })

const resolve = async (locale: string) => {
  const { groups, all } = withCustom(await loadEmojis(locale), useCustomEmoji.getState().emoji, t('emoji.ours'))
  return {
    locale,
    categories: groups,
    emojis: all.map((e) => ({ emoji: e.emoji, label: e.label, category: e.group, version: 1, tags: [...e.tags, ...e.codes], ...(hasTones(e.emoji) ? { skins: inTones(e.emoji) } : {}) })),
    skinTones: { light: '', 'medium-light': '', medium: '', 'medium-dark': '', dark: '' }, // the choice is named in the client's own words
  }
}
