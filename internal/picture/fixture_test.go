package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"testing"
)

// secret is what no picture may carry outside.
const secret = "47.3769N 8.5417E"

// pattern is a picture whose every corner and edge looks different.
func pattern(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / w), uint8(255 * y / h),
				uint8(128 * (x * 2 / w)), 255})
		}
	}
	return m
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func asPNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func asJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// tiff is what EXIF holds: an orientation and a place.
func tiff(order binary.AppendByteOrder, o int) []byte {
	b := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM")
	}
	b = order.AppendUint32(order.AppendUint16(b, 42), 8)
	b = order.AppendUint16(b, 2)
	b = append(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x010e), 2),
		uint32(len(secret))), 0, 0, 0, 38)
	b = order.AppendUint16(order.AppendUint16(
		order.AppendUint32(order.AppendUint16(order.AppendUint16(b, 0x0112), 3), 1), uint16(o)), 0)
	return append(order.AppendUint32(b, 0), secret...)
}

func segment(marker byte, body string) []byte {
	return append([]byte{0xff, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

// withJPEG puts segments after a JPEG's start.
func withJPEG(data []byte, segments ...[]byte) []byte {
	return append(append([]byte{0xff, 0xd8}, bytes.Join(segments, nil)...), data[2:]...)
}

func chunkPNG(kind, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withPNG puts chunks after a PNG's header.
func withPNG(data []byte, chunks ...[]byte) []byte {
	const head = 8 + 25
	return append(append(bytes.Clone(data[:head]), bytes.Join(chunks, nil)...), data[head:]...)
}

// partsPNG returns the bodies of a PNG's chunks of a kind, joined.
func partsPNG(data []byte, kind string) []byte {
	var all []byte
	p := &pieces{rest: data[8:]}
	for len(p.rest) > 0 {
		head := p.take(8)
		body := p.take(binary.BigEndian.Uint32(head))
		p.take(4)
		if string(head[4:]) == kind {
			all = append(all, body...)
		}
	}
	return all
}

// animatedPNG has frames in one another's place.
func animatedPNG(frames ...*image.NRGBA) []byte {
	size := frames[0].Bounds().Size()
	b := asPNG(frames[0])
	out := append(bytes.Clone(b[:8+25]),
		chunkPNG("acTL", string(binary.BigEndian.AppendUint64(nil, uint64(len(frames))<<32)))...)
	seq := uint32(0)
	for i, f := range frames {
		control := binary.BigEndian.AppendUint32(nil, seq)
		control = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(control,
			uint32(size.X)), uint32(size.Y))
		control = append(control, make([]byte, 8+6)...)
		out = append(out, chunkPNG("fcTL", string(control))...)
		seq++
		data := partsPNG(asPNG(f), "IDAT")
		if i == 0 {
			out = append(out, chunkPNG("IDAT", string(data))...)
			continue
		}
		out = append(out, chunkPNG("fdAT", string(binary.BigEndian.AppendUint32(nil, seq))+string(data))...)
		seq++
	}
	return append(out, chunkPNG("IEND", "")...)
}

// asGIF makes an animation of n frames, the first of which covers only a part.
func asGIF(w, h, n int) []byte {
	g := &gif.GIF{Config: image.Config{Width: w, Height: h,
		ColorModel: color.Palette{color.Black, color.White, color.NRGBA{255, 0, 0, 255},
			color.Transparent}}, LoopCount: 3}
	for i := range n {
		r := image.Rect(0, 0, w, h)
		if i == 0 && n > 1 {
			r = image.Rect(w/2, h/2, w, h)
		}
		m := image.NewPaletted(r, g.Config.ColorModel.(color.Palette))
		for j := range m.Pix {
			m.Pix[j] = uint8((i + j) % 3)
		}
		g.Image, g.Delay, g.Disposal = append(g.Image, m), append(g.Delay, 7), append(g.Disposal, 0)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// lossless is a WebP's VP8L chunk of two colours: red 200, blue 50, and green
// 10 or 240 as given.
func lossless(w, h int, bright func(x, y int) bool) []byte {
	b := []byte{0x2f}
	var bits uint64
	n := 0
	put := func(v uint64, width int) {
		bits |= v << n
		for n += width; n >= 8; n -= 8 {
			b = append(b, byte(bits))
			bits >>= 8
		}
	}
	put(uint64(w-1), 14)
	put(uint64(h-1), 14)
	put(0, 1+3)                                   // nothing shows through; version
	put(0, 1+1+1)                                 // no transform, no cache, one kind of tile
	put(1|1<<1|1<<2, 3)                           // green: two symbols, of 8 bits
	put(10|240<<8, 16)                            //
	for _, v := range []uint64{200, 50, 255, 0} { // red, blue, alpha: one symbol each; distance
		put(1|0<<1|1<<2, 3)
		put(v, 8)
	}
	for y := range h {
		for x := range w {
			if bright(x, y) {
				put(1, 1)
			} else {
				put(0, 1)
			}
		}
	}
	put(0, 7)
	return b
}

func extended(flags byte, w, h int) []byte {
	b := []byte{flags, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	putLittle24(b[4:], w-1)
	putLittle24(b[7:], h-1)
	return appendChunk(nil, "VP8X", b)
}

func frameChunk(x, y, w, h int, parts []byte) []byte {
	b := make([]byte, 16)
	putLittle24(b, x/2)
	putLittle24(b[3:], y/2)
	putLittle24(b[6:], w-1)
	putLittle24(b[9:], h-1)
	return appendChunk(nil, "ANMF", append(b, parts...))
}

// lossy is the VP8 chunk of testdata/lossy.webp, which like progressive.jpeg is
// of the Go project's own tests.
func lossy(t testing.TB) (bits []byte, w, h int) {
	b := must(os.ReadFile("testdata/lossy.webp"))
	p := &pieces{rest: b[12:]}
	kind, bits := chunk(p)
	if kind != "VP8 " {
		t.Fatal("the file is not what it was")
	}
	return bits, int(binary.LittleEndian.Uint16(bits[6:])), int(binary.LittleEndian.Uint16(bits[8:]))
}

// samples are small pictures of every kind, each with secrets wherever its kind
// can hide them.
func samples(t testing.TB) map[string][]byte {
	exif := "Exif\x00\x00" + string(tiff(binary.BigEndian, 1))
	bits, lw, lh := lossy(t)
	see := bytes.Repeat([]byte{0x80}, lw*lh)
	vp8l := appendChunk(nil, "VP8L", lossless(40, 30, func(x, y int) bool { return x < 20 }))
	small := appendChunk(nil, "VP8L", lossless(20, 10, func(x, y int) bool { return y < 5 }))
	meta := append(append(appendChunk(nil, "EXIF", []byte(exif)),
		appendChunk(nil, "XMP ", []byte(secret))...), appendChunk(nil, "ABCD", []byte(secret))...)
	profile := appendChunk(nil, "ICCP", []byte(secret))
	anim := appendChunk(nil, "ANIM", []byte{0, 0, 0, 0, 1, 0})
	chunks := [][]byte{chunkPNG("tEXt", "Comment\x00"+secret), chunkPNG("eXIf", exif[6:]),
		chunkPNG("iCCP", "x\x00\x00"+secret), chunkPNG("prVt", secret), chunkPNG("gAMA", "\x00\x00\xb1\x8f"),
		chunkPNG("cHRM", secret), chunkPNG("sRGB", secret)}
	segments := [][]byte{segment(0xe0, "JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x00\x00"+secret),
		segment(0xe1, exif), segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+secret),
		segment(0xe2, "ICC_PROFILE\x00\x01\x01"+secret), segment(0xed, "Photoshop 3.0\x00"+secret),
		segment(0xfe, secret), segment(0xee, "Adobe\x00\x64\x00\x00\x00\x00\x01"+secret)}
	animated := asGIF(40, 30, 3)
	tail := len(animated) - 1
	animated = append(animated[:tail:tail],
		"\x21\xfe\x10"+secret+"\x00\x21\xff\x0bXMP DataXMP\x10"+secret+
			"\x00\x21\x01\x0c0123456789ab\x10"+secret+"\x00\x3b"+secret...)
	grey := image.NewGray(image.Rect(0, 0, 33, 17))
	rand.NewChaCha8([32]byte{}).Read(grey.Pix)
	return map[string][]byte{
		"jpeg":             append(withJPEG(asJPEG(pattern(40, 30)), segments...), secret...),
		"jpeg, grey":       append(withJPEG(asJPEG(grey), segments[1:6]...), secret...),
		"jpeg, many scans": withJPEG(must(os.ReadFile("testdata/progressive.jpeg")), segments[1:6]...),
		"png":              append(withPNG(asPNG(pattern(40, 30)), chunks...), secret...),
		"png, grey":        append(withPNG(asPNG(grey), chunks...), secret...),
		"png, animated": append(withPNG(animatedPNG(pattern(40, 30), pattern(40, 30)),
			chunks...), secret...),
		"gif":           append(asGIF(40, 30, 1), secret...),
		"gif, animated": animated,
		"webp": append(riff(appendChunk(nil, "VP8 ", bits)),
			appendChunk(nil, "ABCD", []byte(secret))...),
		"webp, lossless": riff(extended(0x3c, 40, 30), profile, vp8l, meta),
		"webp, alpha": riff(extended(0x3c, lw, lh), profile,
			appendChunk(nil, "ALPH", append([]byte{0}, see...)), appendChunk(nil, "VP8 ", bits), meta),
		"webp, animated": riff(extended(0x3e, 40, 30), profile, anim,
			frameChunk(10, 8, 20, 10, append(appendChunk(nil, "ABCD", []byte(secret)), small...)),
			frameChunk(0, 0, 40, 30, vp8l), meta),
	}
}
