package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// Flags of WebP's extended header.
const (
	webpAnimated = 1 << 1
	webpAlpha    = 1 << 4
	webpICC      = 1 << 5
)

func walkWebP(data []byte, lim limits) (*walked, error) {
	size := 8 + int64(binary.LittleEndian.Uint32(data[4:]))
	if size < 12 || size > int64(len(data))+1 { // the last byte may only fill up
		return nil, ErrBroken
	}
	p := &pieces{rest: data[12:min(size, int64(len(data)))]}
	w := &walked{frames: 1, orientation: 1}
	var extended, animation []byte // the header, and what says how an animation runs
	var still frameWebP
	var frames []byte
	n := 0
	for len(p.rest) > 0 {
		kind, body := chunk(p)
		if p.short {
			return nil, ErrBroken
		}
		switch kind {
		case "VP8X":
			if extended != nil || len(body) < 10 {
				return nil, ErrBroken
			}
			extended = body[:10:10]
			w.width, w.height = 1+little24(body[4:]), 1+little24(body[7:])
			if err := lim.allows(w.width, w.height, 1); err != nil {
				return nil, err
			}
		case "ANIM":
			if len(body) < 6 {
				return nil, ErrBroken
			}
			animation = body[:6:6]
		case "ANMF":
			if extended == nil || extended[0]&webpAnimated == 0 || animation == nil {
				return nil, ErrBroken
			}
			n++
			if err := lim.allows(w.width, w.height, n); err != nil {
				return nil, err
			}
			frame, clean, err := w.animated(body, lim)
			if err != nil {
				return nil, err
			}
			if n == 1 {
				still = frame
				w.at = image.Pt(2*little24(body), 2*little24(body[3:]))
			}
			frames = append(frames, clean...)
		case "ALPH", "VP8 ", "VP8L":
			if err := still.add(kind, body, lim); err != nil {
				return nil, err
			}
		case "ICCP":
			w.icc = cleanICC(body, "RGB ")
		case "EXIF":
			w.orientation = orientation(bytes.TrimPrefix(body, []byte("Exif\x00\x00")))
		}
	}
	if still.bits == nil {
		return nil, ErrBroken
	}
	w.memory = still.memory()
	if n == 0 {
		if extended != nil && (extended[0]&webpAnimated != 0 || w.width != still.width ||
			w.height != still.height) {
			return nil, ErrBroken
		}
		w.width, w.height = still.width, still.height
		still.icc = w.icc
		w.clean = still.file()
		return w, nil
	}
	// A single frame counts as two: it is drawn on a canvas, like any
	// animation.
	w.frames, w.orientation = max(2, n), 1
	w.memory += pixels(w.width, w.height) * 4
	w.still = still.file()
	extended = bytes.Clone(extended)
	extended[0] &= webpAnimated | webpAlpha
	head := appendChunk(nil, "VP8X", extended)
	if w.icc != nil {
		extended[0] |= webpICC
		head = appendChunk(appendChunk(nil, "VP8X", extended), "ICCP", w.icc)
	}
	w.clean = riff(appendChunk(head, "ANIM", animation), frames)
	return w, nil
}

// animated takes a frame of an animation, and returns it also as it is copied.
func (w *walked) animated(body []byte, lim limits) (frame frameWebP, clean []byte, err error) {
	p := &pieces{rest: body}
	head := p.take(16)
	for len(p.rest) > 0 && !p.short {
		kind, part := chunk(p)
		if p.short || kind != "ALPH" && kind != "VP8 " && kind != "VP8L" {
			continue
		}
		if err := frame.add(kind, part, lim); err != nil {
			return frame, nil, err
		}
	}
	width, height := 1+little24(head[6:]), 1+little24(head[9:])
	if p.short || frame.bits == nil || frame.width != width || frame.height != height ||
		!w.holds(uint32(2*little24(head)), uint32(2*little24(head[3:])), uint32(width), uint32(height)) {
		return frame, nil, ErrBroken
	}
	return frame, appendChunk(nil, "ANMF", append(head, frame.chunks()...)), nil
}

// frameWebP is one picture: its pixels, and for the lossy kind what shows
// through.
type frameWebP struct {
	icc           []byte // a clean profile; nil without
	kind          string
	bits, alpha   []byte
	width, height int
}

func (f *frameWebP) add(kind string, body []byte, lim limits) error {
	if f.bits != nil {
		return ErrBroken
	}
	switch kind {
	case "ALPH":
		if f.alpha != nil || len(body) == 0 {
			return ErrBroken
		}
		f.alpha = body
		return nil
	case "VP8 ":
		// A key frame's tag, its start code, and the size.
		if len(body) < 10 || body[0]&1 != 0 || string(body[3:6]) != "\x9d\x01\x2a" {
			return ErrBroken
		}
		f.width, f.height = int(binary.LittleEndian.Uint16(body[6:])&0x3fff),
			int(binary.LittleEndian.Uint16(body[8:])&0x3fff)
	case "VP8L":
		if len(body) < 5 || body[0] != 0x2f || f.alpha != nil {
			return ErrBroken
		}
		size := binary.LittleEndian.Uint32(body[1:])
		f.width, f.height = 1+int(size&0x3fff), 1+int(size>>14&0x3fff)
	}
	f.kind, f.bits = kind, body
	return lim.allows(f.width, f.height, 1)
}

// memory is what decoding takes. The lossless kind, which alpha may be too,
// works on copies of four bytes a pixel, and has tables of up to 47 kB for each
// of 2,600 kinds of tiles; a table takes many times its bytes in the file.
func (f *frameWebP) memory() int64 {
	lossless := len(f.alpha)
	perPixel := int64(2)
	if f.kind == "VP8L" {
		lossless, perPixel = len(f.bits), 0
	}
	if lossless > 0 {
		perPixel += 12
	}
	return pixels(f.width, f.height)*perPixel + min(128<<20, 256*int64(lossless))
}

func (f *frameWebP) chunks() []byte {
	var b []byte
	if f.alpha != nil {
		b = appendChunk(b, "ALPH", f.alpha)
	}
	return appendChunk(b, f.kind, f.bits)
}

// file is the picture by itself.
func (f *frameWebP) file() []byte {
	if f.alpha == nil && f.icc == nil {
		return riff(f.chunks())
	}
	head := make([]byte, 10)
	if f.alpha != nil {
		head[0] = webpAlpha
	}
	putLittle24(head[4:], f.width-1)
	putLittle24(head[7:], f.height-1)
	if f.icc == nil {
		return riff(appendChunk(nil, "VP8X", head), f.chunks())
	}
	head[0] |= webpICC
	return riff(appendChunk(appendChunk(nil, "VP8X", head), "ICCP", f.icc), f.chunks())
}

func riff(parts ...[]byte) []byte {
	size := 4
	for _, p := range parts {
		size += len(p)
	}
	b := make([]byte, 0, 8+size)
	b = binary.LittleEndian.AppendUint32(append(b, "RIFF"...), uint32(size))
	b = append(b, "WEBP"...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// chunk takes a chunk with the byte that fills it up to an even size; the
// file's last may lack that.
func chunk(p *pieces) (kind string, body []byte) {
	head := p.take(8)
	size := binary.LittleEndian.Uint32(head[4:])
	body = p.take(size)
	if size%2 == 1 && len(p.rest) > 0 {
		p.take(1)
	}
	return string(head[:4]), body
}

func appendChunk(b []byte, kind string, body []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, kind...), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func little24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putLittle24(b []byte, n int) { b[0], b[1], b[2] = byte(n), byte(n>>8), byte(n>>16) }
