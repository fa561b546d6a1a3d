package report

import (
	"fmt"
	"io"
	"strings"

	"burn/analyze"
)

// Explanation writes a finding with its calls, top of them (0: all), the
// arithmetic and the SQL.
func Explanation(w io.Writer, e *analyze.Explanation, opt TextOptions) error {
	f := e.Finding
	s := Sheet{
		Heads: []string{"Call", "Started", "Agent", "Model", "In", "Cached", "Out", "Cost, USD", "Avoidable, USD", e.Columns[0], e.Columns[1]},
		Drop:  []string{"Cached", e.Columns[0], e.Columns[1], "Model", "In", "Out", "Agent"},
	}
	for _, text := range []string{PeriodText(e.Period.Between) + " (" + e.Period.TZ + "), finding " + f.ID + ", " + f.Class, Clean(f.Title), Clean(f.Evidence) + ".", "Do: " + Clean(f.Fix) + "."} {
		s.Above = append(s.Above, Wrapped(text, opt.Width)...)
	}
	s.Right = s.Heads[4:]
	var sum analyze.USD
	for i, c := range e.Calls {
		sum = sum.Add(c.Saving)
		if opt.Top > 0 && i >= opt.Top {
			continue
		}
		cost, saving := c.Cost.String(), c.Saving.String()
		if c.Estimated {
			cost, saving = cost+" est.", saving+" est."
		}
		s.Rows = append(s.Rows, []string{fmt.Sprintf("%s/%d", c.Boot, c.Seq), c.At.Format("2006-01-02 15:04:05"), Clean(c.Agent), Clean(c.Model),
			Count(c.InputTokens), Count(c.CacheReadTokens), Count(c.OutputTokens), cost, saving, evidence(c.Evidence[0]), evidence(c.Evidence[1])})
	}
	if hidden := len(e.Calls) - len(s.Rows); hidden > 0 {
		s.Below = append(s.Below, plural(int64(hidden), "more call")+": --top "+fmt.Sprint(len(e.Calls))+" or --format json lists all.")
	}
	s.Below = append(s.Below, "")
	s.Below = append(s.Below, Wrapped(fmt.Sprintf("Arithmetic: the avoidable parts of %s add up to %s USD, of %s USD that they cost.", plural(int64(len(e.Calls)), "call"), sum, f.Cost), opt.Width)...)
	if e.Earlier.Pico().Sign() > 0 {
		s.Below = append(s.Below, fmt.Sprintf("Earlier findings had taken %s USD of these calls; no dollar is counted twice.", e.Earlier))
	}
	s.Below = append(s.Below, "", "SQL (queries/finding_"+f.Kind+".sql):")
	s.Below = append(s.Below, strings.Split(strings.TrimRight(e.SQL, "\n"), "\n")...)
	return s.Text(w, opt)
}

func evidence(n *int64) string {
	if n == nil {
		return ""
	}
	return Count(*n)
}
