package report

import (
	"bytes"
	"os"
	"testing"
)

func TestShow(t *testing.T) {
	for n, p := range map[string]*Page{"all": samplePage(), "hostile": hostilePage()} {
		var b bytes.Buffer
		if err := p.HTML(&b); err != nil {
			t.Fatal(err)
		}
		os.WriteFile("/tmp/rep/"+n+".html", b.Bytes(), 0o644)
		b.Reset()
		p.Markdown(&b)
		os.WriteFile("/tmp/rep/"+n+".md", b.Bytes(), 0o644)
		b.Reset()
		p.Text(&b, Style{110, true, false})
		os.WriteFile("/tmp/rep/"+n+".txt", b.Bytes(), 0o644)
	}
}
