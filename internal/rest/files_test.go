package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/blob"
	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/files"
)

// newFileFixture is a fixture that keeps files of up to 100 kB, with a private
// room of Pablo's.
func newFileFixture(t *testing.T) (h *fixture, room string) {
	t.Helper()
	h = newFixture(t)
	blobs, err := blob.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := files.New(blobs)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	h.service.Files, h.service.Limits.File = d, 100_000
	made := h.do("POST", "/rooms", `{"name":"Secret","kind":"private"}`, h.as("Pablo"))
	if made.StatusCode != 201 {
		t.Fatal(made.Status, string(made.body))
	}
	var view struct {
		ID   string `json:"id"`
		Room struct {
			ID string `json:"id"`
		} `json:"room"`
	}
	if err := json.Unmarshal(made.body, &view); err != nil {
		t.Fatal(err)
	}
	return h, view.ID + view.Room.ID
}

func (h *fixture) uploadFile(who, name, body string) chat.File {
	h.t.Helper()
	a := h.do("POST", "/files?name="+name, body, h.as(who))
	var f chat.File
	if err := json.Unmarshal(a.body, &f); err != nil || a.StatusCode != 201 || f.ID == "" {
		h.t.Fatalf("upload: %s %s, %v", a.Status, a.body, err)
	}
	return f
}

// sendFile uploads and sends a file, and returns its path.
func (h *fixture) sendFile(who, room, name, body string) (path string, file chat.File) {
	h.t.Helper()
	file = h.uploadFile(who, name, body)
	a := h.do("POST", "/rooms/"+room+"/messages", fmt.Sprintf(`{"files":[%q]}`, file.ID), h.as(who))
	var m chat.Message
	if err := json.Unmarshal(a.body, &m); err != nil || a.StatusCode != 201 || len(m.Files) != 1 ||
		m.Files[0] != file {
		h.t.Fatalf("send: %s %s, %v", a.Status, a.body, err)
	}
	return fmt.Sprintf("/rooms/%s/messages/%d/files/%s", room, m.No, file.ID), file
}

func TestFileComesBack(t *testing.T) {
	h, room := newFileFixture(t)
	path, file := h.sendFile("Pablo", room, "gr%C3%BC%C3%9Fe%20%22%3B%0D%0A.txt", "0123456789")
	if file.Name != "grüße _;__.txt" || file.Size != 10 || file.Type != "text/plain; charset=utf-8" {
		t.Errorf("%+v", file)
	}
	a := h.do("GET", path, "", h.as("Pablo"))
	kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
	if a.StatusCode != 200 || string(a.body) != "0123456789" || kind != "attachment" ||
		params["filename"] != file.Name || err != nil {
		t.Errorf("%s %s, %s %v, %v", a.Status, a.body, kind, params, err)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'",
		"Cache-Control":           "private, no-cache", "Cross-Origin-Resource-Policy": "same-origin",
		"Accept-Ranges": "bytes", "Content-Length": "10",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	with := func(header, value string) answer {
		all := h.as("Pablo")
		all[header] = value
		return h.do("GET", path, "", all)
	}
	for value, want := range map[string]struct {
		status int
		body   string
	}{"bytes=2-4": {206, "234"}, "bytes=-3": {206, "789"}, "bytes=8-": {206, "89"},
		"bytes=0-99": {206, "0123456789"}} {
		if a := with("Range", value); a.StatusCode != want.status || string(a.body) != want.body {
			t.Errorf("%s: %s %q", value, a.Status, a.body)
		}
	}
	if a := with("Range", "bytes=10-"); a.StatusCode != 416 {
		t.Errorf("a range after the end: %s", a.Status)
	}
	for tag, want := range map[string]int{a.Header.Get("ETag"): 206, `"another"`: 200} {
		all := h.as("Pablo")
		all["Range"], all["If-Range"] = "bytes=2-4", tag
		if a := h.do("GET", path, "", all); a.StatusCode != want {
			t.Errorf("a range if it is %s: %s", tag, a.Status)
		}
	}
	if a := with("If-None-Match", a.Header.Get("ETag")); a.StatusCode != 304 || len(a.body) != 0 {
		t.Errorf("unchanged: %s", a.Status)
	}
	if a := h.do("HEAD", path, "", h.as("Pablo")); a.StatusCode != 200 ||
		a.Header.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %s %v", a.Status, a.Header)
	}
}

