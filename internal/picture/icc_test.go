package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
	"testing"
)

// profileICC is a profile of a colour space, with tags and with secrets in
// those that nobody needs.
func profileICC(space string, tags map[string][]byte) []byte {
	head := make([]byte, 132)
	copy(head[8:], []byte{2, 0x40, 0, 0})
	copy(head[12:], "prtr"+space)
	copy(head[36:], "acsp")
	tags["desc"], tags["cprt"] = textICC(secret, true, "desc"), textICC(secret, true, "text")
	return buildICC(head, tags)
}

var (
	whiteICC = []byte("XYZ \x00\x00\x00\x00\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d")
	curveICC = []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33")
)

// tableOf is a table of colours with a grid of 3 points a side.
func tableOf(kind string, in byte) []byte {
	b := append([]byte(kind), make([]byte, 44)...)
	b[8], b[9], b[10] = in, 3, 3
	grid := 3
	for range in {
		grid *= 3
	}
	if kind == "mft1" {
		return append(b, bytes.Repeat([]byte{7}, 256*(int(in)+3)+grid)...)
	}
	b = append(b, 0, 2, 0, 4)
	return append(b, bytes.Repeat([]byte{7}, 2*(2*int(in)+grid+4*3))...)
}

func TestProfilesOfAllSpaces(t *testing.T) {
	for name, c := range map[string]struct {
		profile []byte
		space   string
		kept    bool
	}{
		"grey":                   {profileICC("GRAYXYZ ", map[string][]byte{"kTRC": curveICC, "wtpt": whiteICC}), "GRAY", true},
		"grey in Lab":            {profileICC("GRAYLab ", map[string][]byte{"kTRC": curveICC, "wtpt": whiteICC}), "GRAY", true},
		"grey of a colour":       {profileICC("GRAYXYZ ", map[string][]byte{"kTRC": curveICC, "wtpt": whiteICC}), "RGB ", false},
		"grey without a curve":   {profileICC("GRAYXYZ ", map[string][]byte{"wtpt": whiteICC}), "GRAY", false},
		"printing":               {profileICC("CMYKLab ", map[string][]byte{"A2B0": tableOf("mft2", 4), "wtpt": whiteICC}), "CMYK", true},
		"printing, in bytes":     {profileICC("CMYKLab ", map[string][]byte{"A2B0": tableOf("mft1", 4), "wtpt": whiteICC}), "CMYK", true},
		"a table for RGB":        {profileICC("RGB Lab ", map[string][]byte{"A2B0": tableOf("mft2", 3), "wtpt": whiteICC}), "RGB ", true},
		"a table that is cut":    {profileICC("RGB Lab ", map[string][]byte{"A2B0": tableOf("mft2", 3)[:200], "wtpt": whiteICC}), "RGB ", false},
		"a table that is longer": {profileICC("RGB Lab ", map[string][]byte{"A2B0": append(tableOf("mft1", 3), secret...), "wtpt": whiteICC}), "RGB ", false},
		"six inks":               {profileICC("6CLRLab ", map[string][]byte{"A2B0": tableOf("mft1", 6), "wtpt": whiteICC}), "CMYK", false},
	} {
		clean := cleanICC(c.profile, c.space)
		if (clean != nil) != c.kept || bytes.Contains(clean, []byte(secret)) ||
			!bytes.Equal(cleanICC(clean, c.space), clean) {
			t.Errorf("%s: %q", name, clean)
		}
		for n := range c.profile {
			cleanICC(c.profile[:n], c.space)
		}
	}
	large := tableOf("mft1", 3)
	large[10] = 40
	large = append(large, make([]byte, 3*40*40*40-3*27)...)
	if cleanICC(profileICC("RGB Lab ", map[string][]byte{"A2B0": large, "wtpt": whiteICC}), "RGB ") != nil {
		t.Error("a table that fits into no segment is kept")
	}
}

// TestGreyKeepsItsCurve: a grey picture keeps its profile, turned too, and its
// copies, which are in RGB, have one in RGB with the same curve.
func TestGreyKeepsItsCurve(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 40, 20))
	for i := range grey.Pix {
		grey.Pix[i] = byte(i)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, grey, nil); err != nil {
		t.Fatal(err)
	}
	profile := profileICC("GRAYXYZ ", map[string][]byte{"kTRC": curveICC, "wtpt": whiteICC})
	for _, orientation := range []byte{1, 6} {
		data := withICC("image/jpeg", b.Bytes(), profile)
		exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00"
		data = append(data[:2:2], append(segment(0xe1, exif), data[2:]...)...)
		p := must(New(Options{Sizes: []int{8}}).Make(t.Context(), data))
		if orientation == 6 && p.Width != 20 {
			t.Fatalf("not turned: %d by %d", p.Width, p.Height)
		}
		if img := decode(t, p.Type, p.Data); img.ColorModel() != color.GrayModel {
			t.Errorf("the picture is no longer grey: %T", img)
		}
		for what, c := range map[string]struct {
			data  []byte
			space string
		}{"the picture": {p.Data, "prtrGRAYXYZ "}, "a copy": {p.Thumbnails[0].Data, "mntrRGB XYZ "}} {
			got := string(c.data)
			if !strings.Contains(got, c.space) || !strings.Contains(got, string(curveICC)) ||
				strings.Contains(got, secret) {
				t.Errorf("orientation %d: the profile of %s is another", orientation, what)
			}
		}
	}
}
