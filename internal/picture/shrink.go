package picture

import (
	"image"
	"image/draw"
)

// stripRows is how many rows of the source are turned into plain RGBA at a
// time.
const stripRows = 16

// shrink returns the picture w by h pixels large, neither being more than the
// source's: each pixel is the average of those that it covers, by the area that
// it covers of each. It takes little memory besides the result.
func shrink(src image.Image, w, h int) *image.RGBA {
	from := src.Bounds()
	sw, sh := from.Dx(), from.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	strip := image.NewRGBA(image.Rect(0, 0, sw, stripRows))
	row := make([]uint32, 4*w) // sums across: at most 255 for each of sw parts
	sum := make([]uint64, 4*w) // sums across and down
	total := uint64(sw) * uint64(sh)
	// A column of the source is w parts wide and one of the result sw parts, so
	// that both make w*sw; rows alike.
	out, left := 0, sh
	for top := 0; top < sh; top += stripRows {
		n := min(stripRows, sh-top)
		draw.Draw(strip, image.Rect(0, 0, sw, n), src, image.Pt(from.Min.X, from.Min.Y+top), draw.Src)
		for y := range n {
			average(row, strip.Pix[y*strip.Stride:][:4*sw], w, sw)
			for parts := h; parts > 0; {
				take := min(parts, left)
				for i, v := range row {
					sum[i] += uint64(v) * uint64(take)
				}
				parts -= take
				if left -= take; left > 0 {
					continue
				}
				pix := dst.Pix[out*dst.Stride:][:4*w]
				for i, v := range sum {
					pix[i] = uint8((v + total/2) / total)
				}
				clear(sum)
				out, left = out+1, sh
			}
		}
	}
	return dst
}

// average sums a row's sw pixels into w, by the parts that each covers.
func average(row []uint32, pix []byte, w, sw int) {
	clear(row)
	out, left := 0, sw
	for ; len(pix) >= 4; pix = pix[4:] {
		r, g, b, a := uint32(pix[0]), uint32(pix[1]), uint32(pix[2]), uint32(pix[3])
		for parts := w; parts > 0; {
			take := min(parts, left)
			t, to := uint32(take), row[4*out:4*out+4]
			to[0] += r * t
			to[1] += g * t
			to[2] += b * t
			to[3] += a * t
			parts -= take
			if left -= take; left == 0 {
				out, left = out+1, sw
			}
		}
	}
}
