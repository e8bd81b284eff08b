import { beforeEach, describe, expect, it } from 'vitest'
import { dismiss, toast, undo, useToasts, withdraw } from './toasts'

describe('toasts', () => {
  let done: string[]
  const what = (name: string) => ({ undo: () => void done.push(`undo ${name}`), gone: () => void done.push(`gone ${name}`) })
  const texts = () => useToasts.getState().list.map((x) => x.text)
  beforeEach(() => {
    done = []
    useToasts.setState({ list: [] })
  })

  it('are either taken back or over, once', () => {
    const a = toast('a', what('a'))
    const b = toast('b', what('b'))
    const c = toast('c', what('c'))
    expect(texts()).toEqual(['a', 'b', 'c'])
    for (let i = 0; i < 2; i++) {
      undo(a)
      dismiss(a)
      dismiss(b)
      undo(b)
      withdraw(c)
      undo(c)
    }
    expect(done).toEqual(['undo a', 'gone b'])
    expect(texts()).toEqual([])
  })

  it('make place for new ones', () => {
    for (const name of ['a', 'b', 'c', 'd']) toast(name, what(name))
    expect(texts()).toEqual(['b', 'c', 'd'])
    expect(done).toEqual(['gone a'])
  })
})
