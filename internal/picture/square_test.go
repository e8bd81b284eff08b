package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"testing"
)

// flag is a picture whose left, middle and right third are red, green and blue;
// or, if it is higher than wide, the upper, middle and lower one.
func flag(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			third := x * 3 / w
			if h > w {
				third = y * 3 / h
			}
			m.SetNRGBA(x, y, []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}}[third])
		}
	}
	return m
}

func TestSquareIsTheMiddle(t *testing.T) {
	m := New(Options{})
	for name, c := range map[string]struct {
		data []byte
		kind string
		side int
	}{
		"wide png":  {asPNG(flag(900, 300)), "image/jpeg", 256},
		"high png":  {asPNG(flag(300, 900)), "image/jpeg", 256},
		"wide jpeg": {asJPEG(flag(960, 320)), "image/jpeg", 256},
		"turned jpeg": {withJPEG(asJPEG(flag(960, 320)),
			segment(0xe1, "Exif\x00\x00"+string(tiff(binary.BigEndian, 6)))), "image/jpeg", 256},
		"small":          {asPNG(flag(60, 20)), "image/jpeg", 20},
		"as wide as all": {asPNG(flag(3, 1)), "image/jpeg", 1},
	} {
		got, err := m.Square(t.Context(), c.data, 256)
		if err != nil || got.Type != c.kind || got.Width != c.side || got.Height != c.side {
			t.Errorf("%s: %s, %d by %d, %v", name, got.Type, got.Width, got.Height, err)
			continue
		}
		img := decode(t, got.Type, got.Data)
		if img.Bounds() != image.Rect(0, 0, c.side, c.side) {
			t.Errorf("%s: %v", name, img.Bounds())
		}
		for _, p := range []image.Point{{c.side / 2, c.side / 2}, {c.side * 9 / 10, c.side / 10},
			{c.side / 10, c.side * 9 / 10}} {
			if r, g, b, _ := img.At(p.X, p.Y).RGBA(); g < 0xe000 || r > 0x2000 || b > 0x2000 {
				t.Errorf("%s: at %v it is %v, not the middle's green", name, p, img.At(p.X, p.Y))
			}
		}
		if bytes.Contains(got.Data, []byte(secret)) || bytes.Contains(got.Data, []byte("Exif")) {
			t.Errorf("%s tells where it was made", name)
		}
	}
}

// TestSquareOfAll makes one of every kind of picture, and of an animation its
// first frame.
func TestSquareOfAll(t *testing.T) {
	m := New(Options{})
	clear := pattern(300, 300)
	clear.SetNRGBA(150, 150, color.NRGBA{})
	bits, _, _ := lossy(t)
	for name, c := range map[string]struct {
		data []byte
		kind string
	}{
		"gif, animated":        {asGIF(400, 300, 3), ""},
		"png, animated":        {animatedPNG(pattern(300, 260), pattern(300, 260)), "image/jpeg"},
		"png, shining through": {asPNG(clear), "image/png"},
		"jpeg, grey":           {asJPEG(image.NewGray(image.Rect(0, 0, 301, 257))), "image/jpeg"},
		"webp":                 {riff(appendChunk(nil, "VP8 ", bits)), "image/jpeg"},
		"webp, lossless": {riff(appendChunk(nil, "VP8L",
			lossless(301, 258, func(x, y int) bool { return x > y }))), ""},
	} {
		got, err := m.Square(t.Context(), c.data, 256)
		if err != nil || c.kind != "" && got.Type != c.kind || got.Width != got.Height || got.Width > 256 {
			t.Errorf("%s: %s, %d by %d, %v", name, got.Type, got.Width, got.Height, err)
			continue
		}
		if b := decode(t, got.Type, got.Data).Bounds(); b.Dx() != got.Width || b.Dy() != got.Width {
			t.Errorf("%s: %v, said to be %d", name, b, got.Width)
		}
	}
}

func TestSquareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":     {nil, ErrNotPicture},
		"svg":         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), ErrNotPicture},
		"half":        {asJPEG(pattern(300, 300))[:2000], ErrBroken},
		"a large one": {asPNG(pattern(400, 400)), ErrTooLarge},
	} {
		if _, err := New(Options{Pixels: 100_000}).Square(t.Context(), c.data, 256); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
