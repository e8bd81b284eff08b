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

// pictureRoutes are the routes of the pictures of people and of custom emoji.
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
	{
		Name: "emoji.create", Method: http.MethodPost, Path: "/emoji",
		Status: http.StatusCreated, Access: chat.LoggedIn, Scope: chat.ScopeManage,
		Summary: "Add a custom emoji",
		Doc:     "For those who have the right emoji, see server.info. The body is a PNG, GIF, WebP or JPEG of at most 256 KiB and 256 by 256 pixels; animations stay animated.",
		In:      reflect.TypeFor[chat.CreateEmojiInput](), Out: reflect.TypeFor[chat.CustomEmoji](),
	},
	{
		Name: "emoji.open", Method: http.MethodGet, Path: "/emoji/{name}",
		Status: http.StatusOK, Access: chat.LoggedIn, Scope: chat.ScopeRead,
		Summary: "The picture of a custom emoji",
		Doc:     "A PNG, GIF, WebP or JPEG. Give picture of the emoji as v: the answer may then be kept for good.",
		In:      reflect.TypeFor[chat.EmojiPictureInput](),
	},
}

// createEmoji serves POST /emoji: the body is the picture.
func (h *handler) createEmoji(w http.ResponseWriter, r *http.Request) {
	var emoji chat.CustomEmoji
	err := h.takeBody(w, r, []string{"name", "alias"},
		func(who chat.Caller, query url.Values, body io.Reader) (err error) {
			in := chat.CreateEmojiInput{Name: query.Get("name"), Alias: query.Get("alias")}
			emoji, err = h.Service.CreateEmoji(r.Context(), who, in, body)
			return err
		})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	created(w, emoji)
}

// setPicture serves POST /account/picture: the body is the picture.
func (h *handler) setPicture(w http.ResponseWriter, r *http.Request) {
	var user chat.User
	err := h.takeBody(w, r, nil, func(who chat.Caller, _ url.Values, body io.Reader) (err error) {
		user, err = h.Service.SetPicture(r.Context(), who, body)
		return err
	})
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	created(w, user)
}

// picture serves the picture of a person or of a custom emoji.
func (h *handler) picture(w http.ResponseWriter, r *http.Request) {
	id, kept, content, err := h.openPicture(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	defer content.Close()
	header := w.Header()
	header.Set("Content-Type", content.Type)
	header.Set("Content-Disposition", disposition("picture", content.Inline))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Vary", "Cookie, Authorization")
	header.Set("ETag", strconv.Quote(id))
	// Under its id it is always the same; the browser that has it was allowed
	// to.
	if header.Set("Cache-Control", "private, no-cache"); kept {
		header.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	http.ServeContent(&moving{w, http.NewResponseController(w)}, r, "", time.Time{}, content)
}

// openPicture also says whether the answer may be kept for good.
func (h *handler) openPicture(r *http.Request) (id string, kept bool, content chat.Content, err error) {
	who, err := h.identify(r)
	if err != nil {
		return "", false, chat.Content{}, err
	}
	query, err := queryOf(r, "v")
	if err != nil {
		return "", false, chat.Content{}, err
	}
	v := query.Get("v")
	if name := r.PathValue("name"); name != "" {
		id, content, err = h.Service.OpenEmoji(r.Context(), who, chat.EmojiPictureInput{Name: name, V: v})
	} else {
		id, content, err = h.Service.OpenPicture(r.Context(), who,
			chat.PictureInput{User: chat.UserID(r.PathValue("user")), V: v})
	}
	return id, v != "", content, err
}
