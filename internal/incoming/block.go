package incoming

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/internal/chat"
)

// blocks is a list of Slack's blocks.
func blocks(all []object) string {
	var parts []string
	for _, b := range all {
		parts = append(parts, block(b))
	}
	return join("\n\n", parts...)
}

func block(b object) string {
	switch b.text("type") {
	case "header":
		if title := strings.Join(strings.Fields(plainText(b, "text")), " "); title != "" {
			return "### " + literal(title)
		}
	case "section":
		parts := []string{composed(b["text"])}
		if fields, ok := b["fields"].([]any); ok {
			for _, f := range fields[:min(len(fields), maxParts)] {
				parts = append(parts, composed(f))
			}
		}
		return join("\n", append(parts, element(b.object("accessory")))...)
	case "divider":
		return "---"
	case "image":
		title := plainText(b, "title")
		if title == "" {
			title = unescape(b.text("alt_text"))
		}
		return image(b.text("image_url"), title)
	case "context":
		var parts []string
		for _, e := range b.objects("elements") {
			parts = append(parts, element(e))
		}
		return join(" · ", parts...)
	case "actions":
		return buttons(b.objects("elements"))
	case "markdown":
		return b.text("text")
	case "video":
		return link(plainText(b, "title"), b.text("title_url"))
	case "rich_text":
		return richText(b.objects("elements"))
	case "table":
		return table(b)
	}
	return ""
}

// table is a table in markdown, whose first row is its head.
func table(b object) string {
	rows, _ := b["rows"].([]any)
	var lines []string
	for _, row := range rows[:min(len(rows), maxParts)] {
		cells := object{"": row}.objects("")
		if len(cells) == 0 {
			continue
		}
		line := "|"
		for _, cell := range cells {
			text := richText(cell.objects("elements"))
			if cell.text("type") == "raw_text" {
				text = literal(cell.text("text"))
			}
			text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
			line += " " + text + " |"
		}
		if lines = append(lines, line); len(lines) == 1 {
			lines = append(lines, "|"+strings.Repeat("---|", len(cells)))
		}
	}
	return strings.Join(lines, "\n")
}

// element is what stands in a context or beside a section.
func element(e object) string {
	switch e.text("type") {
	case "mrkdwn", "plain_text":
		return composed(map[string]any(e))
	case "image":
		return image(e.text("image_url"), unescape(e.text("alt_text")))
	case "button":
		return buttons([]object{e})
	}
	return ""
}

// composed is a text object, or a text where one should be.
func composed(v any) string {
	switch v := v.(type) {
	case string:
		return mrkdwn(chat.CleanText(v))
	case map[string]any:
		o := object(v)
		if o.text("type") == "plain_text" {
			return literal(unescape(o.text("text")))
		}
		return mrkdwn(o.text("text"))
	}
	return ""
}

// plainText is a field that is a text object or a text, as plain text.
func plainText(o object, field string) string {
	if inner := o.object(field); inner != nil {
		return unescape(inner.text("text"))
	}
	return unescape(o.text(field))
}

// richText is what Slack's own editor makes, and more and more programs.
func richText(all []object) string {
	var out strings.Builder
	list := false
	for _, e := range all {
		part, between := "", "\n"
		switch kind := e.text("type"); kind {
		case "rich_text_section":
			part = inline(e.objects("elements"))
		case "rich_text_quote":
			part = quote(inline(e.objects("elements")))
			between = "\n\n"
		case "rich_text_preformatted":
			part = fence("", plainInline(e.objects("elements")))
		case "rich_text_list":
			part = items(e)
			if !list {
				between = "\n\n"
			}
		}
		if part = strings.Trim(part, "\n"); part == "" {
			continue
		}
		isList := e.text("type") == "rich_text_list"
		if list && !isList || strings.HasPrefix(part, "> ") {
			between = "\n\n" // or it would go on with the one before
		}
		if out.Len() > 0 {
			out.WriteString(between)
		}
		out.WriteString(part)
		list = isList
	}
	return out.String()
}

func items(e object) string {
	var lines []string
	ordered := e.text("style") == "ordered"
	in := strings.Repeat("    ", min(e.number("indent"), 8))
	for i, item := range e.objects("elements") {
		mark := "- "
		if ordered {
			mark = strconv.Itoa(e.number("offset")+i+1) + ". "
		}
		text := strings.ReplaceAll(strings.TrimSpace(inline(item.objects("elements"))), "\n",
			"\n"+in+strings.Repeat(" ", len(mark)))
		lines = append(lines, in+mark+text)
	}
	return strings.Join(lines, "\n")
}

// inline is the text of a section.
func inline(all []object) string {
	var out strings.Builder
	for i, e := range all {
		style := e.object("style")
		before, _ := utf8.DecodeLastRuneInString(out.String())
		after := ""
		if i+1 < len(all) {
			after = plainElement(all[i+1])
		}
		next, _ := utf8.DecodeRuneInString(after)
		if text := plainElement(e); isWord(before) && !strings.HasPrefix(text, " ") ||
			isWord(next) && !strings.HasSuffix(text, " ") { // a mark in a word is none
			style = object{"code": style["code"]}
		}
		switch e.text("type") {
		case "text":
			text := e.text("text")
			if style.isTrue("code") {
				out.WriteString(inlineCode(text))
				continue
			}
			out.WriteString(styled(literal(text), style))
		case "link":
			out.WriteString(styled(link(e.text("text"), e.text("url")), style))
		case "broadcast":
			out.WriteString("@room")
		default:
			out.WriteString(styled(literal(plainElement(e)), style))
		}
	}
	return out.String()
}

// plainInline is the text of a section without any mark, for code.
func plainInline(all []object) string {
	var out strings.Builder
	for _, e := range all {
		out.WriteString(plainElement(e))
	}
	return out.String()
}

func plainElement(e object) string {
	switch e.text("type") {
	case "text":
		return e.text("text")
	case "link":
		if text := e.text("text"); text != "" {
			return text
		}
		return e.text("url")
	case "emoji":
		return emoji(e)
	case "user":
		return "@" + e.text("user_id")
	case "usergroup":
		return "@" + e.text("usergroup_id")
	case "channel":
		return "#" + e.text("channel_id")
	case "broadcast":
		return "@room"
	case "color":
		return e.text("value")
	case "date":
		return e.text("fallback")
	}
	return ""
}

// emoji is the letter itself, where its code points are given or its name is
// known, else its name.
func emoji(e object) string {
	var letters []rune
	for code := range strings.SplitSeq(e.text("unicode"), "-") {
		n, err := strconv.ParseUint(code, 16, 32)
		if err != nil || n < ' ' || n > 0x10FFFF || len(letters) == 16 {
			return emojis(":" + e.text("name") + ":")
		}
		letters = append(letters, rune(n))
	}
	return chat.CleanText(string(letters))
}

// styled puts marks around a text, but not around the space at its ends, where
// they would mean nothing.
func styled(md string, style object) string {
	for _, m := range []struct{ style, mark string }{{"italic", "_"}, {"bold", "**"}, {"strike", "~~"}} {
		text := strings.Trim(md, " \n")
		if !style.isTrue(m.style) || text == "" {
			continue
		}
		at := strings.Index(md, text)
		md = md[:at] + m.mark + beforeMark(text) + m.mark + md[at+len(text):]
	}
	return md
}
