package picture

import "math"

// limits are what a walk may accept.
type limits struct{ pixels, frames int }

// allows judges a picture's claim, before anything is allocated for it.
func (l limits) allows(width, height, frames int) error {
	switch {
	case width <= 0 || height <= 0:
		return ErrBroken
	case width > l.pixels/height, frames > l.frames:
		return ErrTooLarge
	case frames > 1 && int64(width)*int64(height) > allFrames/int64(frames):
		return ErrTooLarge
	}
	return nil
}

// pixels is the number of pixels, as a measure of memory, with room for blocks
// that stand out at the edges.
func pixels(width, height int) int64 { return int64(width+63) * int64(height+63) }

// pieces reads a file from its start. What is not there is the zero value, and
// sets short.
type pieces struct {
	rest  []byte
	short bool
}

func (p *pieces) take(n uint32) []byte {
	if n > math.MaxInt32 || int(n) > len(p.rest) {
		p.rest, p.short = nil, true
		return make([]byte, min(n, 16))
	}
	taken := p.rest[:n:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *pieces) byte() byte { return p.take(1)[0] }
