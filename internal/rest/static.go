package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// file is one file of the web client.
type file struct {
	name   string
	brotli bool          // the build has it compressed, as NAME.br
	gzip   func() []byte // made when first asked for; nil where it is not smaller
	tag    func() string
	kind   string
	cache  string
}

// static serves the web client. What is in assets/ has a hash in its name, and
// is kept by browsers without asking again; other files keep their names, and
// every load asks whether they have changed, by their ETag. The build brings
// each file that gets smaller also as NAME.br. Browsers take gzip instead only
// where the page did not come over TLS.
func static(files fs.FS) http.Handler {
	all := map[string]*file{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".br") {
			return err
		}
		f := &file{name: name, cache: "no-cache", kind: mime.TypeByExtension(path.Ext(name))}
		if strings.HasSuffix(name, ".webmanifest") {
			f.kind = "application/manifest+json"
		}
		if strings.HasPrefix(name, "assets/") {
			f.cache = "public, max-age=31536000, immutable"
		}
		_, missing := fs.Stat(files, name+".br")
		f.brotli = missing == nil
		f.gzip = sync.OnceValue(func() []byte { return zip(embedded(files, name)) })
		f.tag = sync.OnceValue(func() string {
			sum := sha256.Sum256(embedded(files, name))
			return hex.EncodeToString(sum[:8])
		})
		all["/"+name] = f
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
		f.serve(w, r, files)
	})
}

// serve answers with the file, in the smallest form that the client takes.
func (f *file) serve(w http.ResponseWriter, r *http.Request, files fs.FS) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Type", f.kind)
	tag := f.tag()
	if f.brotli && accepts(r, "br") {
		h.Set("Content-Encoding", "br")
		h.Set("ETag", `"`+tag+`-br"`)
		serveEmbedded(w, r, files, f.name+".br")
		return
	}
	if accepts(r, "gzip") {
		if small := f.gzip(); small != nil {
			h.Set("Content-Encoding", "gzip")
			h.Set("Content-Length", strconv.Itoa(len(small)))
			h.Set("ETag", `"`+tag+`-gzip"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(small))
			return
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	serveEmbedded(w, r, files, f.name)
}

// serveEmbedded answers with the bytes of a file where they are, without a copy
// of them.
func serveEmbedded(w http.ResponseWriter, r *http.Request, files fs.FS, name string) {
	f, err := files.Open(name)
	if err != nil { // it was there at the start
		panic(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	}
	http.ServeContent(w, r, "", time.Time{}, f.(io.ReadSeeker))
}

// embedded returns a copy of a file.
func embedded(files fs.FS, name string) []byte {
	body, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err)
	}
	return body
}

// zip compresses a body. It returns nil where that saves next to nothing.
func zip(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	w.Write(body)
	w.Close()
	if b.Len() > len(body)*19/20 {
		return nil
	}
	return b.Bytes()
}

// accepts reports whether the client takes an encoding. One that says q=0 does
// not.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !ok || err != nil || weight > 0
	}
	return false
}
