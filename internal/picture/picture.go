// Package picture makes pictures that strangers sent fit to be shown to others.
//
// What a file is, its own bytes say ([Type]), never its name or its sender. A
// picture is walked piece by piece, and only the pieces that drawing needs are
// copied: position, camera, comments and embedded previews stay behind, and so
// does what was hung on to the end. Colour profiles are written anew. Only then
// is the copy decoded, so that no decoder sees what the walk did not pass.
//
// A header is judged before anything is allocated: sides, pixels, frames, and
// the memory that decoding will take. All pictures at work share one budget of
// memory; who does not fit waits.
//
// A JPEG that has to be turned, as its EXIF says, is encoded anew; any other
// keeps its pixels bit by bit. JPEG, PNG (also animated), GIF and WebP (also
// animated) are pictures here. All other files pass untouched, as one of a few
// harmless types or as application/octet-stream.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"slices"

	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"
)

var (
	// ErrNotPicture is returned for files that are none of the four kinds of
	// pictures.
	ErrNotPicture = errors.New("the file is not a picture of a known kind")
	// ErrTooLarge is returned for pictures that claim more pixels or frames
	// than allowed, or that would take more memory than there is for all of
	// them.
	ErrTooLarge = errors.New("the picture is larger than allowed")
	// ErrBroken is returned for pictures that cannot be decoded.
	ErrBroken = errors.New("the picture is damaged")
)

// Options bound the work. Zero values mean what is said in brackets.
type Options struct {
	Pixels   int   // most pixels of a picture, or of one frame [50 million]
	Frames   int   // most frames of an animation [1,000]
	Memory   int64 // bytes that all decoding may take at a time [256 MiB]
	Parallel int   // pictures decoded at a time [half the processors]
	Sizes    []int // longer sides of the thumbnails, ascending [480, 1280]
	Anew     bool  // every picture has a thumbnail, if need be as large as itself
}

// Maker makes pictures. Safe for concurrent use.
type Maker struct {
	opt    Options
	memory *semaphore.Weighted
	slots  *semaphore.Weighted
}

// Picture is a picture as it may be shown. The receiver owns it.
type Picture struct {
	Type          string // image/jpeg, image/png, image/gif or image/webp
	Width, Height int    // pixels, as it is shown
	Animated      bool
	Data          []byte // the whole picture, without metadata
	// Thumbnails are smaller copies, ascending: one for each size that the
	// picture is larger than. An animation always has at least one, at most as
	// large as itself, of its first frame; with Options.Anew every picture has.
	Thumbnails []Thumbnail
}

// Thumbnail is a smaller copy of a picture: a JPEG, or a PNG where something
// shows through.
type Thumbnail struct {
	Type          string
	Width, Height int
	Data          []byte
}

const (
	// allFrames bounds the pixels of an animation's frames together, which
	// whoever looks at it has to draw.
	allFrames = 1 << 30
	// Qualities of JPEG: of a picture that was turned, and of thumbnails.
	turnedQuality, thumbnailQuality = 92, 82
)

// New returns a Maker.
func New(opt Options) *Maker {
	if opt.Pixels == 0 {
		opt.Pixels = 50_000_000
	}
	if opt.Frames == 0 {
		opt.Frames = 1000
	}
	if opt.Memory == 0 {
		opt.Memory = 256 << 20
	}
	if opt.Parallel == 0 {
		opt.Parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if opt.Sizes == nil {
		opt.Sizes = []int{480, 1280}
	}
	return &Maker{opt: opt, memory: semaphore.NewWeighted(opt.Memory),
		slots: semaphore.NewWeighted(int64(opt.Parallel))}
}

// walked is what a walk over a file's pieces found.
type walked struct {
	width, height int         // as stored, before turning
	frames        int         // 1 if it stands still
	orientation   int         // EXIF's 1 to 8
	memory        int64       // bytes that decoding takes, at most
	clean         []byte      // the copy without metadata
	icc           []byte      // its colour profile, cleaned; nil without
	colours       []byte      // a PNG's colourChunks
	still         []byte      // what the decoder gets if that is not clean: the first frame of an animation
	at            image.Point // where on the canvas still belongs, if its own bounds do not say so
}

// walks are by type. Each is given what a frame may have.
var walks = map[string]struct {
	walk   func(data []byte, lim limits) (*walked, error)
	decode func(data []byte) (image.Image, error)
}{
	"image/jpeg": {walkJPEG, func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }},
	"image/png":  {walkPNG, func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }},
	"image/gif":  {walkGIF, func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }},
	"image/webp": {walkWebP, func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) }},
}

