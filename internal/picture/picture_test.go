package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/image/webp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decode(t testing.TB, kind string, data []byte) image.Image {
	t.Helper()
	var m image.Image
	var err error
	switch kind {
	case "image/jpeg":
		m, err = jpeg.Decode(bytes.NewReader(data))
	case "image/png":
		m, err = png.Decode(bytes.NewReader(data))
	case "image/gif":
		m, err = gif.Decode(bytes.NewReader(data))
	case "image/webp":
		m, err = webp.Decode(bytes.NewReader(data))
	default:
		t.Fatalf("type %q", kind)
	}
	if err != nil {
		t.Fatalf("decode %s: %v", kind, err)
	}
	return m
}

// expectSame compares pixel by pixel.
func expectSame(t *testing.T, got, want image.Image) {
	t.Helper()
	if got.Bounds() != want.Bounds() {
		t.Fatalf("bounds %v, want %v", got.Bounds(), want.Bounds())
	}
	for y := want.Bounds().Min.Y; y < want.Bounds().Max.Y; y++ {
		for x := want.Bounds().Min.X; x < want.Bounds().Max.X; x++ {
			r, g, b, a := got.At(x, y).RGBA()
			R, G, B, A := want.At(x, y).RGBA()
			if r != R || g != G || b != B || a != A {
				t.Fatalf("at %d,%d: %v, want %v", x, y, got.At(x, y), want.At(x, y))
			}
		}
	}
}

func TestMetadataStaysBehindAndPixelsStay(t *testing.T) {
	m := New(Options{})
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(data, []byte(secret)) {
				t.Fatal("the sample hides nothing")
			}
			before := bytes.Clone(data)
			p, err := m.Make(t.Context(), data)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, before) {
				t.Error("the input was changed")
			}
			for _, s := range []string{secret, "Exif", "eXIf", "EXIF", "XMP", "ICC", "iCCP", "tEXt",
				"Photoshop", "adobe.com", "0123456789ab", "ABCD", "prVt"} {
				if bytes.Contains(p.Data, []byte(s)) {
					t.Errorf("%q is still there", s)
				}
			}
			if want := "image/" + strings.Split(name, ",")[0]; p.Type != want {
				t.Errorf("type %s, want %s", p.Type, want)
			}
			if p.Animated != strings.HasSuffix(name, "animated") {
				t.Errorf("animated: %v", p.Animated)
			}
			again, err := m.Make(t.Context(), p.Data)
			if err != nil || !bytes.Equal(again.Data, p.Data) {
				t.Errorf("made again, it is another picture: %v", err)
			}
			if name == "webp, animated" || name == "webp, lossless" || name == "webp, alpha" {
				return // what Go decodes of the former; of the latter, below
			}
			expectSame(t, decode(t, p.Type, p.Data), decode(t, p.Type, data))
		})
	}
}

func TestAnimationsStayWhole(t *testing.T) {
	m := New(Options{})
	all := samples(t)
	p := must(m.Make(t.Context(), all["gif, animated"]))
	got, want := must(gif.DecodeAll(bytes.NewReader(p.Data))),
		must(gif.DecodeAll(bytes.NewReader(all["gif, animated"])))
	if len(got.Image) != 3 || got.LoopCount != 3 ||
		fmt.Sprint(got.Delay, got.Disposal) != fmt.Sprint(want.Delay, want.Disposal) {
		t.Errorf("%d frames, %d loops, %v, %v", len(got.Image), got.LoopCount, got.Delay, got.Disposal)
	}
	for i := range got.Image {
		expectSame(t, got.Image[i], want.Image[i])
	}
	if len(p.Thumbnails) != 1 || p.Thumbnails[0].Type != "image/png" || p.Thumbnails[0].Width != 40 {
		t.Fatalf("thumbnails of an animation: %+v", p.Thumbnails)
	}
	// The first frame covers the lower right quarter.
	first := decode(t, "image/png", p.Thumbnails[0].Data)
	if _, _, _, a := first.At(19, 14).RGBA(); a != 0 {
		t.Error("nothing shows through where the first frame is not")
	}
	expectSame(t, first.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(20, 15, 40, 30)), want.Image[0])

	p = must(m.Make(t.Context(), all["png, animated"]))
	for _, kind := range []string{"acTL", "fcTL", "fdAT"} {
		if !bytes.Equal(partsPNG(p.Data, kind), partsPNG(all["png, animated"], kind)) ||
			len(partsPNG(p.Data, kind)) == 0 {
			t.Errorf("%s is not what it was", kind)
		}
	}

	p = must(m.Make(t.Context(), all["webp, animated"]))
	if n := bytes.Count(p.Data, []byte("ANMF")); n != 2 || p.Data[20] != 0x12 ||
		binary.LittleEndian.Uint32(p.Data[4:]) != uint32(len(p.Data)-8) {
		t.Errorf("%d frames, flags %x, %d bytes", n, p.Data[20], len(p.Data))
	}
	first = decode(t, "image/png", p.Thumbnails[0].Data)
	for at, want := range map[image.Point]color.NRGBA{{9, 7}: {}, {10, 8}: {200, 240, 50, 255},
		{29, 17}: {200, 10, 50, 255}, {30, 18}: {}} {
		if got := color.NRGBAModel.Convert(first.At(at.X, at.Y)); got != want {
			t.Errorf("the first frame at %v: %v, want %v", at, got, want)
		}
	}
}

