package rest

import (
	_ "embed"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/parley-chat/parley/internal/chat"
)

//go:embed docs.css
var docsCSS []byte

func serveStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Write(docsCSS)
}

// servePage shows the document to people, without any script.
func (d *document) servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, d.page)
}

// markup is HTML that grows. Go's templates would do, but they call methods by
// name, with which the linker can leave out no exported method of anything: see
// docs/adr/0006-no-reflected-methods.md.
type markup struct{ strings.Builder }

// put adds HTML in which each %s stands for one of the texts, made safe for an
// element's content and for a quoted attribute.
func (m *markup) put(format string, texts ...string) {
	safe := make([]any, len(texts))
	for i, t := range texts {
		safe[i] = html.EscapeString(t)
	}
	fmt.Fprintf(m, format, safe...)
}

// docsPage is the whole page.
func docsPage(api *huma.OpenAPI) string {
	m := &markup{}
	info, types := api.Info, api.Components.Schemas.Map()
	m.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s API</title>
<link rel="icon" href="../../icon.svg">
<link rel="stylesheet" href="docs.css">
</head>
<body>
<nav aria-label="Contents">
<h1>%s <small>%s</small></h1>
`, info.Title, info.Title, info.Version)
	for _, tag := range api.Tags {
		m.put("<h2>%s</h2>\n<ul>", tag.Name)
		for _, a := range actionsOf(tag.Name) {
			m.put(`<li><a href="#%s">%s</a></li>`, a.Name, a.Name)
		}
		m.put("</ul>\n")
	}
	m.put("<h2>types</h2>\n<ul>")
	names := slices.Sorted(maps.Keys(types))
	for _, name := range names {
		m.put(`<li><a href="#type-%s">%s</a></li>`, name, name)
	}
	m.put(`</ul>
</nav>
<main>
<p class="lead">%s The same as <a href="openapi.json">openapi.json</a>.</p>
`, info.Description)
	for _, tag := range api.Tags {
		for _, a := range actionsOf(tag.Name) {
			m.operation(a, operationOf(api, a))
		}
	}
	for _, name := range names {
		m.put(`<article id="type-%s">
<h3><a href="#type-%s">%s</a></h3>
<table><tbody>`, name, name, name)
		properties := types[name].Properties
		for _, field := range slices.Sorted(maps.Keys(properties)) {
			m.put("<tr><td><code>%s</code></td>", field)
			m.describe(properties[field], properties[field].Description)
		}
		m.put("</tbody></table>\n</article>\n")
	}
	m.put("</main>\n</body>\n</html>\n")
	return m.String()
}

func actionsOf(noun string) []chat.Action {
	return slices.DeleteFunc(routes(),
		func(a chat.Action) bool { return !strings.HasPrefix(a.Name, noun+".") })
}

func operationOf(api *huma.OpenAPI, a chat.Action) *huma.Operation {
	item := api.Paths[prefix+a.Path]
	return map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put,
		"PATCH": item.Patch, "DELETE": item.Delete}[a.Method]
}

// operation adds the article about one action.
func (m *markup) operation(a chat.Action, op *huma.Operation) {
	m.put(`<article id="%s">
<h3><a href="#%s">%s</a></h3>
<p class="route"><b class="%s">%s</b> <code>%s</code>`, a.Name, a.Name, a.Name, a.Method, a.Method, prefix+a.Path)
	if len(op.Security) == 0 {
		m.put(" <i>no log-in needed</i>")
	}
	m.put("</p>\n<p>%s</p>\n", strings.TrimSpace(op.Summary+". "+op.Description))
	body := &huma.Schema{}
	if op.RequestBody != nil {
		body = schemaOf(op.RequestBody.Content)
	}
	if len(op.Parameters)+len(body.Properties) > 0 {
		m.put("<table>\n<thead><tr><th>field</th><th>in</th><th>type</th><th></th></tr></thead>\n<tbody>\n")
		for _, p := range op.Parameters {
			m.field(p.Name, p.In, p.Required)
			m.describe(p.Schema, p.Description)
		}
		for _, name := range slices.Sorted(maps.Keys(body.Properties)) {
			m.field(name, "body", slices.Contains(body.Required, name))
			m.describe(body.Properties[name], body.Properties[name].Description)
		}
		m.put("</tbody>\n</table>")
	}
	m.put("\n" + `<p class="result">Result: `)
	m.kind(schemaOf(op.Responses[strconv.Itoa(a.Status)].Content))
	m.put("</p>\n</article>\n")
}

// schemaOf is what a body is, which has one type here.
func schemaOf(content map[string]*huma.MediaType) *huma.Schema {
	for _, c := range content {
		return c.Schema
	}
	return &huma.Schema{}
}

// field begins the row of an input's field.
func (m *markup) field(name, in string, required bool) {
	m.put("<tr><td><code>%s</code>", name)
	if required {
		m.put(" *")
	}
	m.put("</td><td>%s</td>", in)
}

// describe ends a row with what the field is and means.
func (m *markup) describe(s *huma.Schema, meaning string) {
	m.put("<td>")
	m.kind(s)
	m.put("</td><td>%s</td></tr>\n", meaning)
}

// kind says in a word what s is, with a link to it if it has a name.
func (m *markup) kind(s *huma.Schema) {
	list, item := "", s
	if s.Items != nil {
		list, item = "list of ", s.Items
	}
	switch name := strings.TrimPrefix(item.Ref, "#/components/schemas/"); {
	case name != "":
		m.put(`<a href="#type-%s">%s%s</a>`, name, list, name)
	case list == "" && s.Format != "":
		m.put("%s, %s", s.Type, s.Format)
	default:
		m.put("%s%s", list, item.Type)
	}
	for i, value := range s.Enum {
		mark := " |"
		if i == 0 {
			mark = ":"
		}
		m.put("%s <code>%s</code>", mark, fmt.Sprint(value))
	}
}
