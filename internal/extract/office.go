package extract

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

const (
	maxParts = 2000     // files in a zip file that are looked at
	maxXML   = 64 << 20 // bytes of XML that are unpacked of a file in all
	maxDepth = 1000     // elements inside each other
)

// texts are where the text of documents is in their zip files: by the beginning
// and the end of the names.
var texts = []struct{ begin, end string }{
	{"word/document", ".xml"}, {"word/header", ".xml"}, {"word/footer", ".xml"},
	{"word/footnotes", ".xml"}, {"word/endnotes", ".xml"}, {"word/comments", ".xml"},
	{"xl/sharedStrings", ".xml"}, {"xl/worksheets/sheet", ".xml"}, {"xl/comments", ".xml"},
	{"ppt/slides/slide", ".xml"}, {"ppt/notesSlides/notesSlide", ".xml"},
	{"content.xml", ""}, // OpenDocument
}

// office reads docx, xlsx, pptx and OpenDocument.
func (t *text) office(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	var parts []*zip.File
	for _, f := range z.File[:min(len(z.File), maxParts)] {
		for _, place := range texts {
			if strings.HasPrefix(f.Name, place.begin) && strings.HasSuffix(f.Name, place.end) {
				parts = append(parts, f)
				break
			}
		}
	}
	if len(parts) == 0 {
		return errors.New("no text is read from zip files")
	}
	slices.SortStableFunc(parts, func(a, b *zip.File) int { // slide2 before slide10
		if n := len(a.Name) - len(b.Name); n != 0 && place(a.Name) == place(b.Name) {
			return n
		}
		if n := place(a.Name) - place(b.Name); n != 0 {
			return n
		}
		return strings.Compare(a.Name, b.Name)
	})
	left := int64(maxXML)
	for _, f := range parts {
		r, err := f.Open()
		if err != nil {
			return err
		}
		counted := &io.LimitedReader{R: r, N: left}
		err = t.xml(counted, strings.HasPrefix(f.Name, "xl/worksheets/"))
		r.Close()
		if left = counted.N; left <= 0 {
			return errors.New("it is too large unpacked")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is where in texts a name is.
func place(name string) int {
	for i, p := range texts {
		if strings.HasPrefix(name, p.begin) {
			return i
		}
	}
	return len(texts)
}

// xml adds the text between the elements. Of a table's sheet, that is of cells
// which are not references to shared strings.
func (t *text) xml(r io.Reader, sheet bool) error {
	d := xml.NewDecoder(r)
	d.Strict = false
	depth, shared, within := 0, false, ""
	for {
		// Raw: elements that never end take no memory.
		token, err := d.RawToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return errors.New("its elements are too deep")
			}
			switch within = token.Name.Local; within {
			case "c":
				shared = slices.ContainsFunc(token.Attr, func(a xml.Attr) bool {
					return a.Name.Local == "t" && a.Value == "s"
				})
				t.gap = true
			case "p", "br", "tab", "tr", "tc", "si", "h", "s", "line-break", "table-cell":
				t.gap = true
			}
		case xml.EndElement:
			depth--
			within = ""
		case xml.CharData:
			if sheet && (shared || within == "f") { // a formula
				continue
			}
			// What comes next may be too much for us.
			if err := errors.Join(t.add(string(token)), t.out.Flush()); err != nil {
				return err
			}
		}
	}
}