func TestWebP(t *testing.T) {
	m := New(Options{})
	all := samples(t)
	p := must(m.Make(t.Context(), all["webp, lossless"]))
	got := decode(t, p.Type, p.Data)
	if p.Width != 40 || p.Height != 30 ||
		color.NRGBAModel.Convert(got.At(19, 0)) != (color.NRGBA{200, 240, 50, 255}) ||
		color.NRGBAModel.Convert(got.At(20, 29)) != (color.NRGBA{200, 10, 50, 255}) {
		t.Errorf("lossless: %v, %v", got.At(19, 0), got.At(20, 29))
	}
	p = must(m.Make(t.Context(), all["webp, alpha"]))
	if _, _, _, a := decode(t, p.Type, p.Data).At(3, 3).RGBA(); a>>8 != 0x80 {
		t.Errorf("alpha: %x", a)
	}
	turned := riff(extended(0x08, 40, 30),
		appendChunk(nil, "VP8L", lossless(40, 30, func(x, y int) bool { return x < 20 })),
		appendChunk(nil, "EXIF", tiff(binary.LittleEndian, 6)))
	p = must(m.Make(t.Context(), turned))
	if p.Type != "image/jpeg" || p.Width != 30 || p.Height != 40 {
		t.Errorf("turned: %s, %dx%d", p.Type, p.Width, p.Height)
	}
	if _, g, _, _ := decode(t, p.Type, p.Data).At(15, 5).RGBA(); g>>8 < 200 {
		t.Errorf("what was left is not above: %d", g>>8)
	}
}

// back says which pixel of the source is seen at x, y, of EXIF's definition:
// where row 0 and column 0 are.
func back(o, w, h, x, y int) (int, int) {
	switch o {
	case 2: // row 0 above, column 0 on the right
		return w - 1 - x, y
	case 3: // below, right
		return w - 1 - x, h - 1 - y
	case 4: // below, left
		return x, h - 1 - y
	case 5: // row 0 on the left, column 0 above
		return y, x
	case 6: // right, above
		return y, h - 1 - x
	case 7: // right, below
		return w - 1 - y, h - 1 - x
	case 8: // left, below
		return w - 1 - y, x
	}
	return x, y
}

