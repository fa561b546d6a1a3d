package report

import (
	"maps"
	"slices"
	"strings"

	"burn/analyze"
)

// Sentence is the first line of every output, written from the data.
func Sentence(r *analyze.Result) string {
	t := r.Totals
	if t.Requests == 0 {
		return nothing(r)
	}
	if !t.Cost.Known() {
		return plural(t.Requests, "call") + " in " + lengthText(r.Period.Between) + ", and none of them has a price: see what is not priced below." + failures(t)
	}
	var marks []string
	if fullyCompared(r) {
		marks = append(marks, Change(t.Cost, r.Previous.Cost))
	}
	if mark := est(t.Cost, t.Estimated); mark != "" {
		marks = append(marks, mark)
	}
	s := "You spent " + Money(t.Cost)
	if len(marks) > 0 {
		s += " (" + strings.Join(marks, ", ") + ")"
	}
	s += " in " + lengthText(r.Period.Between) + " (" + plural(t.Requests, "call") + ")." + failures(t)
	if avoidable := t.Avoidable.Certain.Add(t.Avoidable.Likely); avoidable.Pico().Sign() > 0 {
		s += " About " + Money(avoidable) + " of it (" + Share(avoidable, t.Cost) + ") looks avoidable."
	}
	if n := r.Quality.UnpricedRequests; n > 0 {
		s += " " + plural(n, "call") + " could not be priced."
	}
	return s
}

// failures says that no call succeeded, "" if one did.
func failures(t analyze.Totals) string {
	switch {
	case t.Requests == 0 || t.Errors != t.Requests:
		return ""
	case t.Requests == 1:
		return " It failed."
	}
	return " All of them failed."
}

// compared reports whether there is anything to compare with.
func compared(r *analyze.Result) bool { return r.Previous != nil && r.Previous.Requests > 0 }

// partly reports whether recording began within the compared period, so that less of
// it than nine tenths is known: what it cost is no measure then.
func partly(r *analyze.Result) bool {
	return compared(r) && r.Compared != nil && r.FirstCall.Sub(r.Compared.Since) > r.Compared.Until.Sub(r.Compared.Since)/10
}

// fullyCompared reports whether what the compared period cost is a measure.
func fullyCompared(r *analyze.Result) bool { return compared(r) && !partly(r) }

// recordedSince says when the first call was recorded, by the period's clock.
func recordedSince(r *analyze.Result) string {
	return "recorded only since " + r.FirstCall.In(r.Period.Since.Location()).Format("2 Jan 15:04")
}

// nothing is the sentence of a period without calls.
func nothing(r *analyze.Result) string {
	if r.Filter != nil && !r.LastCall.IsZero() {
		return "No call in " + PeriodText(r.Period.Between) + " passes the filters: leave out --agent, --user, --model and --endpoint to see which names there are. burn proxy last recorded a call at " +
			r.LastCall.Format("2 Jan 2006 15:04:05") + "."
	}
	s := "Nothing recorded in " + PeriodText(r.Period.Between) + "."
	if !r.LastCall.IsZero() {
		s += " burn proxy last recorded a call at " + r.LastCall.Format("2 Jan 2006 15:04:05") + "."
	} else {
		s += " No call was ever recorded here."
	}
	return s + " Run `burn doctor`."
}

// PeriodLine is the resolved period with its zone and what it is compared with.
func PeriodLine(r *analyze.Result) string {
	s := PeriodText(r.Period.Between) + " (" + lengthText(r.Period.Between) + ", " + r.Period.TZ + ")"
	if c := r.Compared; c != nil {
		if c.Until.Equal(r.Period.Since) && lengthText(*c) == lengthText(r.Period.Between) {
			s += ", compared with the " + lengthText(*c) + " before"
		} else {
			s += ", compared with " + PeriodText(*c) + " (" + lengthText(*c) + ")"
		}
		if !compared(r) {
			s += " (nothing recorded then)"
		} else if partly(r) {
			s += " (" + recordedSince(r) + ")"
		}
	}
	if f := filterText(r); f != "" {
		s += "; only " + f
	}
	return s
}

