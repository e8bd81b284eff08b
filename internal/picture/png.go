package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

const pngHead = "\x89PNG\r\n\x1a\n"

// afterIHDR is where the chunks begin that follow the first one.
const afterIHDR = len(pngHead) + 8 + 13 + 4

// colourChunks are the chunks that say what the colours mean, beside a profile,
// and the sizes of their bodies: nothing else is in them.
var colourChunks = map[string]int{"sRGB": 1, "gAMA": 4, "cHRM": 32, "cICP": 4, "mDCV": 24, "cLLI": 8}

func walkPNG(data []byte, lim limits) (*walked, error) {
	p := &pieces{rest: data[len(pngHead):]}
	w := &walked{frames: 1, orientation: 1}
	out := append(make([]byte, 0, len(data)), pngHead...)
	controls := 0 // frames of an animation that were described
	for !p.short {
		head := p.take(8)
		size, kind := binary.BigEndian.Uint32(head), string(head[4:8])
		body := p.take(size)
		sum := binary.BigEndian.Uint32(p.take(4))
		if p.short {
			break
		}
		if (kind == "IHDR") != (w.width == 0) {
			return nil, ErrBroken
		}
		switch kind {
		case "IHDR":
			if err := w.headPNG(body, lim); err != nil {
				return nil, err
			}
		case "iCCP":
			colours := 3
			if data[len(pngHead)+8+9]&2 == 0 {
				colours = 1
			}
			w.icc = unzipICC(body, colours)
			continue
		case "PLTE", "tRNS", "IDAT", "IEND", "fdAT":
		case "sRGB", "gAMA", "cHRM", "cICP", "mDCV", "cLLI":
			if len(body) != colourChunks[kind] || bytes.Contains(w.colours, head) {
				continue
			}
			w.colours = binary.BigEndian.AppendUint32(append(append(w.colours, head...), body...), sum)
		case "acTL":
			if len(body) != 8 {
				return nil, ErrBroken
			}
			frames := binary.BigEndian.Uint32(body)
			if frames > 1<<30 {
				return nil, ErrTooLarge
			}
			w.frames = max(1, int(frames))
			if err := lim.allows(w.width, w.height, w.frames); err != nil {
				return nil, err
			}
		case "fcTL":
			if len(body) != 26 || !w.holds(binary.BigEndian.Uint32(body[12:]),
				binary.BigEndian.Uint32(body[16:]), binary.BigEndian.Uint32(body[4:]),
				binary.BigEndian.Uint32(body[8:])) {
				return nil, ErrBroken
			}
			if controls++; controls > w.frames {
				return nil, ErrBroken
			}
		case "eXIf":
			w.orientation = orientation(body)
			continue
		default:
			if kind[0]&0x20 == 0 { // a letter that is not small: drawing needs it
				return nil, ErrBroken
			}
			continue
		}
		if crc32.ChecksumIEEE(data[len(data)-len(p.rest)-4-len(body)-4:len(data)-len(p.rest)-4]) != sum {
			return nil, ErrBroken
		}
		out = append(out, head...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, sum)
		if kind == "IEND" {
			if w.frames > 1 {
				w.orientation = 1 // who turned it would have to draw all frames anew
			}
			w.clean = withICC("image/png", out, w.icc)
			return w, nil
		}
	}
	return nil, ErrBroken
}

func (w *walked) headPNG(body []byte, lim limits) error {
	if len(body) != 13 {
		return ErrBroken
	}
	width, height := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
	if width > 1<<30 || height > 1<<30 {
		return ErrTooLarge
	}
	if err := lim.allows(int(width), int(height), 1); err != nil {
		return err
	}
	w.width, w.height = int(width), int(height)
	perPixel := int64(4)
	if body[8] == 16 {
		perPixel = 8
	}
	if body[12] != 0 { // interlaced: each pass is decoded by itself
		perPixel *= 2
	}
	w.memory = pixels(w.width, w.height) * perPixel
	return nil
}

// holds reports whether a frame lies on the canvas.
func (w *walked) holds(x, y, width, height uint32) bool {
	return width > 0 && height > 0 && uint64(x)+uint64(width) <= uint64(w.width) &&
		uint64(y)+uint64(height) <= uint64(w.height)
}