func TestTurnedPixelByPixel(t *testing.T) {
	const w, h = 14, 6
	grey := image.NewGray(image.Rect(0, 0, w, h))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i)
	}
	sources := map[string]image.Image{"NRGBA": pattern(w, h), "grey": grey,
		"part": pattern(20, 20).SubImage(image.Rect(3, 4, 3+w, 4+h))}
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		m := image.NewYCbCr(image.Rect(0, 0, w, h), ratio)
		for i := range m.Y {
			m.Y[i] = uint8(3 * i)
		}
		for i := range m.Cb {
			m.Cb[i], m.Cr[i] = uint8(5*i), uint8(255-7*i)
		}
		sources[ratio.String()] = m
	}
	for name, src := range sources {
		for o := 1; o <= 8; o++ {
			got := turned(src, o)
			size := image.Pt(w, h)
			if o >= 5 {
				size = image.Pt(h, w)
			}
			if got.Bounds().Size() != size {
				t.Fatalf("%s, orientation %d: %v", name, o, got.Bounds())
			}
			for y := range size.Y {
				for x := range size.X {
					sx, sy := back(o, w, h, x, y)
					r, g, b, a := got.At(got.Bounds().Min.X+x, got.Bounds().Min.Y+y).RGBA()
					R, G, B, A := src.At(src.Bounds().Min.X+sx, src.Bounds().Min.Y+sy).RGBA()
					if r>>8 != R>>8 || g>>8 != G>>8 || b>>8 != B>>8 || a>>8 != A>>8 {
						t.Fatalf("%s, orientation %d at %d,%d: not what stood at %d,%d", name, o, x,
							y, sx, sy)
					}
				}
			}
		}
	}
}

func TestPicturesAreUpright(t *testing.T) {
	m := New(Options{Sizes: []int{20}})
	for o := 1; o <= 8; o++ {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			src := pattern(40, 24)
			exif := segment(0xe1, "Exif\x00\x00"+string(tiff(order, o)))
			for kind, data := range map[string][]byte{"image/jpeg": withJPEG(asJPEG(src), exif),
				"image/png": withPNG(asPNG(src), chunkPNG("eXIf", string(tiff(order, o))))} {
				p, err := m.Make(t.Context(), data)
				if err != nil {
					t.Fatal(err)
				}
				w, h := 40, 24
				if o >= 5 {
					w, h = h, w
				}
				if p.Type != kind || p.Width != w || p.Height != h {
					t.Errorf("%s with orientation %d: %s %dx%d", kind, o, p.Type, p.Width, p.Height)
				}
				small := p.Thumbnails[0]
				for _, got := range []image.Image{decode(t, p.Type, p.Data),
					decode(t, small.Type, small.Data)} {
					gw, gh := got.Bounds().Dx(), got.Bounds().Dy()
					for _, corner := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
						sx, sy := back(o, 40, 24, corner.X*(w-1), corner.Y*(h-1))
						r, g, b, _ := got.At(corner.X*(gw-1), corner.Y*(gh-1)).RGBA()
						R, G, B, _ := src.At(sx, sy).RGBA()
						if d := max(diff(r, R), diff(g, G), diff(b, B)); d > 24 {
							t.Errorf("%s, orientation %d: a corner is off by %d", kind, o, d)
						}
					}
				}
			}
		}
	}
}

func diff(a, b uint32) int {
	d := int(a>>8) - int(b>>8)
	return max(d, -d)
}

func TestThumbnails(t *testing.T) {
	m := New(Options{})
	for _, c := range []struct {
		w, h int
		want string
	}{
		{480, 480, "[]"},
		{481, 300, "[480x299]"},
		{1280, 10, "[480x4]"},
		{1300, 650, "[480x240 1280x640]"},
		{650, 1300, "[240x480 640x1280]"},
		{4000, 1, "[480x1 1280x1]"},
	} {
		p, err := m.Make(t.Context(), asPNG(image.NewGray(image.Rect(0, 0, c.w, c.h))))
		if err != nil {
			t.Fatal(err)
		}
		sizes := []string{}
		for _, s := range p.Thumbnails {
			sizes = append(sizes, fmt.Sprintf("%dx%d", s.Width, s.Height))
			if got := decode(t, s.Type, s.Data).Bounds(); got.Dx() != s.Width ||
				got.Dy() != s.Height || s.Type != "image/jpeg" {
				t.Errorf("%+v is %v", s, got)
			}
		}
		if got := fmt.Sprint(sizes); got != c.want {
			t.Errorf("%dx%d: %s, want %s", c.w, c.h, got, c.want)
		}
	}
	glass := image.NewNRGBA(image.Rect(0, 0, 600, 600))
	if p := must(m.Make(t.Context(), asPNG(glass))); p.Thumbnails[0].Type != "image/png" {
		t.Errorf("glass became %s", p.Thumbnails[0].Type)
	}
}

