package rest

import (
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/parley-chat/parley/internal/chat"
)

// pictureRoutes are the routes of people's pictures.
var pictureRoutes = []chat.Action{
	{
		Name: "picture.set", Method: http.MethodPost, Path: "/account/picture",
		Status: http.StatusCreated, Access: chat.LoggedIn, Scope: chat.ScopeManage,
		Summary: "Set your picture",
		Doc:     "The body is a JPEG, PNG, GIF or WebP, as it is. What is in its middle is kept, as a square of 256 pixels, or fewer if it is smaller, and nothing else of it.",
		In:      reflect.TypeFor[chat.None](), Out: reflect.TypeFor[chat.User](),
	},
	{
		Name: "picture.open", Method: http.MethodGet, Path: "/users/{user}/picture",
		Status: http.StatusOK, Access: chat.LoggedIn, Scope: chat.ScopeRead,
		Summary: "A person's picture",
		Doc:     "A JPEG or PNG, for whoever may see the person. Give picture of the person as v: the answer may then be kept for good.",
		In:      reflect.TypeFor[chat.PictureInput](),
	},
}

// setPicture serves POST /account/picture: the body is the picture.
func (d *door) setPicture(w http.ResponseWriter, r *http.Request) {
	var user chat.User
	err := d.takeBody(w, r, nil, func(who chat.Caller, _ url.Values, body io.Reader) (err error) {
		user, err = d.Service.SetPicture(r.Context(), who, body)
		return err
	})
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	created(w, user)
}

// picture serves a person's picture.
func (d *door) picture(w http.ResponseWriter, r *http.Request) {
	id, kept, content, err := d.openPicture(r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", content.Type)
	h.Set("Content-Disposition", disposition("picture", content.Inline))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Vary", "Cookie, Authorization")
	h.Set("ETag", strconv.Quote(id))
	// Under its id it is always the same; the browser that has it was allowed
	// to.
	if h.Set("Cache-Control", "private, no-cache"); kept {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	http.ServeContent(&moving{w, http.NewResponseController(w)}, r, "", time.Time{}, content)
}

// openPicture also says whether the answer may be kept for good.
func (d *door) openPicture(r *http.Request) (id string, kept bool, content chat.Content, err error) {
	who, err := d.identify(r)
	if err != nil {
		return "", false, chat.Content{}, err
	}
	query, err := queryOf(r, "v")
	if err != nil {
		return "", false, chat.Content{}, err
	}
	in := chat.PictureInput{User: chat.UserID(r.PathValue("user")), V: query.Get("v")}
	id, content, err = d.Service.OpenPicture(r.Context(), who, in)
	return id, in.V != "", content, err
}
