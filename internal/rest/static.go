package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// file is one file of the web client.
type file struct {
	zipped []byte // nil where it would not be smaller
	tag    string
}

// static serves the web client. File names stay the same between versions, so
// that every load asks whether the file has changed, by its ETag. Files are
// compressed once, at the start; uncompressed, which no browser asks for, they
// are read from files again instead of being kept twice.
func static(files fs.FS) http.Handler {
	all := map[string]file{}
	zip := zipper()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		all["/"+name] = file{zip(body), hex.EncodeToString(sum[:8])}
		return nil
	})
	if err != nil {
		panic("rest: the web client is embedded and cannot be read: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "files can only be read", http.StatusMethodNotAllowed)
			return
		}
		name := path.Clean(r.URL.Path)
		if name == "/" {
			name = "/index.html"
		}
		f, ok := all[name]
		if !ok {
			http.Error(w, "there is nothing here; the chat is at /", http.StatusNotFound)
			return
		}
		tag := `"` + f.tag + `"`
		h := w.Header()
		zipped := f.zipped != nil && acceptsGzip(r)
		if f.zipped != nil {
			h.Set("Vary", "Accept-Encoding")
		}
		if zipped {
			tag = `"` + f.tag + `-gzip"`
		}
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		kind := mime.TypeByExtension(path.Ext(name))
		if strings.HasSuffix(name, ".webmanifest") {
			kind = "application/manifest+json"
		}
		h.Set("Content-Type", kind)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if zipped {
			h.Set("Content-Encoding", "gzip")
			w.Write(f.zipped)
			return
		}
		body, err := fs.ReadFile(files, name[1:])
		if err != nil { // they are embedded
			panic(err)
		}
		w.Write(body)
	})
}

// zipper returns a function that compresses bodies, one after the other with
// the same tables, which are a megabyte. It returns nil where the body would
// not get smaller.
func zipper() func(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(nil, gzip.BestCompression) // the level is a valid one
	return func(body []byte) []byte {
		b.Reset()
		w.Reset(&b)
		w.Write(body)
		w.Close()
		if b.Len() >= len(body) {
			return nil
		}
		return bytes.Clone(b.Bytes())
	}
}

// acceptsGzip reports whether the visitor takes gzip. One that says q=0 gets
// nothing compressed.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			q := strings.ReplaceAll(quality, " ", "")
			return q != "q=0" && q != "q=0.0"
		}
	}
	return false
}
