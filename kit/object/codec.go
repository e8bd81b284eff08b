package object

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// class is the kind of value a field holds.
type class int

const (
	classString class = iota
	classBool
	classInt
	classUint
	classFloat
	classTime
	classBytes
	classTags
	classText // encoding.TextMarshaler and TextUnmarshaler
)

var (
	timeType        = reflect.TypeFor[time.Time]()
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// codec turns a field's value into the text that Redis keeps, and back.
type codec struct {
	class   class
	pointer bool
	typ     reflect.Type // with the pointer taken off
}

func codecOf(t reflect.Type) (codec, error) {
	c := codec{typ: t}
	if t.Kind() == reflect.Pointer {
		c.pointer, c.typ = true, t.Elem()
	}
	elem := c.typ
	switch {
	case elem == timeType:
		c.class = classTime
		return c, nil
	case elem.Implements(textMarshaler) && reflect.PointerTo(elem).Implements(textUnmarshaler):
		c.class = classText
		return c, nil
	}
	switch elem.Kind() {
	case reflect.String:
		c.class = classString
	case reflect.Bool:
		c.class = classBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		c.class = classInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.class = classUint
	case reflect.Float32, reflect.Float64:
		c.class = classFloat
	case reflect.Slice:
		switch {
		case c.pointer:
			return c, fmt.Errorf("%s is not supported: a nil slice is absent already", t)
		case elem.Elem().Kind() == reflect.Uint8:
			c.class = classBytes
		case elem.Elem().Kind() == reflect.String:
			c.class = classTags
		default:
			return c, fmt.Errorf("%s is not supported in a hash; keep it in a JSON record", t)
		}
	default:
		return c, fmt.Errorf("%s is not supported in a hash; keep it in a JSON record", t)
	}
	return c, nil
}

// value takes the pointer off; false if there is nothing to keep.
func (c codec) value(v reflect.Value) (reflect.Value, bool) {
	if c.pointer {
		if v.IsNil() {
			return v, false
		}
		v = v.Elem()
	}
	switch c.class {
	case classTime:
		return v, c.pointer || !v.Interface().(time.Time).IsZero()
	case classBytes, classTags:
		return v, !v.IsNil()
	}
	return v, true
}

// encode returns the text for v, which value has returned.
func (c codec) encode(v reflect.Value) (string, error) {
	switch c.class {
	case classString:
		return v.String(), nil
	case classBool:
		if v.Bool() {
			return "1", nil
		}
		return "0", nil
	case classInt:
		return strconv.FormatInt(v.Int(), 10), nil
	case classUint:
		return strconv.FormatUint(v.Uint(), 10), nil
	case classFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, c.typ.Bits()), nil
	case classTime:
		return formatTime(v.Interface().(time.Time)), nil
	case classBytes:
		return string(v.Bytes()), nil
	case classTags:
		tags := make([]string, v.Len())
		for i := range tags {
			tags[i] = escapeTag(v.Index(i).String())
		}
		return strings.Join(tags, ","), nil
	default:
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		return string(text), err
	}
}

// decode sets v from text.
func (c codec) decode(v reflect.Value, text string) error {
	if c.pointer {
		p := reflect.New(c.typ)
		v.Set(p)
		v = p.Elem()
	}
	switch c.class {
	case classString:
		v.SetString(text)
	case classBool:
		if text != "0" && text != "1" {
			return fmt.Errorf("%.40q is neither 0 nor 1", text)
		}
		v.SetBool(text == "1")
	case classInt:
		n, err := strconv.ParseInt(text, 10, c.typ.Bits())
		if err != nil {
			return err
		}
		v.SetInt(n)
	case classUint:
		n, err := strconv.ParseUint(text, 10, c.typ.Bits())
		if err != nil {
			return err
		}
		v.SetUint(n)
	case classFloat:
		n, err := strconv.ParseFloat(text, c.typ.Bits())
		if err != nil {
			return err
		}
		v.SetFloat(n)
	case classTime:
		t, err := parseTime(text)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(t))
	case classBytes:
		v.SetBytes([]byte(text))
	case classTags:
		return decodeTags(v, text)
	default:
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	return nil
}