// filterText says which calls alone are looked at: agent a or b, model m*. "": all.
func filterText(r *analyze.Result) string {
	if r.Filter == nil {
		return ""
	}
	var parts []string
	for _, list := range []struct {
		noun  string
		globs []string
	}{{"agent", r.Filter.Agents}, {"user", r.Filter.Users}, {"model", r.Filter.Models}, {"endpoint", r.Filter.Endpoints}} {
		if len(list.globs) > 0 {
			parts = append(parts, list.noun+" "+Clean(strings.Join(list.globs, " or ")))
		}
	}
	return strings.Join(parts, ", ")
}

// TrustLine says in one line how far the figures can be trusted.
func TrustLine(r *analyze.Result) string {
	q := r.Quality
	estimated, ok := fraction(r.Totals.Estimated, r.Totals.Cost)
	var parts []string
	if ok {
		parts = append(parts, percent(1-estimated)+" of spend measured", percent(estimated)+" estimated")
	}
	parts = append(parts, plural(q.UnpricedRequests, "call")+" unpriced")
	parts = append(parts, doubts(q)...)
	s := "Trust: " + strings.Join(parts, ", ")
	if off := estimateError(q); off != "" && q.EstimatedRequests > 0 {
		s += "; estimates tried on calls that reported are off by " + off
	}
	if q.PriceTableDate != "" {
		s += "; prices of " + Clean(q.PriceTableDate)
	}
	return s + "."
}

// doubts is what else should be known before figures are trusted.
func doubts(q analyze.Quality) (parts []string) {
	for _, c := range []struct {
		n    int64
		noun string
		rest string
	}{
		{q.RejectedLines(), "line", " rejected"},
		{q.Torn, "line", " torn"},
		{q.GapRequests, "call", " known only as sums"},
		{q.MissingSeq, "call", " missing from the files"},
		{q.OpenCalls, "call", " begun and not seen to end"},
		{q.LostLines, "line", " lost in files that were deleted or cut while written"},
		{q.WriteErrors, "error", " of writing"},
		{q.InconsistentRequests, "call", " with counts that contradict each other"},
		{q.BeyondRebuild, "call", " in the database alone, their files deleted"},
		{q.LostCalls, "call", " lost with an earlier database"},
		{q.DamagedFiles, "file", " damaged and read in part"},
		{q.UnreadFiles, "file", " that could not be read"},
	} {
		if c.n > 0 {
			parts = append(parts, plural(c.n, c.noun)+c.rest)
		}
	}
	return parts
}

// closing are the last lines of a report: how the agents file and the calls differ, how
// far the figures can be trusted, and that prices are old. Where no call was recorded
// there is nothing to trust, unless calls may be missing.
func closing(r *analyze.Result) (lines []string) {
	if r.Totals.Requests == 0 {
		if len(doubts(r.Quality)) > 0 {
			return []string{TrustLine(r)}
		}
		return nil
	}
	if line := RosterLine(r); line != "" {
		lines = append(lines, line)
	}
	lines = append(lines, TrustLine(r))
	if old := PriceWarning(r.Quality.PriceTableDate, r.GeneratedAt); old != "" {
		lines = append(lines, warning+old+".")
	}
	return lines
}

const warning = "Warning: "

// estimateError says how far estimates are off on average where the truth is
// known, "" if nobody knows.
func estimateError(q analyze.Quality) string {
	var parts []string
	for _, x := range []struct {
		pct  *float64
		noun string
	}{{q.EstimateInputErrorPct, "input"}, {q.EstimateOutputErrorPct, "output"}} {
		if x.pct != nil {
			parts = append(parts, percent(*x.pct/100)+" of "+x.noun+" tokens")
		}
	}
	return strings.Join(parts, " and ")
}

func sortedReasons(q analyze.Quality) []string { return slices.Sorted(maps.Keys(q.Rejected)) }
