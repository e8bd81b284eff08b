package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"sync"

	"github.com/parley-chat/parley"
)

// demoPeople are everybody who can log in, by choosing: a real program has a
// database of people, and asks for proof.
var demoPeople = []parley.User{
	{ID: "demo-1", Name: "Ada", Role: parley.Owner},
	{ID: "demo-2", Name: "Ben"},
}

// office is the program. Its sessions are in memory, which is what it would
// have without a chat too.
type office struct {
	chat   *parley.Server
	orders parley.RoomID
	bot    parley.UserID

	mu       sync.Mutex
	sessions map[string]parley.User // by the cookie
	shipped  int
}

// open opens the chat, with people from here, and makes the room that the
// office tells of its orders in.
func open(ctx context.Context, options parley.Options) (*office, error) {
	o := &office{sessions: map[string]parley.User{}}
	options.Name = "Office"
	options.Authenticate = func(r *http.Request) (parley.User, error) { return o.who(r), nil }
	options.LogIn, options.LogOut = "/login", "/logout"
	if options.Store != "" {
		options.Data = ""
	}
	var err error
	if o.chat, err = parley.Open(ctx, options); err != nil {
		return nil, err
	}
	if err := o.furnish(ctx); err != nil {
		o.chat.Close(ctx)
		return nil, err
	}
	return o, nil
}

func (o *office) furnish(ctx context.Context) (err error) {
	if o.orders, err = o.chat.Room(ctx,
		parley.Room{Key: "orders", Name: "Orders", Topic: "What was shipped"}); err != nil {
		return err
	}
	if o.bot, err = o.chat.Bot(ctx, "Shipping"); err != nil {
		return err
	}
	if err := o.chat.AddMember(ctx, o.orders, o.bot); err != nil {
		return err
	}
	for _, v := range demoPeople {
		p, err := o.chat.UpsertUser(ctx, v) // they need not have been there before
		if err != nil {
			return err
		}
		if err := o.chat.AddMember(ctx, o.orders, p); err != nil {
			return err
		}
	}
	return nil
}

const cookie = "office"

// who is the person that a request is from; the zero User if nobody is
// logged in.
func (o *office) who(r *http.Request) parley.User {
	c, err := r.Cookie(cookie)
	if err != nil {
		return parley.User{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sessions[c.Value]
}

// pages are what the office serves.
func (o *office) pages() http.Handler {
	own := http.NewServeMux()
	own.HandleFunc("GET /{$}", o.home)
	own.HandleFunc("GET /login", o.loginPage)
	own.HandleFunc("POST /login", o.logIn)
	own.HandleFunc("GET /logout", o.logoutPage)
	own.HandleFunc("POST /logout", o.logOut)
	own.HandleFunc("POST /ship", o.ship)

	all := http.NewServeMux()
	all.Handle("/", http.NewCrossOriginProtection().Handler(own)) // the chat has its own
	all.Handle("/chat/", http.StripPrefix("/chat", o.chat))
	return all
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title>
<h1>{{.Title}}</h1>
{{if .Choose}}<form method="post" action="/login">{{range .Choose}}<button name="id" value="{{.ID}}">{{.Name}}</button> {{end}}</form>
{{else if .Leave}}<form method="post" action="/logout"><button>Log out</button></form>
{{else if .Me}}<p>You are {{.Me}}.</p><p><a href="/chat/">Chat</a></p>
<form method="post" action="/ship"><button>Ship an order</button></form><p><a href="/logout">Log out</a></p>
{{else}}<p><a href="/login">Log in</a></p>{{end}}
</html>
`))

type shown struct {
	Title  string
	Me     string
	Choose []parley.User
	Leave  bool
}

func show(w http.ResponseWriter, s shown) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	page.Execute(w, s)
}

func (o *office) home(w http.ResponseWriter, r *http.Request) {
	show(w, shown{Title: "Office", Me: o.who(r).Name})
}

func (o *office) loginPage(w http.ResponseWriter, _ *http.Request) {
	show(w, shown{Title: "Who are you?", Choose: demoPeople})
}

func (o *office) logoutPage(w http.ResponseWriter, _ *http.Request) {
	show(w, shown{Title: "Log out?", Leave: true})
}

func (o *office) logIn(w http.ResponseWriter, r *http.Request) {
	for _, v := range demoPeople {
		if v.ID != r.FormValue("id") {
			continue
		}
		id := rand.Text()
		o.mu.Lock()
		o.sessions[id] = v
		o.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true,
			SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	http.Error(w, "nobody is called that", http.StatusBadRequest)
}

func (o *office) logOut(w http.ResponseWriter, r *http.Request) {
	v := o.who(r)
	if c, err := r.Cookie(cookie); err == nil {
		o.mu.Lock()
		delete(o.sessions, c.Value)
		o.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/", MaxAge: -1})
	if v.ID != "" { // the session is over by now: whoever comes back is asked again
		if err := o.chat.Revoke(r.Context(), parley.UserIDFor(v.ID)); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// ship has the bot say what was done.
func (o *office) ship(w http.ResponseWriter, r *http.Request) {
	v := o.who(r)
	if v.ID == "" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	o.mu.Lock()
	o.shipped++
	order := o.shipped
	o.mu.Unlock()
	text := fmt.Sprintf("%s has shipped order **%d**.", cmp.Or(v.Name, "Somebody"), order)
	if _, err := o.chat.Send(r.Context(), parley.Post{Room: o.orders, From: o.bot, Text: text}); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
