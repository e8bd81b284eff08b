import { expect, it } from 'vitest'
import { meansText } from './paste'

const png = [{ name: 'image.png', type: 'image/png' }]
const cells = '<table><tr><td>a</td><td>b</td></tr></table>'

it.each([
  ['cells of Excel or LibreOffice', { text: 'a\tb\r\n1\t2\r\n', html: cells, files: png }, true],
  ['one cell', { text: '42', html: cells, files: png }, true],
  ['a paragraph from Word', { text: 'Dear all,', html: '<p>Dear all,</p>', files: png }, true],
  ['text with a picture and no HTML', { text: 'Title', html: '', files: png }, true],
  ['cells with an address', { text: 'https://a.example\tb', html: cells, files: png }, true],
  ['a web page’s text with a picture in it', { text: 'words', html: '<p>words<img src="x"></p>', files: png }, true],
  ['text alone', { text: 'words', html: '', files: [] }, true],
  ['a screenshot', { text: '', html: '', files: png }, false],
  ['a picture from a web page', { text: '', html: '<img src="https://a.example/x.png">', files: png }, false],
  ['the same with its address', { text: 'https://a.example/x.png', html: '<img src="https://a.example/x.png">', files: png }, false],
  ['a file from the Finder', { text: 'photo.jpg', html: '', files: [{ name: 'photo.jpg', type: 'image/jpeg' }] }, false],
  ['a file from Linux', { text: 'file:///home/a/photo.png', html: '', files: [{ name: 'photo.png', type: 'image/png' }] }, false],
  ['two files from Windows', { text: 'C:\\a.png\r\nC:\\b.png', html: '', files: png }, false],
  ['a document', { text: 'report.pdf', html: '', files: [{ name: 'report.pdf', type: 'application/pdf' }] }, false],
  ['nothing but blanks beside a picture', { text: ' \r\n\t', html: cells, files: png }, false],
])('of %s', (_, pasted, want) => expect(meansText(pasted)).toBe(want))
