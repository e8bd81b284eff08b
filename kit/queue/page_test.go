package queue

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/kit/redistest"
)

// TestPage shows jobs, escapes what they say, does what the buttons say, and
// refuses what another site asks for.
func TestPage(t *testing.T) {
	client := redistest.Start(t).Client(t)
	q := open(t, client, Options{Name: "mails", OnError: silent})
	other := open(t, client, Options{Name: "other"})
	enqueue(t, q, "<script>alert(1)</script>", JobOptions{ID: "a&b"})
	stop := work(t, q, WorkerOptions{}, func(context.Context, *Job[string]) error {
		return Permanent(errors.New("no <host>"))
	})
	eventually(t, "it is dead", func() bool { return get(t, q, "a&b").State == Dead })
	stop()
	enqueue(t, q, "later", JobOptions{ID: "later", Delay: time.Hour})
	check(t, q.Every("nightly", "@daily", "x", JobOptions{}))
	check(t, q.tick(t.Context(), &q.schedules[0]))
	page := Page(&q.Admin, &other.Admin)
	send := func(method, target, form, site string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		return w
	}
	body := send("GET", "/q/", "", "same-origin").Body.String()
	for _, want := range []string{"a&amp;b", `\u003cscript`, "no &lt;host&gt;", "dead <b>1</b>", "delayed <b>1</b>",
		"nightly", "?queue=other", "Try again"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not there", want)
		}
	}
	if found := regexp.MustCompile(`https?:|//|<script|style=|onclick`).FindString(body); found != "" {
		t.Errorf("it has %q", found)
	}
	if w := send("GET", "/q/style.css", "", "same-origin"); !strings.Contains(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%v", w.Header())
	}
	form := url.Values{"do": {"redrive"}, "id": {"a&b"}}.Encode()
	if w := send("POST", "/q/?queue=mails", form, "cross-site"); w.Code != http.StatusForbidden || get(t, q, "a&b").State != Dead {
		t.Errorf("another site redrives: %d", w.Code)
	}
	if w := send("POST", "/q/?queue=mails&state=dead", form, "same-origin"); w.Code != http.StatusSeeOther ||
		w.Header().Get("Location") != "?queue=mails&state=dead" || get(t, q, "a&b").State != Ready {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	send("POST", "/q/?queue=mails", "do=pause", "same-origin")
	send("POST", "/q/?queue=mails", "do=cancel&id=later", "same-origin")
	if s := stats(t, q); !s.Paused || s.Done != 1 {
		t.Errorf("%+v", s)
	}
	if w := send("POST", "/q/?queue=mails", form, "same-origin"); !strings.Contains(w.Body.String(), ErrNotFound.Error()) {
		t.Errorf("%s", w.Body)
	}
	if w := send("GET", "/q/?queue=none", "", "same-origin"); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
	if w := send("GET", "/q/?state=none", "", "same-origin"); w.Code != http.StatusServiceUnavailable {
		t.Error(w.Code)
	}
}
