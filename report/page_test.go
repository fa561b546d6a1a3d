package report_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

func page(t *testing.T, r *analyze.Result, opt report.HTMLOptions) string {
	t.Helper()
	opt.Version = "1.2.3"
	var b bytes.Buffer
	if err := report.HTML(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPageIsSelfContainedAndSmall(t *testing.T) {
	for _, plain := range []bool{false, true} {
		text := page(t, pageWorld(nil), report.HTMLOptions{Plain: plain})
		if !plain && len(text) >= 600_000 {
			t.Errorf("page of %d bytes, want under 600 kB", len(text))
		}
		if plain != strings.Contains(text, "Licensed to the Apache Software Foundation") {
			t.Errorf("plain %v, but the library's text is in the page: %v", plain, !plain)
		}
		own := regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(text, "")
		for _, bad := range []string{"http:", "https:", "src=", "href=", "url(", "@import", " style=", " onerror", " onclick"} {
			if strings.Contains(own, bad) {
				t.Errorf("plain %v: page holds %q", plain, bad)
			}
		}
		if !strings.Contains(text, "default-src &#39;none&#39;") || strings.Contains(text, "unsafe") && !plain {
			t.Errorf("plain %v: policy is not strict", plain)
		}
	}
}

func TestPageIsTheSameForTheSameData(t *testing.T) {
	a, b := page(t, pageWorld(nil), report.HTMLOptions{}), page(t, pageWorld(nil), report.HTMLOptions{})
	if a != b {
		t.Error("two pages of the same data differ")
	}
}

func TestPageKeepsHostileNamesAsText(t *testing.T) {
	text := page(t, pageWorld(append(hostile, strings.Repeat("x", 10<<10))), report.HTMLOptions{Top: 50, Command: hostile[0], Plain: false})
	if n := strings.Count(text, "<script"); n != 3 {
		t.Errorf("%d script elements, want 3", n)
	}
	for _, bad := range []string{"<img", "onerror=\"doc", "<b>&amp;amp;", "<!--<", "</script><script>doc", "\u2028", "\u202e", "\x1b", "\x07", "\ufeff", strings.Repeat("x", 200)} {
		if strings.Contains(text, bad) {
			t.Errorf("page holds %q", bad)
		}
	}
	for _, good := range []string{"&lt;img src=x", `\u202egnp.exe\u200b\ufeff`, `\x1b]52;c`, `bad\xff\xfeutf8`, "漢字とかな", `line\u2028sep`} {
		if !strings.Contains(text, good) {
			t.Errorf("page does not show %q", good)
		}
	}
}

func TestEmptyPageSaysWhatToDo(t *testing.T) {
	text := page(t, empty(), report.HTMLOptions{})
	for _, want := range []string{"Nothing recorded in 1\u00a0Sep – 30\u00a0Sep 2026.", "3\u00a0Aug 2026 04:05:06", "Run `burn doctor`.", "Date of the price table"} {
		if !strings.Contains(text, want) {
			t.Errorf("empty page does not say %q", want)
		}
	}
	if strings.Contains(text, "<script") {
		t.Error("empty page has scripts")
	}
}

// TestMoneyOnThePageAddsUp: the exact amounts of each table give its total.
func TestMoneyOnThePageAddsUp(t *testing.T) {
	r := pageWorld(nil)
	text := page(t, r, report.HTMLOptions{Top: 3})
	amounts := regexp.MustCompile(`data-usd="([^"]*)"`)
	for _, name := range []string{"Agents", "Models", "Users", "Endpoints", "Teams"} {
		_, rest, _ := strings.Cut(text, "<h3>"+name+"</h3>")
		table, _, _ := strings.Cut(rest, "</tbody>")
		var sum analyze.USD
		for _, m := range amounts.FindAllStringSubmatch(table, -1) {
			sum = sum.Add(usd(m[1]))
		}
		if sum.Cmp(r.Totals.Cost) != 0 {
			t.Errorf("%s add up to %s, want %s", name, sum, r.Totals.Cost)
		}
	}
	_, rest, _ := strings.Cut(text, `<table class="heat">`)
	table, _, _ := strings.Cut(rest, "</table>")
	var sum analyze.USD
	for _, m := range amounts.FindAllStringSubmatch(table, -1) {
		sum = sum.Add(usd(m[1]))
	}
	if sum.Cmp(r.Totals.Cost) != 0 {
		t.Errorf("the heat table adds up to %s, want %s", sum, r.Totals.Cost)
	}
}

// TestPageExplainsItself: what a newcomer would ask about a figure stands beside it.
func TestPageExplainsItself(t *testing.T) {
	r := pageWorld(nil)
	r.ByModel = append(r.ByModel, analyze.Row{Key: "m-old", Cost: usd("0"), Requests: 19, Errors: 19})
	for i := range r.Budgets {
		r.Budgets[i].Per, r.Budgets[i].Since, r.Budgets[i].Until = analyze.PerMonth, r.Budgets[0].Since, r.Budgets[0].Until
	}
	gone := marks("a", r.Period.Since)[0]
	gone.At, gone.Daily = r.Period.Since, []analyze.Day{{Day: -2, Cost: usd("2")}, {Day: -1, Cost: usd("2")}}
	r.Marks = append(r.Marks, gone)
	text := page(t, r, report.HTMLOptions{Command: "burn analyze --since 2026-09-01"})
	for _, want := range []string{
		"<p class=\"note\">Certain: follows from the records; likely: rests on one assumption; test: needs a trial, and is in no sum. Checked: ",
		"<span>00</span><span>06</span><span>12</span><span>18</span><span>23</span></div><figcaption>By hour of day", "<span>Tue 1 Sep</span><span>Wed 30 Sep</span></div><figcaption>",
		"<b>m-old</b><small>19 calls, none of which succeeded</small>",
		"All are per month, 1\u00a0Sep – 30\u00a0Sep 2026.", "In four of five cases the truth lies in a forecast&#39;s range.",
		"2 of 3 marked changes worked at least partly: $495.20 saved so far.</p>\n</header>",
		"<i>--explain</i> <i>schedule-9dbc51</i>", "<code>burn analyze <i>--since</i> <i>2026-09-01</i></code>",
		`<svg class="spark" viewBox="0 0 20 30"`, // two days before the mark, two of nothing since
	} {
		if !strings.Contains(text, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	flat := many(1, 1, 30)
	for i := range flat.Trend {
		flat.Trend[i].Cost = usd("24")
	}
	flat.Totals.Cost, flat.Totals.PeakHour = usd("720"), &analyze.PeakHour{Hour: "23", Cost: usd("30.5")}
	if text, want := page(t, flat, report.HTMLOptions{}), "Spending is even over the day: the dearest hour, 23:00, has $30.50, and the mean of all is $30.00."; !strings.Contains(text, want) {
		t.Errorf("page does not say %q", want)
	}
}

// TestTrendOfShortAndLongPeriods: by the hour, the day or the month, every stretch
// of the period has its place once, and the money is all there.
func TestTrendOfShortAndLongPeriods(t *testing.T) {
	at := func(zone, since string, days int) analyze.Span {
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		begin, err := time.ParseInLocation(time.DateOnly, since, z)
		if err != nil {
			t.Fatal(err)
		}
		return analyze.Span{Between: analyze.Between{Since: begin, Until: begin.AddDate(0, 0, days)}, TZ: zone}
	}
	for _, c := range []struct {
		name   string
		period analyze.Span
		hourly bool
		points []string // keys with $1 each
		bars   int      // places on the axis
		first  string
		unit   string
	}{
		{"a day of 25 hours", at("Europe/Berlin", "2026-10-25", 1), true, []string{"2026-10-25 02:00", "2026-10-25 23:00"}, 24, "25 Oct 00:00", "Hour"},
		{"a zone of half an hour", at("Asia/Kolkata", "2026-11-01", 1), true, []string{"2026-11-01 00:00"}, 24, "1 Nov 00:00", "Hour"},
		{"a week over spring", at("Europe/Berlin", "2026-03-25", 7), false, []string{"2026-03-29", "2026-03-31"}, 7, "Wed 25 Mar", "Day"},
		{"a hundred days", at("UTC", "2026-01-01", 100), false, []string{"2026-01-01", "2026-04-10"}, 100, "Thu 1 Jan", "Day"},
		{"a year", at("UTC", "2026-01-01", 365), false, []string{"2026-01-01", "2026-01-04", "2026-01-05", "2026-12-31"}, 53, "29 Dec", "Week"},
		{"three years", at("UTC", "2024-01-01", 1096), false, []string{"2024-01-01", "2024-01-31", "2026-12-31"}, 36, "Jan 2024", "Month"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := pageWorld([]string{"a"})
			r.Period, r.TrendHourly, r.Trend = c.period, c.hourly, nil
			for _, key := range c.points {
				r.Trend = append(r.Trend, analyze.TrendPoint{Key: key, Agent: "a", Cost: usd("1")})
			}
			text := page(t, r, report.HTMLOptions{})
			_, section, _ := strings.Cut(text, `<section id="trend">`)
			section, _, _ = strings.Cut(section, "</section>")
			if want := fmt.Sprintf(`viewBox="0 0 %d 100"`, 10*c.bars); !strings.Contains(section, want) {
				t.Errorf("no picture of %d bars", c.bars)
			}
			if !strings.Contains(section, `<div class="keys"><span>`+c.first+`</span>`) || !strings.Contains(section, `<th scope="col">`+c.unit+`</th>`) {
				t.Errorf("axis does not begin with %s, or is not of %ss", c.first, c.unit)
			}
			var sum analyze.USD
			for _, m := range regexp.MustCompile(`<td[^>]* data-usd="([^"]*)"`).FindAllStringSubmatch(section, -1) {
				sum = sum.Add(usd(m[1]))
			}
			if want := usd(strconv.Itoa(len(c.points))); sum.Cmp(want) != 0 {
				t.Errorf("trend adds up to %s, want %s", sum, want)
			}
		})
	}
}

func TestPageInABrowser(t *testing.T) {
	b := newBrowser(t)
	for _, c := range []struct {
		name    string
		result  *analyze.Result
		plain   bool
		width   int
		scheme  string
		scripts bool
	}{
		{"desktop", pageWorld(nil), false, 1200, "light", true},
		{"telephone", pageWorld(nil), false, 390, "light", true},
		{"dark", pageWorld(nil), false, 1200, "dark", true},
		{"plain", pageWorld(nil), true, 1200, "light", true},
		{"without scripts", pageWorld(nil), false, 1200, "light", false},
		{"telephone without scripts", pageWorld(nil), false, 390, "dark", false},
		{"hostile names", pageWorld(append(hostile, strings.Repeat("x", 10<<10))), false, 390, "light", true},
		{"paper", pageWorld(nil), false, 690, "print", true},
		{"one agent", pageWorld([]string{"unknown"}), false, 1200, "light", true},
		{"empty", empty(), false, 390, "light", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			file := write(t, page(t, c.result, report.HTMLOptions{Plain: c.plain, Top: 50}))
			b.open(file, c.width, c.scheme, c.scripts)
			if c.scripts {
				if n := b.drawn(); n != "3" {
					t.Errorf("%s pictures drawn, want 3", n)
				}
				if c.scheme != "print" {
					b.hover()
				}
			}
			b.shot(strings.ReplaceAll(c.name, " ", "-"))
			var got struct {
				Title  string
				Scroll int
				Names  []string
				Faint  []string
				Wide   []string
			}
			b.eval(strings.ReplaceAll(inspect, "WIDTH", strconv.Itoa(c.width)), &got)
			if got.Scroll > c.width {
				t.Errorf("page is %d wide in a window of %d: %q", got.Scroll, c.width, got.Wide)
			}
			if !strings.HasPrefix(got.Title, "burn: ") {
				t.Errorf("title %q: a script of a name ran", got.Title)
			}
			if len(got.Faint) > 0 {
				t.Errorf("text below a contrast of 4.5: %q", got.Faint)
			}
			for i, a := range c.result.ByAgent {
				want := report.Clean(a.Key)
				if want == "unknown" {
					want = "(no agent header)"
				}
				if len(want) < 160 && !strings.HasPrefix(got.Names[i], want) {
					t.Errorf("agent shown as %q, want %q", got.Names[i], want)
				}
			}
			for _, complaint := range b.complaints(file) {
				t.Error(complaint)
			}
		})
	}
}

// hover moves over the trend so that its label is built.
func (b *browser) hover() {
	var tip string
	for i := 0; !strings.Contains(tip, "$"); i++ {
		if i == 100 {
			b.t.Fatalf("label under the pointer %q, want an amount", tip)
		}
		var at struct{ X, Y float64 }
		b.eval(`(() => { const c = document.querySelector('[data-chart=trend] .canvas'); c.scrollIntoView({block: 'center'});
			const r = c.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })()`, &at)
		b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": at.X + float64(i%9), "y": at.Y}, nil)
		b.eval(`new Promise(done => requestAnimationFrame(() => done((document.querySelector('.tip') || {textContent: ''}).textContent)))`, &tip)
	}
}

// inspect measures the page from inside: contrast is of each element with text of
// its own against the nearest painted background (WCAG 2, 1.4.3).
const inspect = `(() => {
	const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
	const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
	const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c } return [255, 255, 255] };
	const faint = [];
	for (const e of document.querySelectorAll('body *')) {
		if (e.closest('script,svg,.sr,.canvas') || !e.offsetParent || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
		const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) faint.push(e.tagName + ' ' + e.textContent.slice(0, 30) + ' ' + ratio.toFixed(2));
	}
	const wide = [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && (e.getBoundingClientRect().right > WIDTH || e.scrollWidth > WIDTH)).map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30));
	const marks = [...document.querySelectorAll('svg.bars path, svg.bar rect, svg.spark path, svg.spark rect')].filter(e => e.getBoundingClientRect().width > 0 && !e.matches('.rule,.touch,.axis')).flatMap(e => {
		const style = getComputedStyle(e), c = style.fill === 'none' ? style.stroke : style.fill;
		const a = light(parse(c)), b = light(behind(e.closest('section'))), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		return ratio < 3 ? [e.outerHTML.slice(0, 60) + ' ' + ratio.toFixed(2)] : [];
	});
	return {Title: document.title, Marks: [...new Set(marks)], Sections: [...document.querySelectorAll('section')].map(e => e.id), Wide: wide.slice(-5), Scroll: document.documentElement.scrollWidth, Faint: faint,
		Names: [...document.querySelectorAll('#who table')].slice(0, 1).flatMap(t => [...t.querySelectorAll('tbody th')].map(e => e.textContent))};
})()`
