package picture

import "encoding/binary"

// orientation finds how a picture was held, 1 to 8, in a TIFF as EXIF embeds
// it; 1 if it does not say.
func orientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	if tiff[0] != tiff[1] || tiff[0] != 'M' && tiff[0] != 'I' || order.Uint16(tiff[2:]) != 42 {
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	n := order.Uint16(tiff[at:])
	entries := tiff[at+2:]
	for range n {
		if len(entries) < 12 {
			break
		}
		const tag, short = 0x0112, 3
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short &&
			order.Uint32(entries[4:]) == 1 {
			if o := order.Uint16(entries[8:]); o >= 1 && o <= 8 {
				return int(o)
			}
			break
		}
		entries = entries[12:]
	}
	return 1
}
