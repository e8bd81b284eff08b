package picture

import (
	"bytes"
	"encoding/binary"
)

// loops says that an animation starts again; the number of times follows.
const loops = "\x21\xff\x0bNETSCAPE2.0\x03\x01"

func walkGIF(data []byte, lim limits) (*walked, error) {
	p := &pieces{rest: data}
	w := &walked{orientation: 1}
	out := make([]byte, 0, len(data)+1)
	head := p.take(13) // signature and screen
	w.width, w.height = int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
	if p.short {
		return nil, ErrBroken
	}
	if err := lim.allows(w.width, w.height, 1); err != nil {
		return nil, err
	}
	w.memory = pixels(w.width, w.height) * 5 // a frame, and a canvas to put it on
	out = append(append(out, head...), p.take(colours(head[10]))...)
	looped := false
	for !p.short {
		if len(p.rest) == 0 && w.frames > 0 {
			break // many end without a trailer, and all programs accept it
		}
		switch p.byte() {
		case 0x2c: // a frame
			place := p.take(9)
			if !w.holds(uint32(binary.LittleEndian.Uint16(place)),
				uint32(binary.LittleEndian.Uint16(place[2:])),
				uint32(binary.LittleEndian.Uint16(place[4:])),
				uint32(binary.LittleEndian.Uint16(place[6:]))) {
				return nil, ErrBroken
			}
			w.frames++
			if err := lim.allows(w.width, w.height, w.frames); err != nil {
				return nil, err
			}
			out = append(append(out, 0x2c), place...)
			out = append(out, p.take(colours(place[8]))...)
			out = append(out, p.byte()) // the least code's size
			out = append(out, blocks(p)...)
		case 0x21:
			label := p.byte()
			body := blocks(p)
			switch {
			case label == 0xf9 && len(body) == 6: // delay and disposal of the next frame
				out = append(append(out, 0x21, label), body...)
			case label == 0xff && !looped &&
				(bytes.HasPrefix(body, []byte("\x0bNETSCAPE2.0\x03\x01")) ||
					bytes.HasPrefix(body, []byte("\x0bANIMEXTS1.0\x03\x01"))) && len(body) >= 16:
				out, looped = append(append(append(out, loops...), body[14:16]...), 0), true
			}
		case 0x3b:
			p.rest = nil
		case 0: // some programs leave one between blocks
		default:
			return nil, ErrBroken
		}
	}
	if p.short || w.frames == 0 {
		return nil, ErrBroken
	}
	w.clean = append(out, 0x3b)
	return w, nil
}

// colours is the size of the table of colours that the flags announce.
func colours(flags byte) uint32 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// blocks takes a row of blocks up to the empty one that ends it, all included.
func blocks(p *pieces) []byte {
	from := p.rest
	for !p.short {
		n := p.byte()
		if p.short || n == 0 {
			break
		}
		p.take(uint32(n))
	}
	if p.short {
		return nil
	}
	return from[:len(from)-len(p.rest)]
}
