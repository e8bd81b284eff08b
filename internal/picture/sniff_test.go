package picture

import (
	"strings"
	"testing"
)

func TestType(t *testing.T) {
	for head, want := range map[string]string{
		"":                             "application/octet-stream",
		"\xff\xd8\xff\xe0":             "image/jpeg",
		"\x89PNG\r\n\x1a\n":            "image/png",
		"GIF89a\x01":                   "image/gif",
		"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
		"RIFF\x00\x00\x00\x00WAVEfmt ": "audio/wave",
		"ID3\x04\x00":                  "audio/mpeg",
		"OggS\x00\x02":                 "application/ogg",
		"\x00\x00\x00\x18ftypmp42":     "video/mp4",
		"\x00\x00\x00\x18ftypM4A ":     "audio/mp4",
		"\x00\x00\x00\x18ftypavif":     "application/octet-stream",
		"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mp42": "application/octet-stream",
		"\x1a\x45\xdf\xa3": "video/webm",
		"%PDF-1.7\n":       "application/pdf",
		"PK\x03\x04":       "application/zip",
		"\x1f\x8b\x08":     "application/x-gzip",
		"MZ\x90\x00":       "application/octet-stream",
		"\x7fELF\x02":      "application/octet-stream",
		"Grüezi\nmitenand": "text/plain; charset=utf-8",
		"Gr\xfcezi":        "application/octet-stream",
		"a\x00b":           "application/octet-stream",
		// What a browser could run is nothing in particular.
		"<!DOCTYPE html><script>alert(1)</script>": "application/octet-stream",
		"\n\t <html>":                              "application/octet-stream",
		"\ufeff<b onclick=alert(1)>":               "application/octet-stream",
		"<svg xmlns='http://www.w3.org/2000/svg'>": "application/octet-stream",
		"<?xml version='1.0'?><svg/>":              "application/octet-stream",
		"<!-- x --><svg/>":                         "application/octet-stream",
		"%!PS-Adobe-3.0":                           "application/octet-stream",
		"\xfe\xff\x00<\x00h":                       "application/octet-stream",
		"\xff\xfe<\x00h\x00t\x00":                  "application/octet-stream",
		"BM":                                       "text/plain; charset=utf-8",
		"BM\x00\x00":                               "application/octet-stream",
		strings.Repeat("a", 511) + "é":             "text/plain; charset=utf-8",
		strings.Repeat("a", 600) + "\xff":          "text/plain; charset=utf-8",
	} {
		if got := Type([]byte(head)); got != want {
			t.Errorf("%q: %s, want %s", head, got, want)
		}
	}
}

func TestOnlyWhatDrawsIsInline(t *testing.T) {
	for _, kind := range []string{"application/octet-stream", "text/plain; charset=utf-8",
		"application/pdf", "application/zip", "application/x-gzip", "text/html", "image/svg+xml", ""} {
		if Inline(kind) {
			t.Errorf("%s is shown in place", kind)
		}
	}
	for kind := range walks {
		if !Inline(kind) {
			t.Errorf("%s is not shown in place", kind)
		}
	}
}
