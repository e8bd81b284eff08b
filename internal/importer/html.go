package importer

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/parley-chat/parley/internal/archive"
)

// HTML writes the report as a page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	var b strings.Builder
	e := html.EscapeString
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Import of %s</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
table { border-collapse: collapse } th, td { text-align: right; padding: .2rem .8rem } th:first-child { text-align: left }
tr { border-bottom: 1px solid #8884 } li { overflow-wrap: anywhere }
</style>
<h1>Import of %[1]s</h1>
<p>From %s.`, e(r.File), e(r.Source))
	if r.DryRun {
		b.WriteString(" A dry run: nothing was written.")
	}
	if r.Resumed {
		b.WriteString(" It went on where an earlier run had stopped.")
	}
	b.WriteString("</p>\n<table><tr><th scope=\"col\">Kind")
	for _, head := range []string{"Read", "New", "of these changed", "Here before", "Left out"} {
		fmt.Fprintf(&b, `<th scope="col">%s`, head)
	}
	b.WriteString("\n")
	for _, c := range r.Counts {
		fmt.Fprintf(&b, "<tr><th scope=\"row\">%s<td>%d<td>%d<td>%d<td>%d<td>%d\n", e(string(c.Kind)), c.Read,
			c.Taken, c.Changed, c.Unchanged, c.LeftOut)
	}
	b.WriteString("</table>\n")
	for _, leftOut := range []bool{true, false} {
		title := "Changed"
		if leftOut {
			title = "Left out"
		}
		fmt.Fprintf(&b, "<h2>%s</h2>\n", title)
		any := false
		for _, reason := range r.Reasons {
			if reason.LeftOut == leftOut {
				any = true
				reason.html(&b)
			}
		}
		if !any {
			b.WriteString("<p>Nothing.</p>\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Reason) html(b *strings.Builder) {
	e := html.EscapeString
	fmt.Fprintf(b, "<details><summary>%d %s: %s</summary><ul>\n", r.Count, e(noun(r.Kind, r.Count)), e(r.Why))
	for _, t := range r.Things {
		if strings.HasPrefix(t.Link, "https://") || strings.HasPrefix(t.Link, "http://") {
			fmt.Fprintf(b, "<li><a href=\"%s\">%s</a>\n", e(t.Link), e(t.Where))
		} else {
			fmt.Fprintf(b, "<li>%s\n", e(t.Where))
		}
	}
	b.WriteString("</ul>")
	if len(r.Things) == MaxThings && r.Count > MaxThings {
		fmt.Fprintf(b, "<p>The first %d are listed.</p>", MaxThings)
	}
	b.WriteString("</details>\n")
}

// noun names some things of a kind.
func noun(kind archive.Kind, n int) string {
	one := map[archive.Kind]string{archive.People: "person", archive.Emojis: "emoji", archive.Replies: "reply"}
	switch {
	case n != 1:
		return string(kind)
	case one[kind] != "":
		return one[kind]
	}
	return strings.TrimSuffix(string(kind), "s")
}