// shrink is compared with the average as it is defined.
func TestShrinkAverages(t *testing.T) {
	src := pattern(37, 23)
	src.SetNRGBA(5, 5, color.NRGBA{255, 255, 255, 0})
	for _, size := range []image.Point{{37, 23}, {36, 22}, {20, 10}, {7, 23}, {1, 1}, {13, 1}} {
		got := shrink(src, size.X, size.Y)
		for y := range size.Y {
			for x := range size.X {
				var want [4]float64
				for sy := range 23 {
					for sx := range 37 {
						part := overlap(x, sx, 37, size.X) * overlap(y, sy, 23, size.Y)
						c := color.RGBAModel.Convert(src.At(sx, sy)).(color.RGBA)
						for i, v := range []uint8{c.R, c.G, c.B, c.A} {
							want[i] += part * float64(v) * float64(size.X*size.Y) / (37 * 23)
						}
					}
				}
				c := got.RGBAAt(x, y)
				for i, v := range []uint8{c.R, c.G, c.B, c.A} {
					if d := float64(v) - want[i]; d > 0.51 || d < -0.51 {
						t.Fatalf("%v at %d,%d: %v, want %v", size, x, y, c, want)
					}
				}
			}
		}
	}
}

// overlap is how much of source cell s of n lies in cell d of m.
func overlap(d, s, n, m int) float64 {
	from, to := float64(d)*float64(n)/float64(m), float64(d+1)*float64(n)/float64(m)
	return max(0, min(to, float64(s+1))-max(from, float64(s)))
}

func TestDamagedPicturesAreRefused(t *testing.T) {
	m := New(Options{})
	for name, data := range samples(t) {
		whole := must(m.Make(t.Context(), data)).Data
		for n := range len(whole) - 2 { // a JPEG without its last two bytes is whole
			if n > 400 && n%37 != 0 {
				continue
			}
			p, err := m.Make(t.Context(), whole[:n])
			// A JPEG of many scans that is cut between two is only less sharp.
			if err == nil && name != "gif, animated" && name != "gif" && name != "jpeg, many scans" {
				t.Errorf("%s: %d bytes of %d are taken for a whole one", name, n, len(whole))
			}
			if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrNotPicture) {
				t.Errorf("%s: %v", name, err)
			}
			if p != nil {
				decode(t, p.Type, p.Data)
			}
		}
	}
}

