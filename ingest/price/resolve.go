package price

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Match says which row prices a model and why.
type Match struct {
	Row       *Row
	How       string // exact, prefix, suffix, part
	Pattern   string // the pattern of the row's match column
	Candidate string // the form of the id that matched: as given, without path, lower case, gpt-3.5 spelling, each perhaps ", without date"
}

// candidate is one form of a model id. A folded one is lower case and meets
// the patterns in lower case.
type candidate struct {
	id, form string
	fold     bool
}

const asGiven = "as given"

// candidates returns the forms under which an id is looked up, in two rounds:
// without the date suffix only if no row matched with it, because an old
// snapshot may be dearer than its family.
func candidates(table, model string) (plain, undated []candidate) {
	plain = []candidate{{id: model, form: asGiven}}
	add := func(id, form string, fold bool) {
		if last := plain[len(plain)-1]; id != "" && (id != last.id || fold != last.fold) {
			plain = append(plain, candidate{id, form, fold})
		}
	}
	bare := withoutPath(table, model)
	add(bare, "without path", false)
	lower := strings.ToLower(bare)
	add(lower, "lower case", true)
	if table == "azure" && strings.Contains(lower, "gpt-35") {
		add(strings.Replace(lower, "gpt-35", "gpt-3.5", 1), "gpt-3.5 spelling", true)
	}
	for _, c := range plain {
		if id, ok := withoutDate(c.id); ok {
			undated = append(undated, candidate{id, c.form + ", without date", c.fold})
		}
	}
	return plain, undated
}

// methods are the method suffixes of Google's paths (model:method).
var methods = []string{
	":generateContent", ":streamGenerateContent", ":embedContent", ":batchEmbedContents", ":countTokens",
	":batchGenerateContent", ":predict", ":rawPredict", ":streamRawPredict", ":predictLongRunning",
}

// withoutPath cuts what stands around the id in a path: models/,
// publishers/X/models/, accounts/X/models/, projects/…/models/, an ARN up to
// its last slash, and Google's :method. On Google's OpenAI-compatible paths
// the id is written google/ID.
func withoutPath(table, id string) string {
	for _, m := range methods {
		if rest, ok := strings.CutSuffix(id, m); ok {
			id = rest
			break
		}
	}
	if strings.HasPrefix(id, "arn:") {
		return id[strings.LastIndexByte(id, '/')+1:]
	}
	for _, root := range []string{"models/", "publishers/", "accounts/", "projects/"} {
		if !strings.HasPrefix(id, root) {
			continue
		}
		if i := strings.LastIndex("/"+id, "/models/"); i >= 0 {
			id = ("/" + id)[i+len("/models/"):]
		}
	}
	if table == "google" || table == "vertex" {
		id = strings.TrimPrefix(id, "google/")
	}
	return id
}

// withoutDate cuts a snapshot date: -2024-08-06, -20250929 or @20250929.
func withoutDate(id string) (string, bool) {
	for _, form := range []struct {
		sep    string
		layout string
	}{{"-", "2006-01-02"}, {"-", "20060102"}, {"@", "20060102"}} {
		n := len(id) - len(form.layout) - 1
		if n <= 0 || id[n:n+1] != form.sep {
			continue
		}
		if day, err := time.Parse(form.layout, id[n+1:]); err == nil && day.Year() >= 2000 && day.Year() < 2100 {
			return id[:n], true
		}
	}
	return "", false
}

// Resolve finds the row that prices model at the time at. provider is any of
// its names: OpenTelemetry's, the price table's or a configured one. False if
// no row matches.
//
// The forms of the id are tried as candidates says. Among the rows that one
// round of forms matches, overrides win over the built-in rows, then exact
// over prefix over suffix over part, then the longer pattern, then the earlier
// form, then the earlier row.
func (t *Table) Resolve(provider, model string, at time.Time) (Match, bool) {
	m := t.lookup(provider).dated(t, model).at(at.UnixMilli())
	if m == nil {
		return Match{}, false
	}
	return *m, true
}

// resolve is Resolve without the cache, in one table of providers.
func (t *Table) resolve(table, model string, ms int64) *Match {
	rows := t.byProvider[table]
	plain, undated := candidates(table, model)
	for _, round := range [][]candidate{plain, undated} {
		for _, override := range []bool{true, false} {
			if m := best(rows, round, override, ms); m != nil {
				return m
			}
		}
	}
	return nil
}

func best(rows []*Row, round []candidate, override bool, ms int64) *Match {
	var found *Match
	var kind patternKind
	var length, form int
	for _, row := range rows {
		if row.override != override || !row.active(ms) {
			continue
		}
		for _, p := range row.patterns {
			for i, c := range round {
				if !p.matches(c) {
					continue
				}
				n := len(p.text)
				if p.kind == kindExact {
					n = 0 // all of the id matches; only the form counts
				}
				if found == nil || p.kind < kind || p.kind == kind && (n > length || n == length && i < form) {
					found = &Match{Row: row, How: kindNames[p.kind], Pattern: p.source(), Candidate: c.form}
					kind, length, form = p.kind, n, i
				}
				break // later forms of the same pattern are no better
			}
		}
	}
	return found
}

// dated is what one model costs over all time: consecutive periods, each with
// its match, or nil where no row matches.
type dated []period

type period struct {
	from  int64 // inclusive, milliseconds since the epoch
	match *Match
}

// at returns the match at ms, nil if there is none.
func (d dated) at(ms int64) *Match {
	for i := len(d) - 1; i > 0; i-- {
		if ms >= d[i].from {
			return d[i].match
		}
	}
	return d[0].match
}

// overTime resolves a model for every period between two dates of the provider's
// rows, so that pricing a call needs no more than a comparison of dates.
func (t *Table) overTime(p *provider, model string) dated {
	starts := []int64{math.MinInt64}
	for _, name := range []string{p.table, p.then} {
		for _, row := range t.byProvider[name] {
			starts = append(starts, row.from, row.to)
		}
	}
	slices.Sort(starts)
	var d dated
	for _, from := range slices.Compact(starts) {
		if from == math.MaxInt64 {
			continue
		}
		m := t.resolveAt(p, model, from)
		if n := len(d); n > 0 && same(d[n-1].match, m) {
			continue
		}
		d = append(d, period{from, m})
	}
	return d
}

func same(a, b *Match) bool {
	return a == b || a != nil && b != nil && *a == *b
}
