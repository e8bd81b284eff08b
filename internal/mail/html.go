package mail

import (
	"html"
	"strings"
)

// page is the HTML of a mail. Its title is plain text, its body HTML. It loads
// nothing.
func page(title, body string) string {
	return document(title, "", `<div style="font-family:sans-serif;line-height:1.5;max-width:36em">`+body+"</div>")
}

// document is a whole HTML document. Its title is plain text; head, which may
// be empty, and body are HTML.
func document(title, head, body string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
		`<meta name="viewport" content="width=device-width"><title>` + html.EscapeString(title) +
		"</title>" + head + "</head><body>" + body + "</body></html>\n"
}

// paragraphs turns plain text into HTML.
func paragraphs(text string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>") + "</p>")
	}
	return b.String()
}

// link is a link in HTML.
func link(address, text string) string {
	return `<a href="` + html.EscapeString(address) + `">` + html.EscapeString(text) + "</a>"
}