func TestOtherFilesAreNoPictures(t *testing.T) {
	for _, s := range []string{"", "hello", "<svg xmlns='http://www.w3.org/2000/svg'/>", "%PDF-1.7",
		"BM\x00\x00\x00\x00"} {
		if _, err := New(Options{}).Make(t.Context(), []byte(s)); err != ErrNotPicture {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestWhoDoesNotFitWaits(t *testing.T) {
	m := New(Options{Memory: 4 << 20, Parallel: 2})
	small := asJPEG(pattern(200, 100))
	if err := m.memory.Acquire(t.Context(), 4<<20); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Make(ctx, small); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with all memory taken: %v", err)
	}
	m.memory.Release(4 << 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := m.Make(t.Context(), small); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if !m.memory.TryAcquire(4<<20) || !m.slots.TryAcquire(2) {
		t.Error("not everything was given back")
	}
}

func TestCMYK(t *testing.T) {
	data := must(os.ReadFile("testdata/cmyk.jpeg"))
	p := must(New(Options{}).Make(t.Context(), data))
	expectSame(t, decode(t, p.Type, p.Data), decode(t, "image/jpeg", data))
}

func TestJPEGWithoutItsEnd(t *testing.T) {
	m := New(Options{})
	data := samples(t)["jpeg"]
	whole := must(m.Make(t.Context(), data))
	for _, missing := range []int{1, 2} {
		p, err := m.Make(t.Context(), whole.Data[:len(whole.Data)-missing])
		if err != nil || !bytes.HasSuffix(p.Data, []byte{0xff, jpegEOI}) {
			t.Errorf("without %d bytes: %v", missing, err)
			continue
		}
		decode(t, p.Type, p.Data)
	}
}

// TestColourProfilesStay: what says how the colours are meant stays, also in
// smaller copies, and what tells of people and devices does not.
// TestColourChunksStay: a PNG may say without a profile what its colours mean.
func TestColourChunksStay(t *testing.T) {
	chunks := [][]byte{chunkPNG("cICP", "\x09\x10\x00\x01"),
		chunkPNG("cHRM", strings.Repeat("\x00\x00\x7a\x26", 8)),
		chunkPNG("gAMA", "\x00\x01\x86\xa0"), chunkPNG("sRGB", "\x00"), chunkPNG("cLLI", "12345678"),
		chunkPNG("mDCV", strings.Repeat("1", 24))}
	for o := range 9 {
		twice := append(chunks, chunks[2], chunkPNG("eXIf", string(tiff(binary.BigEndian, o))))
		data := withPNG(asPNG(pattern(40, 30)), twice...)
		p := must(New(Options{}).Make(t.Context(), data))
		decode(t, p.Type, p.Data)
		if !bytes.Equal(p.Data[8+25:][:len(bytes.Join(chunks, nil))], bytes.Join(chunks, nil)) ||
			bytes.Count(p.Data, []byte("gAMA")) != 1 {
			t.Errorf("turned as %d, it begins %q", o, p.Data[:200])
		}
	}
}

func TestColourProfilesStay(t *testing.T) {
	old := make([]byte, 132)
	copy(old[8:], []byte{2, 0x10, 0, 0})
	copy(old[12:], "mntrRGB XYZ ")
	copy(old[36:], "acsp")
	xyz := func(n byte) []byte {
		return append([]byte("XYZ \x00\x00\x00\x00"), bytes.Repeat([]byte{0, 0, n, 7}, 3)...)
	}
	curve := []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33")
	profile := buildICC(old, map[string][]byte{"desc": textICC(secret, true, "desc"), "cprt": curve,
		"wtpt": xyz(1), "rXYZ": xyz(2), "gXYZ": xyz(3), "bXYZ": xyz(4),
		"rTRC": curve, "gTRC": curve, "bTRC": curve})
	copy(profile[48:], "ACME1234")
	clean := cleanICC(profile, "RGB ")
	if clean == nil || bytes.Contains(clean, []byte(secret)) || bytes.Contains(clean, []byte("ACME")) ||
		!bytes.Contains(clean, xyz(3)) || !bytes.Equal(cleanICC(clean, "RGB "), clean) {
		t.Fatalf("the clean profile is %q", clean)
	}
	for n := range profile { // damaged ones are dropped, and nothing breaks
		cleanICC(profile[:n], "RGB ")
	}
	m := New(Options{Sizes: []int{8}})
	all := samples(t)
	webP := must(m.Make(t.Context(), all["webp"])).Data
	for name, data := range map[string][]byte{
		"image/jpeg": withICC("image/jpeg", must(m.Make(t.Context(), all["jpeg"])).Data, profile),
		"image/png":  withICC("image/png", must(m.Make(t.Context(), all["png"])).Data, profile),
	} {
		p := must(m.Make(t.Context(), data))
		decode(t, p.Type, p.Data)
		got := map[string][]byte{"the picture": p.Data}
		for _, small := range p.Thumbnails {
			decode(t, small.Type, small.Data)
			got["a smaller one, "+small.Type] = small.Data
		}
		for what, b := range got {
			if !bytes.Contains(b, clean) && !bytes.Contains(b, []byte("iCCPicc")) ||
				bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s, %s: the profile is lost, or tells", name, what)
			}
		}
	}
	w, err := walkWebP(webP, limits{1 << 20, 10})
	if err != nil {
		t.Fatal(err)
	}
	f := frameWebP{}
	kind, body := chunk(&pieces{rest: w.clean[12:]})
	if err := f.add(kind, body, limits{1 << 20, 10}); err != nil {
		t.Fatal(err)
	}
	f.icc = profile
	p := must(m.Make(t.Context(), f.file()))
	decode(t, p.Type, p.Data)
	if !bytes.Contains(p.Data, clean) || bytes.Contains(p.Data, []byte(secret)) {
		t.Error("WebP: the profile is lost, or tells")
	}
}
