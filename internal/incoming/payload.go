package incoming

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/internal/chat"
)

// object is a JSON object of which every field may be missing or of another
// type than expected.
type object map[string]any

// errPayload is for a body that is neither a JSON object nor a form with one.
var errPayload = &chat.Error{Code: chat.CodeInvalid, Message: "invalid_payload"}

// decode reads the payload from a body: a JSON object, or a form whose field
// payload is one. Senders are known to name the wrong type, so the body itself
// decides.
func decode(contentType string, body []byte) (object, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if kind, _, _ := mime.ParseMediaType(contentType); !bytes.HasPrefix(body, []byte("{")) &&
		kind != "application/json" {
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("payload") == "" {
			return nil, errPayload
		}
		body = []byte(form.Get("payload"))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // so that a number is shown as it was sent
	var o object
	if err := d.Decode(&o); err != nil || o == nil {
		return nil, errPayload
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errPayload
	}
	return o, nil
}

// text is a field that is a text, or a number; "" for everything else. It is
// clean, and still Slack's markup or plain as it came.
func (o object) text(field string) string {
	switch v := o[field].(type) {
	case string:
		return clean(v)
	case json.Number:
		return v.String()
	}
	return ""
}

func (o object) object(field string) object {
	v, _ := o[field].(map[string]any)
	return v
}

func (o object) isTrue(field string) bool {
	v, _ := o[field].(bool)
	return v
}

func (o object) number(field string) int {
	v, _ := o[field].(json.Number)
	n, _ := v.Int64()
	return int(min(max(n, 0), 1<<30))
}

// objects are those of a list, the first ones.
func (o object) objects(field string) []object {
	list, _ := o[field].([]any)
	list = list[:min(len(list), maxParts)]
	var all []object
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// maxParts is how many attachments, blocks, fields or elements are looked at in
// one list.
const maxParts = 100

// clean takes out what a message may not hold.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n"),
		"\r", "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}
