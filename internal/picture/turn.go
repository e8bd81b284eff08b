package picture

import (
	"image"
	"image/draw"
)

// turned returns the picture as EXIF's orientation says that it is to be looked
// at. Orientations from 5 on swap width and height.
func turned(img image.Image, orientation int) image.Image {
	if orientation <= 1 {
		return img
	}
	size := img.Bounds().Size()
	to := image.Rect(0, 0, size.X, size.Y)
	if orientation >= 5 {
		to = image.Rect(0, 0, size.Y, size.X)
	}
	switch m := img.(type) {
	case *image.YCbCr:
		// The planes are turned as they are, which keeps a photo's memory low.
		// Where a side is odd, colour may move by half a sample, which is less
		// than its resolution.
		if ratio, ok := turnedRatio[m.SubsampleRatio]; ok && m.Rect.Min == (image.Point{}) {
			out := &image.YCbCr{Rect: to, SubsampleRatio: m.SubsampleRatio, YStride: to.Dx()}
			if orientation >= 5 {
				out.SubsampleRatio = ratio
			}
			cw, ch := chroma(m.SubsampleRatio, size)
			out.Y = turnPlane(m.Y, m.YStride, size.X, size.Y, 1, orientation)
			out.Cb = turnPlane(m.Cb, m.CStride, cw, ch, 1, orientation)
			out.Cr = turnPlane(m.Cr, m.CStride, cw, ch, 1, orientation)
			out.CStride, _ = chroma(out.SubsampleRatio, to.Size())
			return out
		}
	case *image.Gray:
		if m.Rect.Min == (image.Point{}) {
			return &image.Gray{Pix: turnPlane(m.Pix, m.Stride, size.X, size.Y, 1, orientation),
				Stride: to.Dx(), Rect: to}
		}
	}
	m, ok := img.(*image.RGBA)
	if !ok || m.Rect.Min != (image.Point{}) {
		m = image.NewRGBA(image.Rect(0, 0, size.X, size.Y))
		draw.Draw(m, m.Rect, img, img.Bounds().Min, draw.Src)
	}
	return &image.RGBA{Pix: turnPlane(m.Pix, m.Stride, size.X, size.Y, 4, orientation),
		Stride: 4 * to.Dx(), Rect: to}
}

// turnedRatio is how colour is sampled after a quarter turn; what is not here
// has no such counterpart.
var turnedRatio = map[image.YCbCrSubsampleRatio]image.YCbCrSubsampleRatio{
	image.YCbCrSubsampleRatio444: image.YCbCrSubsampleRatio444,
	image.YCbCrSubsampleRatio420: image.YCbCrSubsampleRatio420,
	image.YCbCrSubsampleRatio422: image.YCbCrSubsampleRatio440,
	image.YCbCrSubsampleRatio440: image.YCbCrSubsampleRatio422,
}

// chroma is the size of the planes of colour.
func chroma(ratio image.YCbCrSubsampleRatio, size image.Point) (w, h int) {
	w, h = size.X, size.Y
	if ratio == image.YCbCrSubsampleRatio420 || ratio == image.YCbCrSubsampleRatio422 {
		w = (w + 1) / 2
	}
	if ratio == image.YCbCrSubsampleRatio420 || ratio == image.YCbCrSubsampleRatio440 {
		h = (h + 1) / 2
	}
	return w, h
}

// turnPlane turns w by h samples of some bytes each, whose rows begin stride
// bytes apart.
func turnPlane(src []byte, stride, w, h, bytes, orientation int) []byte {
	dst := make([]byte, 0, w*h*bytes)
	// Walking along a row of the result moves through the source by step, from
	// where the row starts.
	rows := h
	if orientation >= 5 {
		rows = w
	}
	for y := range rows {
		var at, step, n int
		switch orientation {
		case 2:
			at, step, n = y*stride+(w-1)*bytes, -bytes, w
		case 3:
			at, step, n = (h-1-y)*stride+(w-1)*bytes, -bytes, w
		case 4:
			at, step, n = (h-1-y)*stride, bytes, w
		case 5:
			at, step, n = y*bytes, stride, h
		case 6:
			at, step, n = (h-1)*stride+y*bytes, -stride, h
		case 7:
			at, step, n = (h-1)*stride+(w-1-y)*bytes, -stride, h
		case 8:
			at, step, n = (w-1-y)*bytes, stride, h
		}
		for range n {
			dst = append(dst, src[at:at+bytes]...)
			at += step
		}
	}
	return dst
}
