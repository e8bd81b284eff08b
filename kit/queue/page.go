package queue

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"
)

var (
	//go:embed page.html
	pageSource string
	//go:embed page.css
	pageStyle []byte

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"short": short,
		"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	}).Parse(pageSource))
)

// short is a text that fits a cell.
func short(v any) string {
	const most = 300
	text := ""
	switch v := v.(type) {
	case string:
		text = v
	case json.RawMessage:
		text = string(v)
	}
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// shown is how many jobs of a state the page shows.
const shown = 100

// Page returns a page on which people inspect and steer queues. Mount it on a
// path that ends with a slash, with http.StripPrefix or without, behind your
// own log-in: whoever reaches it may do everything. It loads nothing from other
// hosts, needs no script, and refuses requests that another site makes.
//
//	mux.Handle("/admin/queues/", onlyAdmins(queue.Page(&mails.Admin, &reports.Admin)))
func Page(queues ...*Admin) http.Handler {
	protection := http.NewCrossOriginProtection()
	return protection.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		if strings.HasSuffix(r.URL.Path, "/style.css") || r.URL.Path == "style.css" {
			header.Set("Content-Type", "text/css; charset=utf-8")
			_, _ = w.Write(pageStyle)
			return
		}
		header.Set("Cache-Control", "no-store")
		queue := find(queues, r.URL.Query().Get("queue"))
		if queue == nil {
			http.Error(w, "There is no such queue.", http.StatusNotFound)
			return
		}
		problem := ""
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPost:
			err := queue.do(r.Context(), r.PostFormValue("do"), r.PostFormValue("id"))
			if err == nil {
				// Not http.Redirect, which would make it absolute.
				header.Set("Location", "?"+r.URL.RawQuery)
				w.WriteHeader(http.StatusSeeOther)
				return
			}
			problem = err.Error()
		default:
			header.Set("Allow", "GET, HEAD, POST")
			http.Error(w, "Only GET and POST are understood.", http.StatusMethodNotAllowed)
			return
		}
		queue.render(w, r, queues, problem)
	}))
}

func find(queues []*Admin, name string) *Admin {
	for _, q := range queues {
		if name == "" || q.opt.Name == name {
			return q
		}
	}
	return nil
}

func (a *Admin) do(ctx context.Context, what, id string) error {
	var err error
	switch what {
	case "pause":
		err = a.Pause(ctx)
	case "resume":
		err = a.Resume(ctx)
	case "redrive":
		err = a.Redrive(ctx, id)
	case "delete":
		_, err = a.Delete(ctx, id)
	case "cancel":
		_, err = a.Cancel(ctx, id)
	default:
		err = errors.New("queue: nothing that can be done")
	}
	return err
}

// A count is how many jobs are in a state.
type count struct {
	State State
	N     int64
}

func (s Stats) counts() []count {
	return []count{{Ready, s.Ready}, {Delayed, s.Delayed}, {Blocked, s.Blocked},
		{Waiting, s.Waiting}, {Active, s.Active},
		{Done, s.Done}, {Dead, s.Dead}}
}

func (a *Admin) render(w http.ResponseWriter, r *http.Request, queues []*Admin, problem string) {
	data := struct {
		Queue     string
		Queues    []string
		Problem   string
		State     State
		Stats     Stats
		Counts    []count
		Jobs      []Info
		More      bool
		Schedules []Schedule
	}{Queue: a.opt.Name, Problem: problem, State: State(r.URL.Query().Get("state"))}
	for _, q := range queues {
		data.Queues = append(data.Queues, q.opt.Name)
	}
	var err error
	if data.Stats, err = a.Stats(r.Context()); err == nil {
		data.Stats.Latency = data.Stats.Latency.Truncate(time.Second)
		data.Counts = data.Stats.counts()
		data.Schedules, err = a.Schedules(r.Context())
	}
	if data.State == "" {
		data.State = mostUrgent(data.Stats)
	}
	if err == nil {
		for info, fault := range a.List(r.Context(), data.State) {
			if err = fault; err != nil {
				break
			}
			if data.More = len(data.Jobs) == shown; data.More {
				break
			}
			data.Jobs = append(data.Jobs, info)
		}
	}
	status := http.StatusOK
	if err != nil {
		data.Problem, status = err.Error(), http.StatusServiceUnavailable
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, data); err != nil {
		a.opt.OnError(err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the client may be gone
}

// mostUrgent is the state that is shown first.
func mostUrgent(s Stats) State {
	switch {
	case s.Dead > 0:
		return Dead
	case s.Active > 0:
		return Active
	}
	return Ready
}
