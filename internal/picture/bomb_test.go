package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"os"
	"runtime"
	"strings"
	"testing"
)

// allocated runs f and returns the bytes that it allocated, given back or not.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func headerPNG(w, h uint32, depth, colours, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return append([]byte(pngHead), chunkPNG("IHDR", string(append(b, depth, colours, 0, 0, interlace)))...)
}

func TestBombsAreRefusedBeforeTheyGoOff(t *testing.T) {
	frames := func(n int) []byte {
		g := asGIF(1, 1, 1)
		at := bytes.LastIndexByte(g[:len(g)-1], 0x2c)
		frame := g[at : len(g)-1]
		return append(append(bytes.Clone(g[:at]), bytes.Repeat(frame, n)...), 0x3b)
	}
	scan := func(n int) []byte {
		j := asJPEG(pattern(8, 8))
		at := bytes.Index(j, []byte{0xff, 0xda})
		return append(append(bytes.Clone(j[:at]), bytes.Repeat(j[at:len(j)-2], n)...), 0xff, 0xd9)
	}
	sof := func(marker byte, w, h int) []byte {
		return withJPEG(asJPEG(pattern(8, 8)),
			segment(marker, string([]byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 1, 1, 0x11, 0})))
	}
	tiny := appendChunk(nil, "VP8L", lossless(1, 1, func(x, y int) bool { return true }))
	anim := appendChunk(nil, "ANIM", make([]byte, 6))
	for name, data := range map[string][]byte{
		"png, both sides":       headerPNG(60_000, 60_000, 8, 6, 0),
		"png, sides past int32": headerPNG(1<<31, 1<<31, 8, 6, 0),
		"png, one side":         headerPNG(1<<29, 1, 8, 6, 0),
		"png, 16 bits": append(headerPNG(7_000, 7_000, 16, 6, 1),
			asPNG(pattern(9, 9))[33:]...),
		"png, frames": withPNG(asPNG(pattern(9, 9)),
			chunkPNG("acTL", "\x00\x10\x00\x00\x00\x00\x00\x00")),
		"png, pixels of all frames": withPNG(append(headerPNG(2000, 2000, 8, 0, 0),
			asPNG(pattern(9, 9))[33:]...), chunkPNG("acTL", "\x00\x00\x03\x00\x00\x00\x00\x00")),
		"jpeg, sides": sof(0xc0, 65_535, 65_535),
		"jpeg, scans": scan(jpegScans + 1),
		"jpeg, coefficients": append([]byte{0xff, 0xd8},
			append(segment(0xc2, "\x08\x1b\x58\x1b\x58\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00"),
				asJPEG(pattern(8, 8))[bytes.Index(asJPEG(pattern(8, 8)), []byte{0xff, 0xda}):]...)...),
		"gif, sides": []byte(
			"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x00;"),
		"gif, frames": frames(1001),
		"webp, lossless sides": riff(appendChunk(nil, "VP8L",
			[]byte{0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0})),
		"webp, lossy sides": riff(appendChunk(nil, "VP8 ",
			[]byte{0, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0})),
		"webp, canvas": riff(extended(0, 1<<24, 1<<24), tiny),
		"webp, small canvas": riff(extended(0, 1, 1),
			appendChunk(nil, "VP8L", []byte{0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0})),
		"webp, frames": riff(extended(2, 1, 1), anim,
			bytes.Repeat(frameChunk(0, 0, 1, 1, tiny), 1001)),
		"webp, frame past its canvas": riff(extended(2, 1, 1), anim,
			frameChunk(0, 0, 1, 1, appendChunk(nil, "VP8L", []byte{0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0}))),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			n := allocated(func() { _, err = New(Options{}).Make(t.Context(), data) })
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", len(data), err)
			}
			if n > 1<<20+4*int64(len(data)) {
				t.Errorf("refusing %d bytes took %d bytes of memory", len(data), n)
			}
		})
	}
}

// What a walk says that decoding takes is no less than what it takes.
func TestMemoryIsJudgedHonestly(t *testing.T) {
	big := pattern(600, 400)
	deep := image.NewNRGBA64(big.Rect)
	plain := image.NewPaletted(big.Rect, color.Palette{color.Black, color.White})
	bits, lw, lh := lossy(t)
	all := map[string][]byte{
		"png":               asPNG(big),
		"png, 16 bits":      asPNG(deep),
		"png, colour table": asPNG(plain),
		"jpeg":              asJPEG(big),
		"jpeg, grey":        asJPEG(image.NewGray(big.Rect)),
		"jpeg, many scans":  must(os.ReadFile("testdata/progressive.jpeg")),
		"jpeg, cmyk":        must(os.ReadFile("testdata/cmyk.jpeg")),
		"gif":               asGIF(600, 400, 2),
		"webp":              must(os.ReadFile("testdata/lossy.webp")),
		"webp, lossless": riff(appendChunk(nil, "VP8L",
			lossless(600, 400, func(x, y int) bool { return x*y%7 == 0 }))),
		"webp, alpha": riff(extended(0x10, lw, lh),
			appendChunk(nil, "ALPH", append([]byte{0}, make([]byte, lw*lh)...)),
			appendChunk(nil, "VP8 ", bits)),
	}
	for name, data := range all {
		way := walks["image/"+strings.Split(name, ",")[0]]
		w := must(way.walk(data, limits{1 << 30, 1 << 30}))
		still := w.clean
		if w.still != nil {
			still = w.still
		}
		n := allocated(func() { must(way.decode(still)) })
		// Decoders have tables and buffers that do not grow with the picture.
		if n > w.memory+256<<10 {
			t.Errorf("%s: decoding took %d bytes, judged as %d", name, n, w.memory)
		}
	}
}

func FuzzMake(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	m := New(Options{Pixels: 1 << 16, Frames: 20, Memory: 64 << 20, Sizes: []int{8, 50}})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := m.Make(t.Context(), data)
		if err != nil {
			if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrTooLarge) && err != ErrNotPicture {
				t.Fatal(err)
			}
			return
		}
		if p.Type != Type(p.Data) || p.Width < 1 || p.Height < 1 || p.Width > (1<<16)/p.Height {
			t.Fatalf("%s %dx%d", p.Type, p.Width, p.Height)
		}
		again, err := m.Make(t.Context(), p.Data)
		if err != nil {
			t.Fatal("made again: ", err)
		}
		if again.Type != p.Type || again.Width != p.Width || again.Height != p.Height ||
			again.Animated != p.Animated || !bytes.Equal(again.Data, p.Data) {
			t.Fatal("made again, it is another picture")
		}
		for _, s := range p.Thumbnails {
			if size := decode(t, s.Type, s.Data).Bounds(); size.Dx() != s.Width ||
				size.Dy() != s.Height || max(s.Width, s.Height) > 50 {
				t.Fatalf("thumbnail %dx%d is %v", s.Width, s.Height, size)
			}
		}
	})
}
