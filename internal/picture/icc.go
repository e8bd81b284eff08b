package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

// A colour profile says how a picture's numbers are meant; without it, Display
// P3 and Adobe RGB look dull. But profiles also tell who made them, and some
// hold a display's serial number. So a profile is written anew, with nothing
// but the numbers that drawing needs.

// maxICC bounds a profile, in bytes, and maxUncleanICC one with what does not
// stay.
const (
	maxICC        = 64<<10 - 20
	maxUncleanICC = 1 << 20
)

// matrixICC, greyICC and tableICC are the tags that drawing needs, by the kind
// of profile: the primaries and the white point with their curves, one curve,
// or a table of colours.
var (
	matrixICC = []string{"rXYZ", "gXYZ", "bXYZ", "wtpt", "rTRC", "gTRC", "bTRC"}
	greyICC   = []string{"kTRC", "wtpt"}
	tableICC  = []string{"A2B0", "wtpt"}
)

// kindsICC are the kinds of profiles that are kept, by their colour spaces. The
// first one that is whole counts.
var kindsICC = map[string][][]string{
	"RGB XYZ ": {matrixICC, tableICC}, "RGB Lab ": {tableICC},
	"GRAYXYZ ": {greyICC}, "GRAYLab ": {greyICC},
	"CMYKXYZ ": {tableICC}, "CMYKLab ": {tableICC},
}

// spaceICC is the colour space of a profile for so many colours.
func spaceICC(colours int) string { return map[int]string{1: "GRAY", 3: "RGB ", 4: "CMYK"}[colours] }

// cleanICC returns a profile of a colour space without all that drawing does
// not need; nil for one of another space or kind, and for what is damaged.
func cleanICC(profile []byte, space string) []byte {
	tags := tagsICC(profile)
	if tags == nil || string(profile[16:20]) != space {
		return nil
	}
	// A name and a copyright belong to every profile.
	old := profile[8] < 4
	for _, kind := range kindsICC[string(profile[16:24])] {
		kept := map[string][]byte{"desc": textICC("RGB", old, "desc"), "cprt": textICC("none", old, "text")}
		for _, name := range kind {
			kept[name] = tags[name]
		}
		if slices.ContainsFunc(kind, func(name string) bool { return kept[name] == nil }) {
			continue
		}
		kept["chad"] = tags["chad"] // how the colours were adapted, if they were
		if clean := buildICC(profile, kept); len(clean) <= maxICC {
			return clean
		}
	}
	return nil
}

// tagsICC returns the tags of a profile that hold numbers only.
func tagsICC(profile []byte) map[string][]byte {
	if len(profile) < 132 || len(profile) > maxUncleanICC || string(profile[36:40]) != "acsp" {
		return nil
	}
	n := int64(binary.BigEndian.Uint32(profile[128:]))
	if n > 100 || int64(len(profile)) < 132+12*n {
		return nil
	}
	tags := map[string][]byte{}
	for i := range n {
		entry := profile[132+12*i:]
		from, size := int64(binary.BigEndian.Uint32(entry[4:])), int64(binary.BigEndian.Uint32(entry[8:]))
		if from+size <= int64(len(profile)) && isNumbers(profile[from:from+size]) {
			tags[string(entry[:4])] = profile[from : from+size]
		}
	}
	return tags
}

