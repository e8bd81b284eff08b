// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest'
import { pastedText } from '../ui/chat/paste'
import { markdownOf } from './fromHTML'
import { parse } from './render'

// What programs put on the clipboard, shortened.
const word = (body: string) =>
  `<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:w="urn:schemas-microsoft-com:office:word"><head><meta name=Generator content="Microsoft Word 15"><style><!-- p.MsoNormal {margin:0cm; font-family:"Calibri",sans-serif;} --></style></head><body lang=EN-GB style='tab-interval:36.0pt'><!--StartFragment-->${body}<!--EndFragment--></body></html>`
const wordItem = (level: number, mark: string, text: string) =>
  `<p class=MsoListParagraphCxSpMiddle style='margin-left:36pt;text-indent:-18.0pt;mso-list:l0 level${level} lfo1'><![if !supportLists]><span style='font-family:Symbol'><span style='mso-list:Ignore'>${mark}<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp;&nbsp;&nbsp; </span></span></span><![endif]>${text}<o:p></o:p></p>`
const googleDocs = (body: string) => `<meta charset='utf-8'><meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-1a2b">${body}</b>`
const gp = (spans: string) => `<p dir="ltr" style="line-height:1.38;margin-top:0pt;margin-bottom:0pt;">${spans}</p>`
const gs = (text: string, style = '') => `<span style="font-size:11pt;font-family:Arial,sans-serif;color:#000000;font-weight:400;font-style:normal;text-decoration:none;white-space:pre-wrap;${style}">${text}</span>`
const vscode = (lines: string[]) =>
  `<meta charset='utf-8'><div style="color: #cccccc;background-color: #1f1f1f;font-family: 'Droid Sans Mono', 'monospace', monospace;font-weight: normal;font-size: 14px;line-height: 19px;white-space: pre;">${lines.map((l) => (l ? `<div><span style="color: #569cd6;">${l}</span></div>` : '<br>')).join('')}</div>`
const excel = (rows: string[][]) =>
  `<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta name=ProgId content=Excel.Sheet><style>.xl65 {mso-number-format:Standard;}</style></head><body link="#0563C1"><table border=0 cellpadding=0 width=128 style='border-collapse:collapse'><!--StartFragment--><col width=64 span=2>${rows.map((r) => `<tr height=20>${r.map((c) => `<td height=20 class=xl65 ${/^\d/.test(c) ? 'align=right ' : ''}width=64>${c}</td>`).join('')}</tr>`).join('')}<!--EndFragment--></table></body></html>`
const sheets = (rows: string[][]) =>
  `<meta charset='utf-8'><google-sheets-html-origin><style type="text/css"><!--td {border: 1px solid #cccccc;}br {mso-data-placement:same-cell;}--></style><table xmlns="http://www.w3.org/1999/xhtml" cellspacing="0" dir="ltr" border="1" data-sheets-root="1"><colgroup><col width="100"/><col width="100"/></colgroup><tbody>${rows.map((r) => `<tr style="height:21px;">${r.map((c) => `<td style="overflow:hidden;padding:2px 3px;vertical-align:bottom;${/^\d/.test(c) ? 'text-align:right;' : ''}" data-sheets-value="{}">${c}</td>`).join('')}</tr>`).join('')}</tbody></table>`
const page = (body: string) => `<meta charset='utf-8'><span style="color: rgb(0, 0, 0); font-family: &quot;Times New Roman&quot;; font-style: normal; font-weight: 400; white-space: normal; display: inline !important; float: none;">${body}</span>`

