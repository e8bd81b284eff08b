package picture

import (
	"bytes"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Type returns the media type that a file may be served with, from its first
// bytes (512 are enough, fewer if it is shorter). It is one of a short list:
// what a browser could run, such as HTML, SVG and XML, is
// application/octet-stream, like everything unknown. Serve it with nosniff.
func Type(head []byte) string {
	head = head[:min(len(head), 512)]
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte(pngHead)):
		return "image/png"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "image/gif"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "image/webp"
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return iso(string(head[8:12]))
	case plain(head):
		return "text/plain; charset=utf-8"
	}
	switch kind := http.DetectContentType(head); kind {
	case "audio/mpeg", "audio/wave", "application/ogg", "video/webm", "application/pdf",
		"application/zip", "application/x-gzip":
		return kind
	}
	return "application/octet-stream"
}

// Inline reports whether a browser may show a file of that type in place; all
// others are to be sent as attachments.
func Inline(kind string) bool {
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp",
		"audio/mpeg", "audio/wave", "audio/mp4", "application/ogg", "video/webm", "video/mp4":
		return true
	}
	return false
}

// iso tells the kinds of files apart that ISO's container is used for, by their
// brand.
func iso(brand string) string {
	switch brand {
	case "isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "dash", "MSNV":
		return "video/mp4"
	case "M4A ", "M4B ":
		return "audio/mp4"
	}
	return "application/octet-stream"
}

// plain reports whether a file begins like text that is not a language of angle
// brackets.
func plain(head []byte) bool {
	text := head
	if len(head) == 512 { // the last letter may be cut
		for i := 0; i < utf8.UTFMax && len(text) > 0 && !utf8.Valid(text); i++ {
			text = text[:len(text)-1]
		}
	}
	if len(text) == 0 || !utf8.Valid(text) {
		return false
	}
	for _, c := range text {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			return false
		}
	}
	first := strings.TrimLeft(strings.TrimPrefix(string(text), "\ufeff"), " \t\r\n\f")
	return !strings.HasPrefix(first, "<") && !strings.HasPrefix(first, "%PDF-") &&
		!strings.HasPrefix(first, "%!PS-")
}
