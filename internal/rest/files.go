package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/parley-chat/parley/internal/chat"
)

const (
	// stallTimeout is how long nothing may move in a body or in an answer that
	// carries a file.
	stallTimeout = 30 * time.Second
	// slowest is how many bytes a second an upload must make on average, once
	// stallTimeout is over, because a slower one keeps others out.
	slowest = 16 << 10
	// Uploads at a time on this node: of one person, of one address, of all,
	// and how many of those are kept for people who send nothing yet.
	maxUploads, maxAddrUploads, allUploads, spareUploads = 8, 24, 64, 24
)

// fileRoutes are the routes of files. They are no actions, as bytes do not go
// over a WebSocket.
var fileRoutes = []chat.Action{
	{
		Name: "file.upload", Method: http.MethodPost, Path: "/files", Status: http.StatusCreated,
		Access: chat.LoggedIn, Scope: chat.ScopeSend,
		Summary: "Upload a file",
		Doc: "The body is the file, as it is, with or without a Content-Length. Its id then goes into files of message.send, within a day, by whoever has uploaded it. " +
			"Pictures lose what they tell of their place and camera.",
		In: reflect.TypeFor[uploadInput](), Out: reflect.TypeFor[chat.File](),
	},
	{
		Name: "file.open", Method: http.MethodGet, Path: "/rooms/{room}/messages/{no}/files/{file}",
		Status: http.StatusOK, Access: chat.LoggedIn, Scope: chat.ScopeRead,
		Summary: "A file of a message",
		Doc:     "Its bytes, or a range of them. Only pictures, sound and video are for showing in place; the others come as attachments.",
		In:      reflect.TypeFor[chat.FileInput](),
	},
	{
		Name: "link.image", Method: http.MethodGet,
		Path: "/rooms/{room}/messages/{no}/previews/{preview}/image", Status: http.StatusOK,
		Access: chat.LoggedIn, Scope: chat.ScopeRead,
		Summary: "The picture of a link in a message",
		Doc:     "As link.previews says: a JPEG or PNG of at most 400 pixels on its longer side. The server fetches it when it is first asked for.",
		In:      reflect.TypeFor[chat.PreviewInput](),
	},
}

// uploadInput is the query of an upload.
type uploadInput struct {
	Name string `json:"name,omitempty" doc:"What the file is called"`
}

// describeFiles says of the routes of files what is not JSON.
func describeFiles(a chat.Action, op *huma.Operation) {
	binary := map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	if a.Method == http.MethodPost {
		op.RequestBody = &huma.RequestBody{Required: true, Content: binary, Description: "The file"}
	} else {
		op.Responses[strconv.Itoa(a.Status)].Content = binary
	}
}

