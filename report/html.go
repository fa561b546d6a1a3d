//go:build cgo

package report

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"burn/analyze"
)

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/page.js
	pageJS string
	// echarts.min.js of the npm package echarts 5.6.0, unchanged, packed by zopfli --i15; its
	// licence and notice stand beside it.
	//go:embed assets/echarts.min.js.gz
	echartsPacked []byte
	//go:embed assets/echarts.LICENSE
	echartsLicense string
	//go:embed assets/echarts.NOTICE
	echartsNotice string
)

// ThirdPartyNotices are the licence and the notice of what the page carries.
func ThirdPartyNotices() string {
	return "Apache ECharts 5.6.0\n\n" + echartsNotice + "\n" + echartsLicense
}

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"command": func(text string) template.HTML { return unbroken(text, "-") },
		"flags":   func(text string) template.HTML { return unbroken(text, "--") },
	}).Parse(pageHTML))
})

// unbroken is a text in which browsers break no word that has these hyphens in it,
// as they would behind them: a flag or an id copied from paper would be wrong.
func unbroken(text, hyphens string) template.HTML {
	words := strings.Split(text, " ")
	for i, w := range words {
		words[i] = template.HTMLEscapeString(w)
		if strings.Contains(w, hyphens) {
			words[i] = "<i>" + words[i] + "</i>"
		}
	}
	return template.HTML(strings.Join(words, " "))
}

// HTML writes r as one page that loads nothing: it works from a file, without
// scripts, on paper and on a telephone. Scripts and styles are allowed by their
// hashes alone, so that no name in it can become code. Equal data and clock give
// equal bytes. It takes less than 600 kB, beside the script where that is plain.
func HTML(w io.Writer, r *analyze.Result, opt HTMLOptions) error {
	if opt.Top <= 0 {
		opt.Top = 20
	}
	var b bytes.Buffer // so that an error leaves no half page
	for _, space := range rooms {
		b.Reset()
		p := newPage(r, opt, space)
		if err := p.embed(opt.Plain); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
		if err := pageTemplate().Execute(&b, p); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
		if b.Len()-p.unpacked < maxPage {
			break
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// embed fills the page's style, scripts and the policy that allows just them.
func (p *page) embed(plain bool) error {
	style := strings.TrimSpace(pageCSS)
	p.Style = template.HTML("<style>" + style + "</style>")
	policy := "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + hashOf(style)
	if p.Empty || p.still || len(p.options) == 0 {
		p.Policy = policy
		return nil
	}
	data, err := encode(p.options)
	if err != nil {
		return err
	}
	library, err := echarts()
	if err != nil {
		return err
	}
	boot := strings.TrimSpace(pageJS)
	var b strings.Builder
	b.WriteString(`<script type="application/json" id="charts">` + string(data) + "</script>\n")
	if plain {
		b.WriteString("<script>" + library + "</script>\n")
		p.unpacked = len(library) - base64.StdEncoding.EncodedLen(len(echartsPacked))
	} else {
		b.WriteString(`<script type="text/plain" id="echarts-gz">` + base64.StdEncoding.EncodeToString(echartsPacked) + "</script>\n")
	}
	b.WriteString("<script>" + boot + "</script>")
	p.Scripts = template.HTML(b.String())
	p.Policy = policy + "; script-src " + hashOf(boot) + " " + hashOf(library)
	return nil
}

// hashOf is how a policy names the text of a style or script element.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// echarts unpacks the library once.
var echarts = sync.OnceValues(func() (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(echartsPacked))
	if err != nil {
		return "", fmt.Errorf("unpack echarts: %w", err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return "", fmt.Errorf("unpack echarts: %w", err)
	}
	return string(b), nil
})
