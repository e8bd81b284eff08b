package incoming

import "strings"

// render returns the message of a payload, in markdown; "" if it says nothing.
func render(p object) string {
	var parts []string
	blocks := blocks(p.objects("blocks"))
	if blocks == "" { // beside blocks, the text is for where those cannot be shown
		if p["mrkdwn"] == false {
			parts = append(parts, plain(p.text("text")))
		} else {
			parts = append(parts, mrkdwn(p.text("text")))
		}
	}
	parts = append(parts, blocks)
	for _, a := range p.objects("attachments") {
		parts = append(parts, attachment(a))
	}
	return join("\n\n", parts...)
}

// attachment is one of Slack's older attachments: what leads to it, and the
// rest as a quotation. Its texts are plain but for those that mrkdwn_in names.
func attachment(a object) string {
	as := map[string]func(string) string{"pretext": plain, "text": plain, "fields": plain}
	formatted, _ := a["mrkdwn_in"].([]any)
	for _, name := range formatted {
		if name, ok := name.(string); ok {
			as[name] = mrkdwn
		}
	}
	var fields []string
	between := "\n"
	for _, o := range a.objects("fields") {
		f := field(o, as["fields"])
		if strings.Contains(f, "\n") {
			between = "\n\n"
		}
		fields = append(fields, f)
	}
	inside := []string{ // paragraphs, as a list at the end of one would take in the next line
		join("\n",
			link(unescape(a.text("author_name")), a.text("author_link")),
			bold(link(unescape(a.text("title")), a.text("title_link"))),
			as["text"](a.text("text"))),
		blocks(a.objects("blocks")),
		join(between, fields...),
		buttons(a.objects("actions")),
		join("\n", image(a.text("image_url"), ""), image(a.text("thumb_url"), "")),
		italic(unescape(a.text("footer"))),
	}
	lead, body := as["pretext"](a.text("pretext")), join("\n\n", inside...)
	if lead == "" && body == "" {
		return quote(plain(a.text("fallback")))
	}
	return join("\n", lead, quote(body))
}

// field is a title with its value, on one line if that has one.
func field(f object, render func(string) string) string {
	title, value := bold(literal(unescape(f.text("title")))), render(f.text("value"))
	if title != "" && !strings.Contains(value, "\n") {
		return strings.TrimSpace(title + " " + value)
	}
	return join("\n", title, value)
}

func quote(text string) string {
	if text == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(text, "\n", "\n> ")
}

// bold and italic mark one line of markdown.
func bold(md string) string  { return around("**", md) }
func italic(s string) string { return around("_", literal(strings.Join(strings.Fields(s), " "))) }
func around(mark, md string) string {
	if md = strings.TrimSpace(md); md == "" {
		return ""
	}
	return mark + beforeMark(strings.ReplaceAll(md, "\n", " ")) + mark
}

// image is a link to a picture: other servers are not asked for it when people
// read.
func image(url, title string) string {
	if !isLink(url) {
		return literal(title)
	}
	if title == "" {
		title, _, _ = strings.Cut(url, "?")
		title = title[strings.LastIndexByte(title, '/')+1:]
	}
	if title == "" {
		title = url
	}
	return "🖼 " + link(title, url)
}

// buttons are those that lead somewhere, as links. Others would act in Slack
// only.
func buttons(all []object) string {
	var links []string
	for _, b := range all {
		if url := b.text("url"); isLink(url) {
			links = append(links, link(plainText(b, "text"), url))
		}
	}
	return join(" · ", links...)
}

// join puts what is not empty together.
func join(between string, parts ...string) string {
	var full []string
	for _, p := range parts {
		if p = strings.Trim(p, "\n"); strings.TrimSpace(p) != "" {
			full = append(full, p)
		}
	}
	return strings.Join(full, between)
}

// Markdown returns what a message of Slack says, in markdown: an object with
// text, blocks and attachments, as JSON decodes it.
func Markdown(message map[string]any) string { return render(message) }
