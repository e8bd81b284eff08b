package extract_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/internal/extract"
)

// The test program is the child too.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "extract" {
		if os.Args[3] == "forever" {
			fmt.Print("before")
			select {}
		}
		os.Exit(extract.Main(os.Args[3]))
	}
	os.Exit(m.Run())
}

func child(t *testing.T) extract.Child {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return extract.Child{Command: []string{program, "extract"}}
}

func text(t *testing.T, name string, data []byte) string {
	t.Helper()
	var got strings.Builder
	if err := extract.Text(&got, name, data); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return got.String()
}

// zipped is a zip file of names and what is in them.
func zipped(t *testing.T, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, parts[i+1])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// onePage is a PDF whose page shows a text.
func onePage(show string) []byte {
	var b bytes.Buffer
	var at []int
	stream := "BT /F1 12 Tf 72 720 Td (" + show + ") Tj ET"
	b.WriteString("%PDF-1.4\n")
	for i, o := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

func TestText(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"a.txt", "one\n two\tthree\r\n", "one two three"},
		{"a.md", "# Title\n\nsome **bold** words", "# Title some **bold** words"},
		{"latin.txt", "M\xfcller", "Müller"},
		{"utf16.txt", "\xff\xfeH\x00i\x00", "Hi"},
		{"utf16.txt", "\xfe\xff\x00H\x00i", "Hi"},
		{"a.html", "<html><style>no</style><script>no</script><p>wo<b>rd</b></p><p>two &amp; three", "word two & three"},
		{"a.pdf", string(onePage("Quarterly report")), "Quarterly report"},
		{"a.docx", string(zipped(t, "word/document.xml", `<w:document><w:body><w:p><w:r><w:t>Quar</w:t></w:r><w:r><w:t>terly</w:t></w:r></w:p><w:p><w:r><w:t>report</w:t></w:r></w:p></w:body></w:document>`)),
			"Quarterly report"},
		{"a.xlsx", string(zipped(t, "xl/sharedStrings.xml", `<sst><si><t>Income</t></si><si><t>Costs</t></si></sst>`,
			"xl/worksheets/sheet1.xml", `<worksheet><row><c t="s"><v>1</v></c><c><f>SUM(A1)</f><v>42.5</v></c><c t="inlineStr"><is><t>note</t></is></c></row></worksheet>`)),
			"Income Costs 42.5 note"},
		{"a.pptx", string(zipped(t, "ppt/slides/slide10.xml", `<p:sld><a:p><a:t>last</a:t></a:p></p:sld>`,
			"ppt/slides/slide2.xml", `<p:sld><a:p><a:t>first</a:t></a:p></p:sld>`)), "first last"},
		{"a.odt", string(zipped(t, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml",
			`<office:text><text:h>Minutes</text:h><text:p>of<text:s/>Monday</text:p></office:text>`)), "Minutes of Monday"},
	} {
		if got := strings.TrimSpace(text(t, c.name, []byte(c.data))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestHostile: files that are made to harm end the child, or are left off where
// they get too large. What was read before is kept.
func TestHostile(t *testing.T) {
	bomb := zipped(t, "word/document.xml", "<w:t>before</w:t>"+strings.Repeat(" ", 65<<20))
	deep := zipped(t, "content.xml", "<a>before"+strings.Repeat("<a>", 1<<16))
	loop := bytes.Replace(onePage("x"), []byte("/Kids [3 0 R] /Count 1"), []byte("/Kids [2 0 R] /Count 9"), 1)
	long := bytes.Replace(onePage("x"), []byte("/Kids [3 0 R] /Count 1"), []byte("/Kids [3 0 R] /Count 99999999"), 1)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"bomb.docx", bomb, "before"}, {"deep.odt", deep, "before"}, {"loop.pdf", loop, ""}, {"long.pdf", long, ""},
		{"cut.pdf", onePage("x")[:200], ""}, {"cut.docx", bomb[:100], ""}, {"empty.pdf", []byte("%PDF-"), ""},
		{"a.zip", zipped(t, "a.txt", "no"), ""}, {"a.bin", []byte{0, 1, 2, 3}, ""},
	} {
		c2 := child(t)
		if c.name == "long.pdf" || c.name == "loop.pdf" { // which do not end by themselves
			c2.Time = 2 * time.Second
		}
		got, err := c2.Text(t.Context(), c.name, bytes.NewReader(c.data))
		if err == nil && c.name != "long.pdf" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, %v", c.name, got[:min(len(got), 100)], err)
		}
	}
	many := text(t, "long.txt", []byte(strings.Repeat("many words ", 1<<17)))
	if len(many) > extract.MaxText || len(many) < extract.MaxText-10 {
		t.Errorf("%d bytes of text", len(many))
	}
}

// TestKilled: a child that does not end is killed, and what it has written is
// kept.
func TestKilled(t *testing.T) {
	c := child(t)
	c.Time = 5 * time.Second // until it runs, on a busy machine
	got, err := c.Text(t.Context(), "forever", strings.NewReader(""))
	if got != "before" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", got, err)
	}
	c.Command[0] = "/nowhere"
	if _, err := c.Text(t.Context(), "a.txt", strings.NewReader("")); !errors.Is(err, extract.ErrStart) {
		t.Errorf("without a program: %v", err)
	}
}
