package picture

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG: see ITU T.81, table B.1.
const (
	jpegSOF0  = 0xc0 // baseline
	jpegSOF1  = 0xc1 // extended
	jpegSOF2  = 0xc2 // progressive
	jpegDHT   = 0xc4
	jpegRST0  = 0xd0
	jpegRST7  = 0xd7
	jpegSOI   = 0xd8
	jpegEOI   = 0xd9
	jpegSOS   = 0xda
	jpegDQT   = 0xdb
	jpegDRI   = 0xdd
	jpegAPP0  = 0xe0 // JFIF
	jpegAPP1  = 0xe1 // EXIF, XMP
	jpegAPP2  = 0xe2 // colour profiles
	jpegAPP14 = 0xee // Adobe: how the colours are meant
)

// jpegScans is the most passes over a picture's blocks: each costs work on all
// blocks, and next to no bytes.
const jpegScans = 100

// jfif says that the colours are YCbCr, and nothing of the density or a
// preview.
var jfif = []byte{0xff, jpegAPP0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0}

func walkJPEG(data []byte, lim limits) (*walked, error) {
	p := &pieces{rest: data[2:]}
	w := &walked{frames: 1, orientation: 1}
	out := append(make([]byte, 0, len(data)), 0xff, jpegSOI)
	scans, jfifSeen, adobeSeen := 0, false, false
	components, icc := 0, partsICC{}
	for !p.short {
		marker := nextMarker(p)
		if marker == jpegEOI {
			break
		}
		if marker >= jpegRST0 && marker <= jpegRST7 || p.short {
			continue
		}
		size := binary.BigEndian.Uint16(p.take(2))
		if size < 2 {
			return nil, ErrBroken
		}
		body := p.take(uint32(size) - 2)
		if p.short {
			break
		}
		keep := false
		switch marker {
		case jpegSOF0, jpegSOF1, jpegSOF2:
			if w.width != 0 {
				return nil, ErrBroken
			}
			if err := w.frameJPEG(body, marker == jpegSOF2, lim); err != nil {
				return nil, err
			}
			components, keep = int(body[5]), true
		case jpegDHT, jpegDQT, jpegDRI:
			keep = true
		case jpegSOS:
			if scans++; scans > jpegScans {
				return nil, ErrTooLarge
			}
			if w.width == 0 {
				return nil, ErrBroken
			}
			keep = true
		case jpegAPP0:
			if !jfifSeen && bytes.HasPrefix(body, []byte("JFIF\x00")) {
				out, jfifSeen = append(out, jfif...), true
			}
		case jpegAPP1:
			if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && w.orientation == 1 {
				w.orientation = orientation(tiff)
			}
		case jpegAPP2:
			icc.add(body)
		case jpegAPP14:
			if !adobeSeen && len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
				out = append(append(out, 0xff, jpegAPP14, 0, 14), body[:12]...)
				adobeSeen = true
			}
		default:
			if marker < 0xe0 || marker > 0xef && marker != 0xfe {
				return nil, ErrBroken // a kind of coding that nobody uses
			}
		}
		if keep {
			out = append(out, 0xff, marker, byte(size>>8), byte(size))
			out = append(out, body...)
		}
		if marker == jpegSOS {
			out = append(out, p.take(coded(p.rest))...)
		}
	}
	// A file may lack its end, as of a copy that was cut off. Whether its
	// pixels are all there the decoder finds.
	if scans == 0 {
		return nil, ErrBroken
	}
	w.icc = icc.profile(components)
	w.clean = withICC("image/jpeg", append(out, 0xff, jpegEOI), w.icc)
	return w, nil
}

// nextMarker skips what does not belong there, as decoders do, and fill bytes.
func nextMarker(p *pieces) byte {
	for !p.short {
		if p.byte() != 0xff {
			continue
		}
		m := p.byte()
		for m == 0xff && !p.short {
			m = p.byte()
		}
		if m != 0 {
			return m
		}
	}
	return 0
}

// coded is how many bytes of coded pixels stand before the next marker.
func coded(b []byte) uint32 {
	for i := 0; ; {
		next := bytes.IndexByte(b[i:], 0xff)
		if next < 0 || i+next+1 >= len(b) {
			return uint32(len(b))
		}
		i += next
		if m := b[i+1]; m != 0 && (m < jpegRST0 || m > jpegRST7) {
			return uint32(i)
		}
		i += 2
	}
}

// frameJPEG takes the size from a frame's header, and what decoding it takes
// from its components' sampling.
func (w *walked) frameJPEG(body []byte, progressive bool, lim limits) error {
	if len(body) < 6 {
		return ErrBroken
	}
	height, width, n := int(binary.BigEndian.Uint16(body[1:])),
		int(binary.BigEndian.Uint16(body[3:])), int(body[5])
	if n != 1 && n != 3 && n != 4 || len(body) != 6+3*n {
		return ErrBroken
	}
	if err := lim.allows(width, height, 1); err != nil {
		return err
	}
	w.width, w.height = width, height
	var samples, most int64
	for c := body[6:]; len(c) > 0; c = c[3:] {
		h, v := int64(c[1]>>4), int64(c[1]&15)
		if h < 1 || h > 4 || v < 1 || v > 4 {
			return ErrBroken
		}
		samples += h * v
		most = max(most, h*v)
	}
	// A byte for each sample; progressive, four more for its coefficient; and
	// with black a copy in CMYK.
	perSample := int64(1)
	if progressive {
		perSample = 5
	}
	w.memory = pixels(width, height) * samples * perSample / most
	if n == 4 {
		w.memory += pixels(width, height) * 4
	}
	return nil
}
