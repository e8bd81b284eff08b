package files

import (
	"bytes"
	"errors"
	"image/jpeg"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-chat/parley/internal/chat"
)

func TestFacesAreSmallSquares(t *testing.T) {
	d, dir := open(t)
	if err := d.SaveAvatar(t.Context(), "f", iotest.HalfReader(bytes.NewReader(photo(t, 1600, 1000))),
		50<<20); err != nil {
		t.Fatal(err)
	}
	b, c := read(t, d, "f", 0)
	m, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil || m.Width != 256 || m.Height != 256 || c.Type != "image/jpeg" || !c.Inline ||
		bytes.Contains(b, []byte(secret)) {
		t.Errorf("%d by %d, %s, %v", m.Width, m.Height, c.Type, err)
	}
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("kept: %v", names)
	}
	if err := d.Remove(t.Context(), "f"); err != nil || len(files(t, dir)) != 0 {
		t.Errorf("left: %v, %v", files(t, dir), err)
	}
	for name, c := range map[string]struct {
		r    io.Reader
		most int64
		want *chat.Error
		says string
	}{
		"no picture": {strings.NewReader("<!doctype html><script>alert(1)</script>"),
			1 << 20, chat.ErrInvalid, "JPEG"},
		"nothing": {strings.NewReader(""), 1 << 20, chat.ErrInvalid, "JPEG"},
		"half a picture": {bytes.NewReader(photo(t, 700, 400)[:5000]), 1 << 20,
			chat.ErrInvalid, "damaged"},
		"over the limit": {bytes.NewReader(photo(t, 300, 300)), 1000, chat.ErrTooLarge, "1000 bytes"},
		"over that for pictures": {io.MultiReader(bytes.NewReader(photo(t, 30, 30)),
			bytes.NewReader(make([]byte, maxPicture))), 50 << 20, chat.ErrTooLarge, "20 MiB"},
	} {
		err := d.SaveAvatar(t.Context(), "f", c.r, c.most)
		if !errors.Is(err, c.want) || !strings.Contains(chat.AsError(err).Message, c.says) ||
			len(files(t, dir)) != 0 {
			t.Errorf("%s: %v, left %v", name, err, files(t, dir))
		}
	}
	if !d.memory.TryAcquire(maxReading) || !d.saving.TryAcquire(maxSaving) {
		t.Error("room that was taken is not given back")
	}
	if err := d.SaveAvatar(t.Context(), "f", strings.NewReader("x"), 1<<20); !errors.Is(err,
		chat.ErrRateLimited) {
		t.Errorf("without room: %v", err)
	}
}