func TestFilesAreForThoseInTheRoom(t *testing.T) {
	h, room := newFileFixture(t)
	path, file := h.sendFile("Pablo", room, "plan.txt", "the plan")
	tag := h.do("GET", path, "", h.as("Pablo")).Header.Get("ETag")
	outsider := h.as("Joe")
	outsider["If-None-Match"] = tag
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		status int
	}{
		"nobody":                       {path, nil, 401},
		"an outsider":                  {path, h.as("Joe"), 404},
		"an outsider who knows it":     {path, outsider, 404},
		"through a room that they see": {"/rooms/general/messages/1/files/" + file.ID, h.as("Joe"), 404},
		"another file":                 {strings.TrimSuffix(path, file.ID) + "nothing", h.as("Pablo"), 404},
		"its smaller picture, by name": {path + "-480", h.as("Pablo"), 404},
		"no number": {strings.Replace(path, "/messages/1/", "/messages/x/", 1),
			h.as("Pablo"), 400},
		"a width that is none": {path + "?width=wide", h.as("Pablo"), 400},
		"a width below 1":      {path + "?width=0", h.as("Pablo"), 400},
		"another field":        {path + "?download=1", h.as("Pablo"), 400},
		"a token in the URL":   {path + "?token=" + h.token["Pablo"], nil, 401},
	} {
		if a := h.do("GET", c.path, "", c.header); a.StatusCode != c.status ||
			strings.Contains(string(a.body), "the plan") {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	// Somebody else's upload cannot be sent, and so not be read.
	mine := h.uploadFile("Pablo", "mine.txt", "mine")
	if a := h.do("POST", "/rooms/general/messages", fmt.Sprintf(`{"files":[%q]}`, mine.ID),
		h.as("Joe")); a.StatusCode != 404 || a.field("field") != "files" {
		t.Errorf("another person's upload: %s %s", a.Status, a.body)
	}
	// What is deleted is gone, also for who had it.
	if a := h.do("DELETE", strings.Split(path, "/files/")[0], "", h.as("Pablo")); a.StatusCode != 200 {
		t.Fatal(a.Status, string(a.body))
	}
	again := h.as("Pablo")
	again["If-None-Match"] = tag
	if a := h.do("GET", path, "", again); a.StatusCode != 404 {
		t.Errorf("of a deleted message: %s", a.Status)
	}
}

func TestFilesCannotRun(t *testing.T) {
	h, room := newFileFixture(t)
	for name, c := range map[string]struct{ body, kind, place string }{
		"page.html": {"<!doctype html><script>alert(1)</script>", "application/octet-stream", "attachment"},
		"pic.png":   {"  <html><body onload=alert(1)>", "application/octet-stream", "attachment"},
		"image.svg": {`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`,
			"application/octet-stream", "attachment"},
		"a.xml":      {`<?xml version="1.0"?><x/>`, "application/octet-stream", "attachment"},
		"app.js":     {"alert(1)", "text/plain; charset=utf-8", "attachment"},
		"paper.pdf":  {"%PDF-1.7\n%\xe2\xe3", "application/pdf", "attachment"},
		"sound.html": {"ID3\x03\x00\x00\x00\x00\x00\x00\x00", "audio/mpeg", "inline"},
	} {
		path, file := h.sendFile("Pablo", room, name, c.body)
		a := h.do("GET", path, "", h.as("Pablo"))
		place, _, _ := strings.Cut(a.Header.Get("Content-Disposition"), ";")
		if a.Header.Get("Content-Type") != c.kind || file.Type != c.kind || place != c.place ||
			string(a.body) != c.body {
			t.Errorf("%s: %s, %s", name, a.Header.Get("Content-Type"), place)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "sandbox;") {
			t.Errorf("%s: %v", name, a.Header)
		}
	}
}

func TestPicturesComeWithoutTheirPlace(t *testing.T) {
	h, room := newFileFixture(t)
	const place = "47.3769N 8.5417E"
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 700, 300)), nil); err != nil {
		t.Fatal(err)
	}
	// EXIF with a description, as a camera writes it.
	exif := "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02\x00\x00\x00\x10\x00\x00\x00\x1a\x00\x00\x00\x00" + place
	photo := string(b.Bytes()[:2]) + "\xff\xe1\x00" + string(rune(len(exif)+2)) + exif + string(b.Bytes()[2:])
	path, file := h.sendFile("Pablo", room, "photo.jpg", photo)
	if file.Type != "image/jpeg" || file.Width != 700 || file.Height != 300 {
		t.Errorf("%+v", file)
	}
	for query, width := range map[string]int{"": 700, "?width=480": 480, "?width=1280": 700} {
		a := h.do("GET", path+query, "", h.as("Pablo"))
		m, err := jpeg.DecodeConfig(bytes.NewReader(a.body))
		if err != nil || m.Width != width || strings.Contains(string(a.body), place) ||
			!strings.HasPrefix(a.Header.Get("Content-Disposition"), "inline;") {
			t.Errorf("%q: %s, %d wide, %v", query, a.Status, m.Width, err)
		}
	}
	if a := h.do("POST", "/files", photo[:400], h.as("Pablo")); a.StatusCode != 201 ||
		a.field("type") != "application/octet-stream" {
		t.Errorf("a damaged one, which is a file like any other: %s %s", a.Status, a.body)
	}
}

