package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// static serves the web client. File names stay the same between versions, so that every load asks whether the
// file has changed, by its ETag.
func static(files fs.FS) http.Handler {
	type file struct {
		body []byte
		tag  string
	}
	all := map[string]file{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		sum := sha256.Sum256(body)
		all["/"+name] = file{body, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return err
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
		h := w.Header()
		h.Set("ETag", f.tag)
		h.Set("Cache-Control", "no-cache")
		kind := mime.TypeByExtension(path.Ext(name))
		if strings.HasSuffix(name, ".webmanifest") {
			kind = "application/manifest+json"
		}
		h.Set("Content-Type", kind)
		if r.Header.Get("If-None-Match") == f.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(f.body)
	})
}