// upload serves POST /files: the body is the file.
func (h *handler) upload(w http.ResponseWriter, r *http.Request) {
	file, err := h.takeFile(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	created(w, file)
}

func created(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	write(w, what)
}

func (h *handler) takeFile(w http.ResponseWriter, r *http.Request) (file chat.File, err error) {
	err = h.takeBody(w, r, []string{"name"},
		func(who chat.Caller, query url.Values, body io.Reader) (err error) {
			file, err = h.Service.Upload(r.Context(), who, query.Get("name"), body)
			return err
		})
	return file, err
}

// takeBody runs what takes a body of any length, with the query's fields.
func (h *handler) takeBody(w http.ResponseWriter, r *http.Request, fields []string,
	take func(who chat.Caller, query url.Values, body io.Reader) error) error {
	who, err := h.identify(r)
	if err != nil {
		return err
	}
	query, err := queryOf(r, fields...)
	if err != nil {
		return err
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return &chat.Error{Code: chat.CodeInvalid, Message: "compressed bodies are not accepted"}
	}
	if most := h.Service.Limits.File; h.Service.Files != nil && r.ContentLength > most {
		return &chat.Error{Code: chat.CodeTooLarge, Message: fmt.Sprintf("a file has at most %d bytes", most)}
	}
	end, ok := h.beginUpload(who)
	if !ok {
		return &chat.Error{Code: chat.CodeRateLimited, RetryAfter: time.Second,
			Message: "too many uploads at a time: wait until one of yours has finished"}
	}
	defer end()
	body := &patient{Reader: r.Body, control: http.NewResponseController(w), began: time.Now()}
	err = take(who, query, body)
	body.control.SetWriteDeadline(time.Now().Add(stallTimeout)) // the usual one counts from the request
	return err
}

// beginUpload takes a place for an upload of a person and of their address.
func (h *handler) beginUpload(who chat.Caller) (end func(), ok bool) {
	byAddr, ok := h.addrUploads.take(1, who.Addr)
	if !ok {
		return nil, false
	}
	byPerson, ok := h.uploads.take(1, holderOf(who))
	if !ok {
		byAddr()
		return nil, false
	}
	return func() { byPerson(); byAddr() }, true
}

// patient reads a body of any length, as long as it moves.
type patient struct {
	io.Reader
	control *http.ResponseController
	began   time.Time
	n       int64
}

// deadline is until when the next bytes must have come.
func (p *patient) deadline(now time.Time) time.Time {
	until := now.Add(stallTimeout)
	if last := p.began.Add(stallTimeout + time.Duration(p.n/slowest)*time.Second); last.Before(until) {
		return last
	}
	return until
}

func (p *patient) Read(into []byte) (int, error) {
	p.control.SetReadDeadline(p.deadline(time.Now())) // where that cannot be set, the server's own holds
	n, err := p.Reader.Read(into)
	p.n += int64(n)
	if err != nil && err != io.EOF {
		err = &chat.Error{Code: chat.CodeInvalid, Message: "the body did not arrive whole, or too slowly"}
	}
	return n, err
}

// file serves a file of a message.
func (h *handler) file(w http.ResponseWriter, r *http.Request) {
	file, content, err := h.openFile(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	serve(w, r, content, disposition(file.Name, content.Inline), file.ID+"-"+r.URL.Query().Get("width"))
}

// serve answers with what belongs to a message. The tag changes with it.
func serve(w http.ResponseWriter, r *http.Request, content chat.Content, disposition, tag string) {
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", content.Type)
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	// Asked for each time, as a message may be deleted, or its reader leave;
	// what has not changed is not sent again.
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Cookie, Authorization")
	h.Set("ETag", strconv.Quote(tag))
	http.ServeContent(&moving{w, http.NewResponseController(w)}, r, "", time.Time{}, content)
}

func (h *handler) openFile(r *http.Request) (chat.File, chat.Content, error) {
	who, err := h.identify(r)
	if err != nil {
		return chat.File{}, chat.Content{}, err
	}
	query, err := queryOf(r, "width")
	if err != nil {
		return chat.File{}, chat.Content{}, err
	}
	in := chat.FileInput{Room: chat.RoomID(r.PathValue("room")), File: r.PathValue("file")}
	if in.No, err = numberOf(r); err != nil {
		return chat.File{}, chat.Content{}, err
	}
	if text := query.Get("width"); text != "" {
		if in.Width, err = strconv.Atoi(text); err != nil || in.Width < 1 || strconv.Itoa(in.Width) != text {
			return chat.File{}, chat.Content{},
				&chat.Error{Code: chat.CodeInvalid, Field: "width",
					Message: `"width" is a whole number of pixels`}
		}
	}
	return h.Service.OpenFile(r.Context(), who, in)
}

// identify says who asks, in bounded time, for work that takes as long as its
// bytes.
func (h *handler) identify(r *http.Request) (chat.Caller, error) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	who, _, err := h.caller(ctx, r)
	return who, err
}

// queryOf returns the query of a request, which has none but the fields.
func queryOf(r *http.Request, fields ...string) (url.Values, error) {
	query := r.URL.Query()
	for name, values := range query {
		if !slices.Contains(fields, name) {
			return nil, &chat.Error{Code: chat.CodeInvalid, Field: name,
				Message: fmt.Sprintf("there is no field %q", name)}
		}
		if len(values) != 1 {
			return nil, &chat.Error{Code: chat.CodeInvalid, Field: name,
				Message: fmt.Sprintf("%q is given %d times", name, len(values))}
		}
	}
	return query, nil
}

// disposition tells a browser to show a file, or to save it under its name.
func disposition(name string, inline bool) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	// Letters that are not ASCII go as filename*, which is what RFC 6266 has
	// for them.
	if value := mime.FormatMediaType(kind, map[string]string{"filename": name}); value != "" {
		return value
	}
	return kind
}

// moving writes an answer of any length, as long as it moves.
type moving struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (m *moving) Write(p []byte) (int, error) {
	if err := m.control.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil &&
		!errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return m.ResponseWriter.Write(p)
}