// copiesICC returns the profile for copies of a picture, which are in RGB: of a
// profile for grey, one of the same curve; nil for one for printing, whose
// pictures are converted without it.
func copiesICC(profile []byte) []byte {
	tags := tagsICC(profile)
	switch {
	case tags == nil || string(profile[16:20]) == "CMYK":
		return nil
	case string(profile[16:20]) == "RGB ":
		return profile
	}
	xyz := func(x, y, z uint32) []byte {
		b := []byte("XYZ \x00\x00\x00\x00")
		for _, n := range []uint32{x, y, z} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	head := slices.Clone(profile[:128])
	copy(head[12:], "mntrRGB XYZ ")
	old, curve := profile[8] < 4, tags["kTRC"]
	return buildICC(head, map[string][]byte{
		"desc": textICC("RGB", old, "desc"), "cprt": textICC("none", old, "text"),
		"wtpt": xyz(0xf6d6, 0x10000, 0xd32d), "rXYZ": xyz(0x6fa2, 0x38f5, 0x0390), // those of sRGB
		"gXYZ": xyz(0x6299, 0xb785, 0x18da), "bXYZ": xyz(0x24a0, 0x0f84, 0xb6cf),
		"rTRC": curve, "gTRC": curve, "bTRC": curve,
	})
}

// isNumbers reports whether a tag's type holds numbers only, of the size that
// it says.
func isNumbers(tag []byte) bool {
	if len(tag) < 12 {
		return false
	}
	switch string(tag[:4]) {
	case "XYZ ":
		return len(tag) == 20
	case "sf32":
		return len(tag) == 44
	case "curv":
		return int64(len(tag)) == 12+2*int64(binary.BigEndian.Uint32(tag[8:]))
	case "para":
		kinds := []int{1, 3, 4, 5, 7}
		kind := int(binary.BigEndian.Uint16(tag[8:]))
		return kind < len(kinds) && len(tag) == 12+4*kinds[kind]
	case "mft1", "mft2":
		return isTable(tag)
	}
	return false
}

// isTable reports whether a table of colours has the size that it says: curves
// of what goes in, a grid with as many dimensions, and curves of what comes
// out.
func isTable(tag []byte) bool {
	if len(tag) < 52 {
		return false
	}
	in, out, grid := int64(tag[8]), int64(tag[9]), int64(tag[10])
	if in < 1 || in > 4 || out != 3 {
		return false
	}
	points := out
	for range in {
		points *= grid
	}
	if string(tag[:4]) == "mft1" {
		return int64(len(tag)) == 48+256*(in+out)+points
	}
	curveIn, curveOut := int64(binary.BigEndian.Uint16(tag[48:])), int64(binary.BigEndian.Uint16(tag[50:]))
	return int64(len(tag)) == 52+2*(in*curveIn+points+out*curveOut)
}

// textICC is a text as a tag of a profile, which is written differently since
// version 4.
func textICC(text string, old bool, kind string) []byte {
	switch {
	case old && kind == "desc":
		b := append([]byte("desc\x00\x00\x00\x00"), 0, 0, 0, byte(len(text)+1))
		return append(append(b, text...), make([]byte, 1+8+3+67)...)
	case old:
		return append([]byte("text\x00\x00\x00\x00"+text), 0)
	}
	b := append([]byte("mluc\x00\x00\x00\x00"), 0, 0, 0, 1, 0, 0, 0, 12, 'e', 'n', 'U', 'S', 0, 0, 0,
		byte(2*len(text)), 0, 0, 0, 28)
	for _, c := range []byte(text) {
		b = append(b, 0, c)
	}
	return b
}

// buildICC writes a profile of tags. Of the old one's header stay version,
// class, colour spaces and intent.
func buildICC(old []byte, tags map[string][]byte) []byte {
	names := slices.Concat([]string{"desc", "cprt", "A2B0", "kTRC"}, matrixICC, []string{"chad"})
	names = slices.DeleteFunc(names, func(name string) bool { return tags[name] == nil })
	b := make([]byte, 128, 4096)
	copy(b[8:24], old[8:24])
	copy(b[36:], "acsp")
	copy(b[64:80], old[64:80])
	b = binary.BigEndian.AppendUint32(b, uint32(len(names)))
	at := len(b)
	b = append(b, make([]byte, 12*len(names))...)
	for i, name := range names {
		from := -1
		for _, earlier := range names[:i] { // curves are often one
			if bytes.Equal(tags[earlier], tags[name]) {
				j := slices.Index(names, earlier)
				from = int(binary.BigEndian.Uint32(b[at+12*j+4:]))
				break
			}
		}
		if from < 0 {
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
			from = len(b)
			b = append(b, tags[name]...)
		}
		copy(b[at+12*i:], name)
		binary.BigEndian.PutUint32(b[at+12*i+4:], uint32(from))
		binary.BigEndian.PutUint32(b[at+12*i+8:], uint32(len(tags[name])))
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// withICC puts a profile into a clean JPEG or PNG; nil leaves it as it is.
func withICC(kind string, data, profile []byte) []byte {
	switch {
	case profile == nil:
		return data
	case kind == "image/jpeg":
		at := 2
		if data[2] == 0xff && data[3] == jpegAPP0 {
			at += 2 + int(binary.BigEndian.Uint16(data[4:]))
		}
		size := 2 + len(headICC) + 2 + len(profile)
		segment := append([]byte{0xff, jpegAPP2, byte(size >> 8), byte(size)}, headICC...)
		segment = append(append(segment, 1, 1), profile...)
		return slices.Concat(data[:at], segment, data[at:])
	case kind == "image/png":
		var b bytes.Buffer
		b.WriteString("iCCPicc\x00\x00")
		z := zlib.NewWriter(&b)
		z.Write(profile) // into memory, which does not fail
		z.Close()
		chunk := binary.BigEndian.AppendUint32(nil, uint32(b.Len()-4))
		chunk = append(chunk, b.Bytes()...)
		chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(b.Bytes()))
		return slices.Concat(data[:afterIHDR], chunk, data[afterIHDR:])
	}
	return data
}

// headICC begins a JPEG's segment with a profile, or a part of one.
const headICC = "ICC_PROFILE\x00"

// partsICC are the parts of a JPEG's profile, by their numbers.
type partsICC map[byte][]byte

// add takes the body of a segment, if it is one of a profile.
func (p partsICC) add(body []byte) {
	if part, ok := bytes.CutPrefix(body, []byte(headICC)); ok && len(part) > 2 {
		p[part[0]] = part[2:]
	}
}

// profile returns the whole of a picture of so many colours, cleaned.
func (p partsICC) profile(colours int) []byte {
	var whole []byte
	for i := 1; i <= len(p); i++ {
		whole = append(whole, p[byte(i)]...)
	}
	return cleanICC(whole, spaceICC(colours))
}

// unzipICC returns the profile of a PNG's chunk for so many colours, cleaned.
func unzipICC(body []byte, colours int) []byte {
	_, zipped, ok := bytes.Cut(body, []byte{0})
	if !ok || len(zipped) < 1 || zipped[0] != 0 {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(zipped[1:]))
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(z, maxUncleanICC+1))
	if err != nil {
		return nil
	}
	return cleanICC(profile, spaceICC(colours))
}
