// @vitest-environment happy-dom
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findLinks, shownLink } from './links'
import { parse } from './render'

const links = (text: string) => {
  const div = document.createElement('div')
  div.innerHTML = parse(text)
  return [...div.querySelectorAll('a')].map((a) => [a.getAttribute('href')!, a.textContent!])
}
const address = (text: string) => decodeURI(new URL(text).href).replaceAll('%5B', '[').replaceAll('%5D', ']')

describe('links', () => {
  it('are those that the server sees, which runs the same table', () => {
    const table = JSON.parse(readFileSync('../internal/chat/testdata/links.json', 'utf8')) as { text: string; links: string[] }[]
    for (const { text, links: want } of table) expect(links(text).map(([href]) => address(href!)), text).toEqual(want.map(address))
  })
  it('are found in linear time', () => {
    for (const text of ['https://'.repeat(2_000), `https://${'('.repeat(16_000)}`, `https://a${"'".repeat(16_000)}`, 'https://a.b '.repeat(1_400), `https://a${'.'.repeat(16_000)}`]) findLinks(text)
  })
  it.each([
    ['https://xn--80ak6aa92e.com/', 'https://xn--80ak6aa92e.com/'],
    ['https://аррӏе.com/login', 'https://xn--80ak6aa92e.com/login'], // Cyrillic letters that look like Latin ones
    ['https://gοοgle.com', 'https://xn--ggle-0nda.com'], // with Greek ones among them
    ['https://user@аррӏе.com:8080/x?y', 'https://user@xn--80ak6aa92e.com:8080/x?y'],
    ['https://ɡoogle.com', 'https://xn--oogle-qmc.com'], // with one of phonetics
    ['https://ｅｘａｍｐｌｅ.com/ｘ', 'https://example.com/ｘ'], // with wide ones
    ['https://münchen.de/straße', 'https://münchen.de/straße'],
    ['https://例え.jp/テスト', 'https://例え.jp/テスト'],
    ['https://example.org/аррӏе', 'https://example.org/аррӏе'], // a path leads nowhere else
    ['https://EXAMPLE.org', 'https://EXAMPLE.org'],
    ['mailto:a@b.example', 'mailto:a@b.example'],
  ])('%s is shown as %s', (url, want) => expect(shownLink(url)).toBe(want))
  it('show in a message what they lead to', () => {
    expect(links('[x](https://ｅｘａｍｐｌｅ.com) https://ɡoogle.com')).toEqual([
      ['https://example.com', 'x'],
      ['https://xn--oogle-qmc.com', 'https://xn--oogle-qmc.com'],
    ])
    expect(links('see https://xn--80ak6aa92e.com/ and <https://аррӏе.com>')).toEqual([
      ['https://xn--80ak6aa92e.com/', 'https://xn--80ak6aa92e.com/'],
      ['https://xn--80ak6aa92e.com', 'https://xn--80ak6aa92e.com'],
    ])
  })
})