func decodeTags(v reflect.Value, text string) error {
	if text == "" {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return nil
	}
	parts := strings.Split(text, ",")
	tags := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		tag, err := unescapeTag(part)
		if err != nil {
			return err
		}
		tags.Index(i).SetString(tag)
	}
	v.Set(tags)
	return nil
}

// escapeTag writes a tag so that a comma can part it from the next and nothing
// trims it: commas, per cents, blanks and control characters as %XX, the empty
// tag as %.
func escapeTag(tag string) string {
	if tag == "" {
		return "%"
	}
	var b strings.Builder
	for i := range len(tag) {
		if c := tag[i]; c <= ' ' || c == ',' || c == '%' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescapeTag(text string) (string, error) {
	if text == "%" {
		return "", nil
	}
	if !strings.Contains(text, "%") {
		return text, nil
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", fmt.Errorf("%.40q is not an escaped tag", text)
		}
		c, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%.40q is not an escaped tag", text)
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b), nil
}

// formatTime writes seconds since 1970 with nine decimals: exact, and a number
// for whoever reads it as one.
func formatTime(t time.Time) string {
	sec, nsec := t.Unix(), int64(t.Nanosecond())
	sign := ""
	if sec < 0 {
		sign = "-"
		if sec = -sec; nsec > 0 {
			sec, nsec = sec-1, 1e9-nsec
		}
	}
	b := strconv.AppendInt(append(make([]byte, 0, 32), sign...), sec, 10)
	b = append(b, '.')
	for unit := int64(1e8); unit > 0; unit /= 10 {
		b = append(b, byte('0'+nsec/unit%10))
	}
	return string(b)
}

func parseTime(text string) (time.Time, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, ok := strings.Cut(digits, ".")
	sec, err1 := strconv.ParseInt(whole, 10, 64)
	nsec, err2 := strconv.ParseUint(fraction, 10, 30)
	if !ok || len(fraction) != 9 || sec < 0 || errors.Join(err1, err2) != nil {
		return time.Time{}, fmt.Errorf("%.40q is not a time in seconds with nine decimals", text)
	}
	if negative {
		return time.Unix(-sec, -int64(nsec)).UTC(), nil
	}
	return time.Unix(sec, int64(nsec)).UTC(), nil
}

// sortable returns an encoding of v whose byte order is the order of the
// values.
func (c codec) sortable(v reflect.Value) (string, error) {
	switch c.class {
	case classInt:
		return bigEndian(uint64(v.Int()) ^ 1<<63), nil
	case classUint:
		return bigEndian(v.Uint()), nil
	case classFloat:
		return sortableFloat(v.Float())
	case classTime:
		t := v.Interface().(time.Time)
		return bigEndian(uint64(t.Unix())^1<<63) + bigEndian(uint64(t.Nanosecond()))[4:], nil
	}
	text, err := c.encode(v)
	if err != nil {
		return "", err
	}
	return sortableString(text)
}

// sortableString makes room for a zero byte as the end mark: an id begins above
// the first control characters and below 0xFF, so "a" + end + id sorts before
// "a\x00...".
func sortableString(text string) (string, error) {
	if len(text) > maxIndexed {
		return "", fmt.Errorf("%d bytes are more than the %d that can be indexed", len(text), maxIndexed)
	}
	return strings.ReplaceAll(text, "\x00", "\x00\xff"), nil
}

func sortableFloat(f float64) (string, error) {
	if math.IsNaN(f) {
		return "", errors.New("NaN has no place in an order")
	}
	bits := math.Float64bits(f + 0) // adding 0 makes -0 equal to 0
	if bits>>63 == 1 {
		return bigEndian(^bits), nil
	}
	return bigEndian(bits | 1<<63), nil
}

func bigEndian(n uint64) string {
	return string([]byte{byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32),
		byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