describe('what is copied in', () => {
  it.each<[string, string, string | null]>([
    ['Word: a paragraph', word('<p class=MsoNormal>Dear all,<o:p></o:p></p>'), null],
    ['Word: bold and a link', word('<p class=MsoNormal>The <b>new</b> plan is <a href="https://plan.example/1">here</a>.<o:p></o:p></p>'), 'The **new** plan is [here](https://plan.example/1).'],
    ['Word: a list', word(wordItem(1, '·', 'milk') + wordItem(2, 'o', 'skimmed') + wordItem(1, '·', 'bread')), '- milk\n  - skimmed\n- bread'],
    ['Word: numbers', word(wordItem(1, '1.', 'first') + wordItem(2, 'a.', 'part') + wordItem(1, '2.', 'second')), '1. first\n   - part\n2. second'],
    ['Word: paragraphs with an empty one', word('<p class=MsoNormal><b>One</b></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>two</p>'), '**One**\n\ntwo'],
    ['Word: a table', word('<table class=MsoTableGrid border=1><tr><td><p class=MsoNormal><b>Item</b></p></td><td><p class=MsoNormal><b>Cost</b></p></td></tr><tr><td><p class=MsoNormal>Pa|per</p></td><td><p class=MsoNormal>12<o:p></o:p></p></td></tr></table>'), '| Item | Cost |\n| --- | --- |\n| Pa\\|per | 12 |'],
    ['Google Docs: plain', googleDocs(gp(gs('Hello there'))), null],
    ['Google Docs: styles', googleDocs(gp(gs('Now ') + gs('bold', 'font-weight:700;') + gs(' and ') + gs('italic', 'font-style:italic;') + gs(' and ') + gs('gone', 'text-decoration:line-through;')) + gp(gs('next'))), 'Now **bold** and *italic* and ~~gone~~\nnext'],
    ['Google Docs: a list', googleDocs(`<ul style="margin-top:0;"><li dir="ltr" style="list-style-type:disc;" aria-level="1"><p dir="ltr" role="presentation">${gs('one')}</p></li><ul><li dir="ltr" aria-level="2"><p dir="ltr" role="presentation">${gs('deep')}</p></li></ul><li dir="ltr" aria-level="1"><p dir="ltr" role="presentation">${gs('two')}</p></li></ul>`), '- one\n  - deep\n- two'],
    ['Google Docs: code', googleDocs(gp(gs('Run ') + gs('make test', "font-family:'Courier New',monospace;") + gs(' first'))), 'Run `make test` first'],
    ['Google Docs: lines of code', googleDocs(gp(gs('if x:', "font-family:'Roboto Mono',monospace;")) + gp(gs('    y()', "font-family:'Roboto Mono',monospace;"))), '```\nif x:\n    y()\n```'],
    ['Google Docs: a heading and text', googleDocs(`<h2 dir="ltr">${gs('Plan', 'font-weight:700;')}</h2>${gp(gs('go'))}`), '## Plan\n\ngo'],
    ['VS Code: lines', vscode(['func main() {', '', '\tx()', '}']), '```\nfunc main() {\n\n\tx()\n}\n```'],
    ['JetBrains', '<html><head><meta http-equiv="content-type"></head><body><pre style="background-color:#2b2b2b;font-family:\'JetBrains Mono\',monospace;font-size:9.8pt;"><span style="color:#cc7832;">def </span>f():<br>    <span>return </span>1<br></pre></body></html>', '```\ndef f():\n    return 1\n```'],
    ['Excel: cells', excel([['Item', 'Cost'], ['Paper', '12'], ['Ink', '7']]), '| Item | Cost |\n| --- | ---: |\n| Paper | 12 |\n| Ink | 7 |'],
    ['Excel: one cell', excel([['Paper']]), null],
    ['Excel: one row', excel([['Paper', '12']]), null],
    ['Excel: one column', excel([['Paper'], ['Ink']]), null],
    ['Sheets: cells', sheets([['Who', 'When'], ['Mary', '10:00'], ['Joe', '']]), '| Who | When |\n| --- | ---: |\n| Mary | 10:00 |\n| Joe |  |'],
    ['Sheets: a broad cell', '<google-sheets-html-origin><table><tbody><tr><td colspan="2">Total</td></tr><tr><td>a</td><td>1</td></tr></tbody></table>', '| Total |  |\n| --- | --- |\n| a | 1 |'],
    ['Slack: a message', `<meta charset='utf-8'><span style="font-family: Slack-Lato; white-space: normal;">see<span>&nbsp;</span></span><b data-stringify-type="bold" style="font-weight: 700;">this</b><span>:</span><br><code data-stringify-type="code" class="c-mrkdwn__code" style="font-family: Monaco, Menlo, Consolas, monospace;">x()</code><span> <img data-stringify-type="emoji" data-stringify-emoji=":tada:" alt=":tada:" src="https://a.slack-edge.com/x.png"></span>`, 'see **this**:\n`x()` :tada:'],
    ['Slack: a list', `<meta charset='utf-8'><ol data-stringify-type="ordered-list" data-indent="0"><li data-stringify-indent="0">one</li><li data-stringify-indent="0">two</li></ol>`, '1. one\n2. two'],
    ['a page: words', page('just words'), null],
    ['a page: a part of a heading', `<meta charset='utf-8'><h1 style="font-size: 2em; font-weight: bold;">Latest news</h1>`, null],
    ['a page: a whole bold sentence', `<meta charset='utf-8'><b style="font-weight: 600">All of it</b>`, null],
    ['a page: a link alone', `<meta charset='utf-8'><a href="https://news.example/a?b=(c)" style="color:blue">The story</a>`, '[The story](https://news.example/a?b=%28c%29)'],
    ['a page: an address that is its own text', page('see <a href="https://a.example/x">https://a.example/x</a> now'), 'see https://a.example/x now'],
    ['a page: a link that runs something', page('<a href="javascript:alert(1)">click</a> <b>it</b> <a href="data:text/html,x">there</a>'), 'click **it** there'],
    ['a page: a place on the same page', page('to the <a href="#top">top</a>, <i>now</i>'), 'to the top, *now*'],
    ['a page: code with its language', `<meta charset='utf-8'><div class="highlight highlight-source-go"><pre>x := 1\n\ty()</pre></div><p>after</p>`, '```go\nx := 1\n\ty()\n```\n\nafter'],
    ['a page: backticks in code', `<p>say <code>a\`b</code> and</p><pre>\`\`\`\nx\n\`\`\`</pre>`, 'say `` a`b `` and\n\n````\n```\nx\n```\n````'],
    ['a page: a quotation', '<blockquote><p>first</p><p>second</p></blockquote><p>answer</p>', '> first\n>\n> second\n\nanswer'],
    ['a page: lists within lists', '<ol start="3"><li>a<ul><li>b<ol><li>c</li></ol></li></ul></li><li>d</li></ol>', '3. a\n   - b\n     1. c\n4. d'],
    ['a page: tasks', '<ul><li class="task-list-item"><input type="checkbox" checked> done</li><li class="task-list-item"><input type="checkbox"> open</li></ul>', '- [x] done\n- [ ] open'],
    ['a page: marks with blanks at their ends', page('a<b> bold </b>b and<i> </i>c'), 'a **bold** b and c'],
    ['a page: half a word', page('un<b>believ</b>able'), 'unbelievable'],
    ['a page: half a word of Chinese', page('请看<b>重要</b>的事'), '请看**重要**的事'],
    ['a page: bold over italic', page('<b>one <i>two</i></b> three'), '**one *two*** three'],
    ['a page: lines and hidden text', '<div>one<br>two <b>x</b></div><div style="display:none">no</div><div>three</div><script>bad()</script>', 'one\ntwo **x**\nthree'],
    ['a page: a table that only arranges', '<table><tr><td><ul><li>a</li></ul></td><td><p><b>b</b> c</p></td></tr></table>', '- a\n\n**b** c'],
    ['a page: a link in brackets', page('<a href="https://a.example/">[docs] a*b</a> x'), '[\\[docs\\] a*b](https://a.example/) x'],
    ['a page: a rule', '<p>a <b>b</b></p><hr><p>c</p>', 'a **b**\n\n---\n\nc'],
    ['GitHub: lines of a file', '<table><tbody><tr><td class="blob-num" data-line-number="1"></td><td class="blob-code"><span style="font-family: ui-monospace, monospace; white-space: pre;">let a</span></td></tr><tr><td class="blob-num"></td><td class="blob-code"><span style="font-family: ui-monospace, monospace; white-space: pre;">  b()</span></td></tr></tbody></table>', '```\nlet a\n  b()\n```'],
    ['iOS Notes', '<html><head><style type="text/css">p.p1 {margin: 0.0px;} span.s1 {font-weight: bold}</style></head><body><p class="p1"><b>Shopping</b></p><ul class="ul1"><li class="li2">milk</li><li class="li2">eggs</li></ul></body></html>', '**Shopping**\n\n- milk\n- eggs'],
    ['Windows Terminal', `<HTML><HEAD></HEAD><BODY><DIV STYLE="display:inline-block;white-space:pre;background-color:#0C0C0C;font-family:'Cascadia Mono',monospace;font-size:12pt;padding:4px;"><SPAN STYLE="color:#CCCCCC">$ ls<BR>a  b</SPAN></DIV></BODY></HTML>`, '```\n$ ls\na  b\n```'],
    ['Teams', '<div><p>Hi <span itemtype="http://schema.skype.com/Mention">Mary</span>,&nbsp;please <strong>look</strong></p></div>', 'Hi Mary, please **look**'],
    ['Gmail', '<div dir="ltr">Hi,<div><br></div><div>see <i>this</i></div></div>', 'Hi,\n\nsee *this*'],
    ['this client', '<p style="font-family: system-ui">ask <button type="button" class="mention" style="font-family: inherit">@Mary</button> about <code style="font: 400 13.05px / 1.5 ui-monospace, monospace">x</code></p><div class="code-block"><div class="code-bar"><span class="code-lang">go</span><button class="code-button code-copy">Copy</button></div><pre tabindex="0"><code style="font: 400 13px / 1.5 ui-monospace, monospace">a()\n\tb()</code></pre></div>', 'ask @Mary about `x`\n\n```go\na()\n\tb()\n```'],
    ['a style that says it all in one', page('<span style="font: italic 700 13px Arial">a</span> b'), '***a*** b'],
    ['nothing', '', null],
    ['no HTML at all', 'a < b', null],
  ])('%s', (_, html, want) => expect(markdownOf(html)?.text ?? null).toBe(want))

  it('loses no word, and makes nothing that was not there', () => {
    const letters = (text: string) => text.replace(/[^\p{L}]/gu, '')
    for (const html of [word(wordItem(1, '·', 'milk *and* [x]') + '<p class=MsoNormal>_a_ <b>b</b></p>'), page('a`b <b>c</b> | d'), excel([['a|b', '*c*'], ['`d', '_e_']])]) {
      const shown = document.createElement('div')
      shown.innerHTML = parse(markdownOf(html)!.text)
      const source = new DOMParser().parseFromString(html.replace(/<style>.*?<\/style>/g, ''), 'text/html').body.textContent
      expect(letters(shown.textContent)).toBe(letters(source))
    }
  })

  it('is read in bounded time', { timeout: 60_000 }, () => {
    const began = performance.now()
    for (const html of ['<div>'.repeat(400), '<ul><li>'.repeat(200), '<blockquote>'.repeat(400), '<b>x</b>'.repeat(5_000), `<table>${'<tr><td>a<td>b'.repeat(1_900)}</table>`, `<pre>${'`'.repeat(100_000)}</pre>`, 'x'.repeat(600_000)]) markdownOf(html)
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})

describe('a paste', () => {
  const at = (text: string, from = text.length, to = from) => ({ text, from, to })
  const code = vscode(['a()', '\tb()'])
  it.each<[string, ReturnType<typeof at>, { text: string; html?: string; editor?: string }, string]>([
    ['is the text where nothing is formatted', at(''), { text: 'a * b', html: page('a * b') }, 'a * b'],
    ['is code in a block, with its language', at(''), { text: 'a()\n\tb()', html: code, editor: '{"version":1,"mode":"go"}' }, '```go\na()\n\tb()\n```'],
    ['is one line of code as it is', at('call '), { text: 'a()', html: vscode(['a()']), editor: '{"mode":"go"}' }, 'a()'],
    ['is what was written as prose in an editor', at(''), { text: '# a\n- b', html: vscode(['# a', '- b']), editor: '{"mode":"markdown"}' }, '# a\n- b'],
    ['survives what is no JSON', at(''), { text: 'a()\nb()', html: vscode(['a()', 'b()']), editor: '{' }, '```\na()\nb()\n```'],
    ['is plain within a block of code', at('```\nx\n'), { text: '**b**\u00a0c', html: '<b>b</b> c' }, '**b** c'],
    ['begins a line of its own where it is a block', at('see:'), { text: 'a\nb', html: '<ul><li>a<li>b</ul>' }, '\n- a\n- b'],
    ['ends its line, too', at('see:\nthen', 5), { text: 'a\nb', html: '<ul><li>a<li>b</ul>' }, '- a\n- b\n'],
    ['stays in the line where it is none', at('see now', 4), { text: 'a b', html: 'a <b>b</b>' }, 'a **b**'],
    ['of an address makes a link of what is selected', at('the docs', 4, 8), { text: 'https://a.example', html: '<a href="https://a.example">https://a.example</a>' }, '[docs](https://a.example)'],
    ['of cells ends without an empty line', at(''), { text: 'Paper\t12\r\n', html: excel([['Paper', '12']]) }, 'Paper\t12'],
    ['of a terminal stays as it is', at(''), { text: '$ ls\r\na  b\r\n' }, '$ ls\na  b\n'],
    ['loses what no one sees', at(''), { text: '\ufeffa\u200bb\u00adc\u0007' }, 'abc'],
    ['keeps where Thai words may break', at(''), { text: 'ไทย\u200bดี' }, 'ไทย\u200bดี'],
    ['keeps joiners', at(''), { text: 'می‌خواهم 👩‍👧' }, 'می‌خواهم 👩‍👧'],
    ['has spaces that break', at(''), { text: 'a\u00a0b \u00a0c' }, 'a b  c'],
    ['has those that may not where they belong', at(''), { text: 'oui\u00a0! «\u00a0non\u00a0» 10\u00a0000\u00a0€' }, 'oui\u00a0! «\u00a0non\u00a0» 10\u00a0000\u00a0€'],
    ['keeps quotes as they were written', at(''), { text: '“a” ‘b’ – …' }, '“a” ‘b’ – …'],
    ['of iOS may have no plain text', at(''), { text: '', html: '<ul><li>a</li></ul>' }, '- a'],
  ])('%s', (_, selected, { text, html = '', editor }, want) => expect(pastedText(selected, { text, html }, editor)).toBe(want))
})
