package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/internal/chat"
)

// image serves the picture of a link in a message.
func (h *handler) image(w http.ResponseWriter, r *http.Request) {
	content, err := h.openImage(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	sum := sha256.New()
	_, err = io.Copy(sum, content)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		content.Close()
		h.refuse(w, r, err)
		return
	}
	serve(w, r, content, "inline", hex.EncodeToString(sum.Sum(nil)[:8]))
}

func (h *handler) openImage(r *http.Request) (chat.Content, error) {
	ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
	defer cancel()
	who, _, err := h.caller(ctx, r)
	if err == nil {
		_, err = queryOf(r)
	}
	if err != nil {
		return chat.Content{}, err
	}
	in := chat.PreviewInput{Room: chat.RoomID(r.PathValue("room")), Preview: r.PathValue("preview")}
	if in.No, err = numberOf(r); err != nil {
		return chat.Content{}, err
	}
	return h.Service.OpenPreview(ctx, who, in)
}

// numberOf is the number of a message in a path.
func numberOf(r *http.Request) (int64, error) {
	no, err := strconv.ParseInt(r.PathValue("no"), 10, 64)
	if err != nil {
		return 0, &chat.Error{Code: chat.CodeInvalid, Field: "no", Message: `"no" is a whole number`}
	}
	return no, nil
}