func TestUploadsAreJudged(t *testing.T) {
	h, _ := newFileFixture(t)
	token := func(scope string) map[string]string {
		a := h.do("POST", "/tokens", fmt.Sprintf(`{"name":"x","scopes":[%q]}`, scope), h.as("Pablo"))
		return map[string]string{"Authorization": "Bearer " + a.field("token")}
	}
	zipped := h.as("Pablo")
	zipped["Content-Encoding"] = "gzip"
	large := strings.Repeat("x", 100_001)
	for name, c := range map[string]struct {
		path, body string
		header     map[string]string
		status     int
	}{
		"nobody":                  {"/files?name=a", "x", nil, 401},
		"a token for sending":     {"/files?name=a", "x", token("send"), 201},
		"a token for reading":     {"/files?name=a", "x", token("read"), 403},
		"without a name":          {"/files", "x", h.as("Pablo"), 201},
		"without anything":        {"/files", "", h.as("Pablo"), 201},
		"exactly what is allowed": {"/files", large[1:], h.as("Pablo"), 201},
		"a byte more":             {"/files", large, h.as("Pablo"), 413},
		"another field":           {"/files?type=text/html", "x", h.as("Pablo"), 400},
		"a name given twice":      {"/files?name=a&name=b", "x", h.as("Pablo"), 400},
		"a compressed body":       {"/files", "x", zipped, 400},
		"a form of a foreign page": {"/files", "x",
			map[string]string{"Cookie": h.cookie("Pablo"), "Content-Type": "text/plain",
				"Origin": "https://evil.example"}, 403},
		"a browser, from our page": {"/files", "x",
			map[string]string{"Cookie": h.cookie("Pablo"), "Origin": h.url}, 201},
		"a browser, from who knows": {"/files", "x", map[string]string{"Cookie": h.cookie("Pablo")}, 403},
	} {
		if a := h.do("POST", c.path, c.body, c.header); a.StatusCode != c.status {
			t.Errorf("%s: %s %s", name, a.Status, a.body)
		}
	}
	// Without a Content-Length it is found out on the way.
	for body, status := range map[string]int{large: 413, large[1:]: 201} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+prefix+"/files",
			struct{ io.Reader }{strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+h.token["Pablo"])
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%d bytes in chunks: %s", len(body), res.Status)
		}
	}
}

// cookie logs a person in as a browser does.
func (h *fixture) cookie(name string) string {
	h.t.Helper()
	a := h.do("POST", "/sessions", fmt.Sprintf(`{"name":%q,"password":"password123"}`, name),
		map[string]string{"Parley-Cookie": "set", "Origin": h.url})
	if len(a.Cookies()) != 1 {
		h.t.Fatal(a.Status, string(a.body))
	}
	return a.Cookies()[0].Name + "=" + a.Cookies()[0].Value
}

