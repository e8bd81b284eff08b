package incoming

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

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
	kind, params, _ := mime.ParseMediaType(contentType)
	if kind == "multipart/form-data" { // curl -F
		body = partPayload(body, params["boundary"])
	}
	text := strings.TrimSpace(toUTF8(body, params["charset"]))
	if strings.HasPrefix(text, "{") || kind == "application/json" {
		return parse(text)
	}
	for _, value := range fieldPayloads(text) {
		if o, err := parse(toUTF8([]byte(value), params["charset"])); err == nil {
			return o, nil
		}
	}
	return nil, errPayload
}

// partPayload returns the field payload of a form in parts, "" without one.
func partPayload(body []byte, boundary string) []byte {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil
		}
		if part.FormName() == "payload" {
			value, _ := io.ReadAll(part) // what is there of it is judged as JSON
			return value
		}
	}
}

func parse(text string) (object, error) {
	d := json.NewDecoder(strings.NewReader(text))
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

// fieldPayloads returns what the field payload of a form may be. Whoever writes
// curl -d by hand does not encode it, so a percent sign that begins no code
// stands for itself, and & and ; may be part of the text.
func fieldPayloads(form string) []string {
	at := 0
	if !strings.HasPrefix(form, "payload=") {
		if at = strings.Index(form, "&payload=") + 1; at == 0 {
			return nil
		}
	}
	rest := form[at+len("payload="):]
	field, _, _ := strings.Cut(rest, "&")
	return []string{unencode(field), unencode(rest)}
}

// unencode undoes the encoding of a form's value.
func unencode(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out.WriteByte(' ')
			continue
		case s[i] == '%' && i+2 < len(s):
			if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				out.Write(b)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// toUTF8 decodes a body. Senders also name the wrong encoding: what is UTF-8 is
// taken for that, unless the name is of an encoding with wide units.
func toUTF8(body []byte, charset string) string {
	charset = strings.ToLower(charset)
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")):
		charset = "utf-16"
	case utf8.Valid(body) && !strings.HasPrefix(charset, "utf-16"):
		return string(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	case charset == "" || charset == "utf-8":
		charset = "windows-1252" // what else a program writes that knows no encodings
	}
	if encoding, err := htmlindex.Get(charset); err == nil {
		if decoded, err := encoding.NewDecoder().Bytes(body); err == nil {
			return strings.TrimPrefix(string(decoded), "\ufeff")
		}
	}
	return strings.ToValidUTF8(string(body), "\uFFFD")
}

// text is a field that is a text, or a number; "" for everything else. It is
// clean, and still Slack's markup or plain as it came.
func (o object) text(field string) string {
	switch v := o[field].(type) {
	case string:
		return chat.CleanText(v)
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

// objects are those of a list, the first ones. Senders that know Slack's older
// calls write the list as a text with JSON, and some one object for a list.
func (o object) objects(field string) []object {
	value := o[field]
	if text, ok := value.(string); ok {
		wrapped, _ := parse(`{"list":` + text + `}`)
		value = wrapped["list"]
	}
	list, ok := value.([]any)
	if one, is := value.(map[string]any); is && !ok {
		list = []any{one}
	}
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