// Make returns the picture that data holds, cleaned, upright and with its
// thumbnails. It waits until there is memory and a processor for it, or ctx
// ends. The errors are ErrNotPicture, ErrTooLarge, ErrBroken (they may be
// wrapped) and that of ctx. It does not change data, nor keep it.
func (m *Maker) Make(ctx context.Context, data []byte) (p *Picture, err error) {
	err = m.decoded(ctx, data, m.opt.Sizes, func(kind string, img image.Image, w *walked) (err error) {
		p = &Picture{Type: kind, Width: w.width, Height: w.height, Animated: w.frames > 1, Data: w.clean}
		if w.orientation >= 5 {
			p.Width, p.Height = p.Height, p.Width
		}
		if p.Thumbnails, err = m.thumbnails(img, w); err != nil {
			return err
		}
		if w.orientation > 1 {
			p.Type, p.Data, err = encode(turned(img, w.orientation), kind == "image/png", turnedQuality, w)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Square returns what is in the middle of the picture that data holds, upright,
// as a square of side pixels, or smaller if the picture is: of an animation its
// first frame. It waits, and fails, as Make does.
func (m *Maker) Square(ctx context.Context, data []byte, side int) (t Thumbnail, err error) {
	err = m.decoded(ctx, data, []int{side}, func(_ string, img image.Image, w *walked) error {
		if part, ok := img.(interface {
			SubImage(r image.Rectangle) image.Image
		}); ok { // as all that the decoders give
			short := min(w.width, w.height)
			at := image.Pt((w.width-short)/2, (w.height-short)/2)
			img = part.SubImage(image.Rectangle{Min: at, Max: at.Add(image.Pt(short, short))})
		}
		side = min(side, img.Bounds().Dx(), img.Bounds().Dy())
		upright := turned(shrink(img, side, side), w.orientation)
		kind, data, err := encode(upright, false, thumbnailQuality, w)
		t = Thumbnail{kind, side, side, data}
		return err
	})
	return t, err
}

// decoded runs what uses a decoded picture and makes smaller ones of those
// sizes, while there is memory and a processor for it.
func (m *Maker) decoded(ctx context.Context, data []byte, sizes []int,
	use func(kind string, img image.Image, w *walked) error) error {
	kind := Type(data)
	way, ok := walks[kind]
	if !ok {
		return ErrNotPicture
	}
	w, err := way.walk(data, limits{m.opt.Pixels, m.opt.Frames})
	if err != nil {
		return err
	}
	cost := w.cost(sizes)
	if cost > m.opt.Memory {
		return ErrTooLarge
	}
	// Memory first: a slot that waits for memory would keep smaller pictures
	// from theirs.
	if err := m.memory.Acquire(ctx, cost); err != nil {
		return err
	}
	defer m.memory.Release(cost)
	if err := m.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.slots.Release(1)

	still := w.clean
	if w.still != nil {
		still = w.still
	}
	img, err := way.decode(still)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if w.frames > 1 || kind == "image/gif" {
		img = onCanvas(img, w)
	}
	if img.Bounds() != image.Rect(0, 0, w.width, w.height) {
		return fmt.Errorf("%w: its size is not what it says", ErrBroken)
	}
	return use(kind, img, w)
}

// cost is the memory that making takes, at most: the decoded picture, the same
// turned, and thumbnails.
func (w *walked) cost(sizes []int) int64 {
	cost := w.memory + int64(w.width)*stripRows*4 + int64(len(w.clean))
	if w.orientation > 1 {
		cost += 2 * w.memory
	}
	for _, size := range sizes {
		cost += int64(min(size, w.width)) * int64(min(size, w.height)) * 8
	}
	return cost
}

// onCanvas puts an animation's frame, which may be smaller than the animation,
// in its place.
func onCanvas(frame image.Image, w *walked) image.Image {
	all := image.Rect(0, 0, w.width, w.height)
	place := frame.Bounds().Add(w.at)
	if place == all {
		return frame
	}
	canvas := image.NewRGBA(all)
	draw.Draw(canvas, place, frame, frame.Bounds().Min, draw.Src)
	return canvas
}

func (m *Maker) thumbnails(img image.Image, w *walked) ([]Thumbnail, error) {
	long := max(w.width, w.height)
	sizes := []int{}
	for _, size := range m.opt.Sizes {
		if size < long {
			sizes = append(sizes, size)
		}
	}
	if (w.frames > 1 || m.opt.Anew) && len(sizes) == 0 {
		sizes = append(sizes, long)
	}
	all := make([]Thumbnail, len(sizes))
	for i := len(sizes) - 1; i >= 0; i-- {
		small := shrink(img, max(1, (w.width*sizes[i]+long/2)/long), max(1, (w.height*sizes[i]+long/2)/long))
		img = small // the next one is made of this one
		upright := turned(small, w.orientation)
		kind, data, err := encode(upright, false, thumbnailQuality, w)
		if err != nil {
			return nil, err
		}
		all[i] = Thumbnail{kind, upright.Bounds().Dx(), upright.Bounds().Dy(), data}
	}
	return all, nil
}

// encode writes a JPEG, or where something shows through, or exactly is wanted,
// a PNG, with what its source says of the colours.
func encode(img image.Image, exactly bool, quality int, w *walked) (kind string, data []byte, err error) {
	var b bytes.Buffer
	if o, ok := img.(interface{ Opaque() bool }); !exactly && (!ok || o.Opaque()) {
		kind, err = "image/jpeg", jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	} else {
		kind, err = "image/png", png.Encode(&b, img)
	}
	if err != nil {
		return "", nil, fmt.Errorf("encode a picture: %w", err)
	}
	data, icc := b.Bytes(), w.icc
	if kind == "image/png" && len(w.colours) > 0 {
		data = slices.Concat(data[:afterIHDR], w.colours, data[afterIHDR:])
	}
	switch img.(type) {
	case *image.Gray, *image.Gray16: // as the source
	default:
		icc = copiesICC(icc)
	}
	return kind, withICC(kind, data, icc), nil
}