func TestServerWithoutFiles(t *testing.T) {
	h := newFixture(t)
	a := h.do("POST", "/files?name=a", strings.Repeat("x", 1000), h.as("Pablo"))
	if a.StatusCode != 403 || !strings.Contains(a.field("detail"), "does not store files") {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := h.do("GET", "/rooms/general/messages/1/files/x", "", h.as("Pablo")); a.StatusCode != 404 {
		t.Errorf("%s %s", a.Status, a.body)
	}
}

// TestSlowUploads has a body that is given no more time after its first part.
func TestSlowUploads(t *testing.T) {
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &patient{Reader: r.Body, control: http.NewResponseController(w), began: time.Now()}
		if _, err := io.ReadFull(body, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		body.began = time.Now().Add(-time.Hour)
		_, err := io.Copy(io.Discard, body)
		ended <- err
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nfirst")
	select {
	case err := <-ended:
		if e := chat.AsError(err); e.Code != chat.CodeInvalid || !strings.Contains(e.Message, "slowly") {
			t.Errorf("a body that stands still: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a body that stands still is waited for")
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// TestTricklingUploads: a body that never stands still must make 16 KiB a
// second on average, but for the first half minute.
func TestTricklingUploads(t *testing.T) {
	began := time.Now()
	for _, c := range []struct {
		after time.Duration
		bytes int64
		want  time.Duration // since it began
	}{
		{0, 0, 30 * time.Second},
		{20 * time.Second, 20, 30 * time.Second},
		{time.Hour, 3600, 30 * time.Second},
		{time.Hour, 60 << 14, 90 * time.Second},
		{time.Hour, 3600 << 14, time.Hour + 30*time.Second},
		{time.Minute, 1 << 30, 90 * time.Second},
	} {
		body := &patient{began: began, n: c.bytes}
		if got := body.deadline(began.Add(c.after)).Sub(began); got != c.want {
			t.Errorf("%d bytes in %v: the next must come by %v, want %v", c.bytes, c.after, got, c.want)
		}
	}
}

// TestUploadPlaces: nobody holds so many places that others find none, neither
// with one account nor with many, nor with many from one address.
func TestUploadPlaces(t *testing.T) {
	handler := newHandler(Config{})
	as := func(n int, addr string) chat.Caller {
		return chat.Caller{User: chat.User{ID: chat.UserID(strconv.Itoa(n))}, Session: "s", Addr: addr}
	}
	var ends []func()
	begin := func(who chat.Caller) bool {
		end, ok := handler.beginUpload(who)
		if ok {
			ends = append(ends, end)
		}
		return ok
	}
	taken := 0
	for n := range 9 { // nine accounts at nine addresses, as much as they can
		for range 2 * maxUploads {
			if begin(as(n, "192.0.2."+strconv.Itoa(n))) {
				taken++
			}
		}
	}
	if taken > allUploads-spareUploads+9 {
		t.Errorf("nine accounts hold %d of %d places", taken, allUploads)
	}
	for n := range 10 {
		if !begin(as(100+n, "198.51.100."+strconv.Itoa(n))) {
			t.Errorf("no place for person %d, who sends nothing yet", n)
		}
	}
	if begin(as(100, "198.51.100.0")) {
		t.Error("who has a place takes a spare one")
	}
	for _, end := range ends {
		end()
	}
	held := 0
	for n := range allUploads { // many accounts at one address
		if begin(as(n, "192.0.2.1")) {
			held++
		}
	}
	if held != maxAddrUploads {
		t.Errorf("one address holds %d places", held)
	}
	if !begin(as(1000, "192.0.2.2")) {
		t.Error("another address has to wait")
	}
}

func TestDocumentDescribesFiles(t *testing.T) {
	h := newFixture(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Required bool
			}
			RequestBody struct{ Content map[string]any }
			Responses   map[string]struct{ Content map[string]any }
			Security    []any
		}
	}
	if err := json.Unmarshal(h.do("GET", "/openapi.json", "", nil).body, &doc); err != nil {
		t.Fatal(err)
	}
	up := doc.Paths[prefix+"/files"]["post"]
	if len(up.Parameters) != 1 || up.Parameters[0].In != "query" || up.Parameters[0].Required ||
		up.RequestBody.Content["application/octet-stream"] == nil ||
		up.Responses["201"].Content["application/json"] == nil || len(up.Security) == 0 {
		t.Errorf("%+v", up)
	}
	open := doc.Paths[prefix+"/rooms/{room}/messages/{no}/files/{file}"]["get"]
	if len(open.Parameters) != 4 || open.RequestBody.Content != nil ||
		open.Responses["200"].Content["application/octet-stream"] == nil || len(open.Security) == 0 {
		t.Errorf("%+v", open)
	}
	page := string(h.do("GET", "/docs", "", nil).body)
	for _, a := range byteRoutes() {
		if !strings.Contains(page, `id="`+a.Name+`"`) || !strings.Contains(page, prefix+a.Path) {
			t.Errorf("%s is not on the page", a.Name)
		}
	}
}

// fullDisk is a place for files without space.
type fullDisk struct{ files.Blobs }

func (fullDisk) Put(context.Context, string, io.Reader, int64) (int64, error) {
	return 0, fmt.Errorf("store blob: %w", blob.ErrFull)
}
func (fullDisk) Delete(context.Context, string) error { return nil }

func TestFullDisk(t *testing.T) {
	h := newFixture(t)
	h.service.Files = files.New(fullDisk{})
	a := h.do("POST", "/files?name=a", "x", h.as("Pablo"))
	if a.StatusCode != 503 || !strings.Contains(a.field("detail"), "no space") ||
		!strings.Contains(h.log.String(), blob.ErrFull.Error()) {
		t.Errorf("%s %s\n%s", a.Status, a.body, h.log)
	}
}

// TestDamagedPictureIsAPlainFile: no browser is told to draw what could not be
// decoded here.
func TestDamagedPictureIsAPlainFile(t *testing.T) {
	h, room := newFileFixture(t)
	body := "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x00\x00 and no more"
	path, file := h.sendFile("Pablo", room, "photo.jpg", body)
	a := h.do("GET", path, "", h.as("Pablo"))
	if file.Type != "application/octet-stream" || a.StatusCode != 200 || string(a.body) != body ||
		a.Header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%+v, %s %v", file, a.Status, a.Header)
	}
}
