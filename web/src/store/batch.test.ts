import { beforeEach, describe, expect, it } from 'vitest'
import { Batch } from './batch'

describe('a batch', () => {
  let shown: boolean
  let frames: (() => void)[]
  let taken: string[]
  let batch: Batch<string>
  const frame = () => frames.splice(0).forEach((f) => f())
  beforeEach(() => {
    shown = true
    frames = []
    taken = []
    batch = new Batch((all) => taken.push(all.join(' ')), { shown: () => shown, frame: (f) => frames.push(f) })
  })

  it('hands on the first at once, and the others of a frame together', () => {
    batch.add('a')
    expect(taken).toEqual(['a'])
    batch.add('b')
    batch.add('c')
    expect(taken).toEqual(['a'])
    frame()
    expect(taken).toEqual(['a', 'b c'])
    batch.add('d') // the frame after a batch is full too
    expect(taken).toHaveLength(2)
    frame()
    expect(taken).toEqual(['a', 'b c', 'd'])
    frame()
    batch.add('e')
    expect(taken).toEqual(['a', 'b c', 'd', 'e'])
  })
  it('hands on what waits before an answer', () => {
    batch.add('a')
    batch.add('b')
    batch.flush()
    expect(taken).toEqual(['a', 'b'])
    frame()
    expect(taken).toEqual(['a', 'b'])
  })
  it('holds nothing back in a page that is not drawn', () => {
    batch.add('a')
    batch.add('b')
    shown = false
    batch.add('c')
    expect(taken).toEqual(['a', 'b c'])
    batch.add('d')
    expect(taken).toEqual(['a', 'b c', 'd'])
  })
  it('forgets what waits', () => {
    batch.add('a')
    batch.add('b')
    batch.clear()
    frame()
    expect(taken).toEqual(['a'])
  })
})
