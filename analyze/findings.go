package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"burn/queries"
)

// Classes of findings. Certain follows from the records alone; Likely rests on
// one assumption; Test needs a trial by people. Certain and likely add up to what
// looks avoidable; test is a sum of its own.
const (
	Certain = "certain"
	Likely  = "likely"
	Test    = "test"
)

// kind is one row of the catalogue of findings. Its query is the file
// finding_NAME.sql: the calls it concerns, and which part of each one's cost.
type kind struct {
	name  string
	short string // what was looked for, for people
	fix   string
	say   func(*group) (title, evidence string)
	when  int // whether its query reads charge: see findAll
	first *narrowing
	hurry hurry // of its query: what takes the longest, and what that waits for, goes first
}

// narrowing is a query of few columns that goes before a finding's own, so that few
// calls are left of which many are read.
type narrowing struct {
	query, table string // its answer is kept in the table, for the finding's query
	parts        string // a condition on a fingerprint by which both can be asked in parts
}

// When a finding's query can be asked: at once; when retries have been charged; or
// when all findings before it have.
const (
	atOnce = iota
	afterRetries
	inTurn
)

// kinds is the catalogue, in the order in which findings take from a call's cost
// what those before have left: each dollar belongs to one of them.
var kinds = []kind{
	{"retries", "failed and repeated calls", "back off as Retry-After says, raise the time-out, and set max_tokens once and high enough", sayRetries, atOnce, nil, first},
	{"abandoned", "abandoned streams", "cancel earlier, shorten the answer, or show progress while it is written", sayAbandoned, atOnce, nil, urgent},
	{"schedule", "scheduled work done again", "keep a high-water mark; send only what is new since the last run", saySchedule, atOnce, nil, urgent},
	{"same_work", "duplicate work", "merge them: let one agent publish its answer and the other read it", saySameWork, atOnce, nil, first},
	{"repeated", "repeated requests", "cache the answer by request", sayRepeated, afterRetries,
		&narrowing{"finding_again", "asked_again", "fp_request <> 0"}, urgent},
	{"history", "long histories for short answers", "send the last 5 turns", sayHistory, atOnce, nil, urgent},
	{"cache", "prompts that could be cached", "mark the common beginning for the provider's cache; move what changes to the end", sayCache, afterRetries,
		&narrowing{"finding_near", "near_call", "fp_prefix_4k <> 0"}, first},
	{"batch", "work that could be batched", "use the provider's batch endpoint", sayBatch, inTurn, nil, urgent},
	{"bloat", "bloated prompts", "trim the context; summarise the document once", sayBloat, inTurn, nil, urgent},
	{"dearer_model", "dearer models than needed", "try the cheaper model on a sample", sayDearer, inTurn, nil, urgent},
}

// Checked names everything that findings look for, for "nothing found".
func Checked() (names []string) {
	for _, k := range kinds {
		names = append(names, k.short)
	}
	return names
}

// Threshold is one number that decides what a finding is.
type Threshold struct {
	Name    string // as in the configuration
	Default int64
	Meaning string
}

// Thresholds lists the numbers of the findings' rules. In SQL each is a macro of
// its name.
var Thresholds = []Threshold{
	{"retry_minutes", 10, "a failed call is a retry's if the same request follows within this many minutes"},
	{"run_gap_seconds", 150, "calls of one run of a job are at most this far apart"},
	{"schedule_runs", 3, "a schedule has at least this many runs"},
	{"schedule_windows", 4, "at most this many windows of five minutes of the hour in which its runs start"},
	{"schedule_share_pct", 80, "share of the agent's calls that lie in such runs"},
	{"same_inputs", 100, "inputs that two agents have in common, at least"},
	{"same_share_pct", 50, "share of each agent's inputs that the other has too"},
	{"same_output_factor", 4, "answers to the same input differ in length by at most this factor"},
	{"common_pct", 1, "an input in more than this share of an agent's calls is its template"},
	{"common_calls", 3, "unless it is in no more calls than this: of a few hundred, a hundredth is one or two"},
	{"repeat_seconds", 60, "an equal request is repeated if it comes later than this"},
	{"repeat_bytes", 256, "text of a request that is worth remembering, at least"},
	{"history_bytes_min", 16 << 10, "bytes of history that are long"},
	{"history_share_pct", 60, "share of the text that is history, at least"},
	{"history_output_pct", 1, "an answer below this share of the input is short"},
	{"short_output_tokens", 64, "an answer below this many tokens is short"},
	{"cache_minutes", 5, "lifetime of a provider's cache"},
	{"cache_read_pct", 75, "share of a common beginning that is read from the cache where the cache is used"},
	{"batch_hours", 23, "hours between the starts of runs that can wait"},
	{"batch_largest_pct", 10, "each run has at least this share of the largest one's calls"},
	{"bloat_input_tokens", 4000, "a prompt of this many tokens is long"},
	{"bloat_ratio", 10, "tokens read for each one written, at most"},
}

// CheckThreshold refuses a name that is not among Thresholds, and a negative number.
func CheckThreshold(name string, n int64) error {
	if !slices.ContainsFunc(Thresholds, func(t Threshold) bool { return t.Name == name }) {
		names := make([]string, len(Thresholds))
		for i, t := range Thresholds {
			names[i] = t.Name
		}
		return fmt.Errorf("unknown threshold %q: use one of %s", name, strings.Join(names, ", "))
	}
	if n < 0 {
		return fmt.Errorf("threshold %s: %d is negative", name, n)
	}
	return nil
}

// group is one finding as the database knows it.
type group struct {
	place                              int64
	class                              string
	agent, key, program                string
	otherAgent, otherKey, otherProgram string // of the second caller, if there is one
	model, sibling                     string // of dearer_model
	agentCalls, calls                  int64  // in the period: of the caller, of the finding
	cost, saving, estimated            USD    // estimated is a part of saving
	system, callerID, otherID          string

	// Of the two columns of evidence: means, the first one's least value, and how
	// many values the second one has and which is the most usual.
	firstMean, secondMean, firstLeast, secondValues, secondUsual int64
}

// FindingCalls is how many calls a period may have for findings to be looked for:
// beyond it they would take minutes, and more memory than most give.
const FindingCalls = 20_000_000

// partCalls is how many calls are looked at in one go where a query can be asked
// in parts: what it groups must fit into memory.
var partCalls int64 = 1_500_000 // a variable for tests

// find fills r.Findings, their proofs where pictures are wanted, and the sums of
// Totals.Avoidable for the period that the views show. The table charge stays, for
// Explain and for a DuckDB shell. Where there are too many calls, or too little
// memory, it says so in Quality.FindingsSkipped and finds nothing.
func find(ctx context.Context, db *sql.DB, l *lanes, r *Result, opt Options) error {
	if r.Totals.Requests > FindingCalls {
		r.Quality.FindingsSkipped = fmt.Sprintf("there are more than %d calls: choose a shorter period, or single agents", FindingCalls)
		return nil
	}
	if r.Totals.Requests == 0 {
		return nil
	}
	r.Findings, r.Totals.Avoidable = []Finding{}, noneAvoidable()
	err := findAll(ctx, db, l, r, opt)
	if err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "Out of Memory Error") {
		if !l.alone {
			return errCrowded
		}
		r.Findings, r.Totals.Avoidable = []Finding{}, noneAvoidable()
		r.Quality.FindingsSkipped = "memory did not suffice: give more with --memory, or choose a shorter period"
		return nil
	}
	return err
}

// noneAvoidable is the sums of no findings.
func noneAvoidable() Avoidable {
	zero := USD{pico: zeroPico}
	return Avoidable{Certain: zero, Likely: zero, Test: zero}
}

func findAll(ctx context.Context, db *sql.DB, l *lanes, r *Result, opt Options) error {
	var calls int64
	err := l.do(urgent, func() error {
		if _, err := db.ExecContext(ctx, thresholds(opt.Thresholds)+queries.Text("findings")); err != nil {
			return err
		}
		return db.QueryRowContext(ctx, "SELECT count(*) FROM history").Scan(&calls)
	})
	if err != nil {
		return fmt.Errorf("prepare findings: %w", err)
	}
	// What findings want is asked side by side where it can be, and charged in order.
	asked, askCtx := errgroup.WithContext(ctx)
	wanted, charged := make([]chan struct{}, len(kinds)), make([]chan struct{}, len(kinds))
	for i := range kinds {
		wanted[i], charged[i] = make(chan struct{}), make(chan struct{})
	}
	for i := range kinds {
		k := &kinds[i]
		after := map[int]chan struct{}{afterRetries: charged[0], inTurn: charged[max(i-1, 0)]}[k.when]
		asked.Go(func() error {
			if after != nil && !happened(askCtx, after) {
				return nil
			}
			err := l.do(k.hurry, func() error { return k.want(askCtx, db, calls) })
			if err == nil {
				close(wanted[i])
			}
			return err
		})
	}
	asked.Go(func() error {
		for i := range kinds {
			if !happened(askCtx, wanted[i]) {
				return nil
			}
			err := l.do(urgent, func() error {
				_, err := db.ExecContext(askCtx, kinds[i].charge(i+1))
				return err
			})
			if err != nil {
				return fmt.Errorf("finding %s: %w", kinds[i].name, err)
			}
			close(charged[i])
		}
		return nil
	})
	if err := asked.Wait(); err != nil {
		return err
	}
	return l.do(urgent, func() error {
		if err := readFindings(ctx, db, r); err != nil || opt.Need&Pictures == 0 {
			return err
		}
		return prove(ctx, db, r)
	})
}

// happened waits for an event; false if ctx ends first, because something failed.
func happened(ctx context.Context, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	case <-ctx.Done():
		return false
	}
}

// thresholds is the SQL that makes a macro of each: set has those that differ from
// the default.
func thresholds(set map[string]int64) string {
	var text strings.Builder
	for _, t := range Thresholds {
		n, ok := set[t.Name]
		if !ok {
			n = t.Default
		}
		fmt.Fprintf(&text, "CREATE OR REPLACE MACRO %s() AS %d;\n", t.Name, n)
	}
	return text.String()
}

// want writes a finding's calls into the table wanted_NAME.
func (k *kind) want(ctx context.Context, db *sql.DB, calls int64) error {
	if k.name == "schedule" { // and batch, which comes later
		if _, err := db.ExecContext(ctx, queries.Text("finding_runs")); err != nil {
			return fmt.Errorf("runs of jobs: %w", err)
		}
	}
	condition, parts := "", int64(1)
	if p := k.first; p != nil {
		if err := fill(ctx, db, p.table, queries.Text(p.query), p.parts, narrowParts(calls)); err != nil {
			return err
		}
		var rows int64
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+p.table).Scan(&rows); err != nil {
			return fmt.Errorf("finding %s: %w", k.name, err)
		}
		condition, parts = p.parts, 1+rows/max(1, partCalls)
	}
	query := "WITH wanted (boot, seq, ts, caller_id, other_id, class, cost_usd, avoidable_usd, first_evidence, second_evidence) AS (\n" + queries.Text("finding_"+k.name) + ") FROM wanted"
	return fill(ctx, db, "wanted_"+k.name, query, condition, parts)
}

// narrowParts is in how many parts a query of few columns is asked.
func narrowParts(calls int64) int64 { return 1 + calls/(2*max(1, partCalls)) }

// fill makes a table of a query's answer. Rows that belong together have one
// fingerprint, so the query may be asked in parts, by a condition on it. Without a
// condition it is asked at once.
func fill(ctx context.Context, db *sql.DB, table, query, condition string, parts int64) error {
	if condition == "" {
		parts = 1
	}
	fingerprint, _, _ := strings.Cut(condition, " ")
	for part := range parts {
		text := query
		if parts > 1 {
			text = strings.Replace(query, condition, fmt.Sprintf("%s AND %s %% %d = %d", condition, fingerprint, parts, part), 1)
		}
		statement := "INSERT INTO " + table + " "
		if part == 0 {
			statement = "CREATE OR REPLACE TABLE " + table + " AS "
		}
		if _, err := db.ExecContext(ctx, statement+text); err != nil {
			return fmt.Errorf("write %s: %w", table, err)
		}
	}
	return nil
}

// charge is the SQL that takes, for the finding at a place, what it wants of each
// call and earlier ones have left.
func (k *kind) charge(place int) string {
	return fmt.Sprintf(`INSERT INTO charge
WITH taken AS (
  SELECT boot, seq, sum(saved_usd) AS usd FROM charge SEMI JOIN wanted_%[2]s USING (boot, seq) GROUP BY ALL
)
SELECT %[1]d, class, boot, seq, ts, caller_id, other_id, cost_usd, least(avoidable_usd, cost_usd - coalesce(usd, 0)) AS saved, first_evidence, second_evidence
FROM wanted_%[2]s LEFT JOIN taken USING (boot, seq)
WHERE least(avoidable_usd, cost_usd - coalesce(usd, 0)) > 0;
DROP TABLE wanted_%[2]s`, place, k.name)
}

func readFindings(ctx context.Context, db *sql.DB, r *Result) error {
	rows, err := db.QueryContext(ctx, `SELECT place, class, agent, key_id, program, agent_calls, other_agent, other_key, other_program, model, sibling, calls,
  CAST(cost_usd AS VARCHAR), CAST(saving_usd AS VARCHAR), CAST(estimated_usd AS VARCHAR), coalesce(first_mean, 0), coalesce(second_mean, 0), coalesce(first_least, 0), second_values,
  coalesce(second_usual, 0), system, caller_text, other_text FROM (`+queries.Text("finding_groups")+`) answer`)
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g group
		err := rows.Scan(&g.place, &g.class, &g.agent, &g.key, &g.program, &g.agentCalls, &g.otherAgent, &g.otherKey, &g.otherProgram, &g.model, &g.sibling, &g.calls,
			&g.cost, &g.saving, &g.estimated, &g.firstMean, &g.secondMean, &g.firstLeast, &g.secondValues, &g.secondUsual, &g.system, &g.callerID, &g.otherID)
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		r.Findings = append(r.Findings, g.finding())
		sum := &r.Totals.Avoidable.Likely
		switch g.class {
		case Certain:
			sum = &r.Totals.Avoidable.Certain
		case Test:
			sum = &r.Totals.Avoidable.Test
		}
		*sum = sum.Add(g.saving)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	return nil
}

// findingKey tells findings apart, as the table charge does.
type findingKey struct {
	place                int64
	class, caller, other string
}

func (f *Finding) key() findingKey { return findingKey{f.place, f.Class, f.caller, f.other} }

func (g *group) finding() Finding {
	k := &kinds[g.place-1]
	f := Finding{Kind: k.name, Class: g.class, Agents: []string{g.agent}, Fix: k.fix, Calls: g.calls, Cost: g.cost, Saving: g.saving, Estimated: g.estimated,
		place: g.place, caller: g.callerID, other: g.otherID}
	if g.otherAgent != "" {
		f.Agents = append(f.Agents, g.otherAgent)
	}
	f.Title, f.Evidence = k.say(g)
	if g.estimated.Pico().Sign() > 0 { // beside the sentence, so that no form of output leaves it out
		part := "part"
		if g.estimated.Cmp(g.saving) == 0 {
			part = "all"
		}
		f.Evidence += "; " + part + " of the saving is est."
	}
	f.Means = [2]int64{g.firstMean, g.secondMean}
	if g.place == 10 {
		f.Fix = "try " + g.sibling + " on a sample of these calls"
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%q", []string{k.name, g.class, g.agent, g.otherAgent, g.model})
	if g.agent == unknown || g.otherAgent == unknown {
		fmt.Fprintf(h, "%q", []string{g.key, g.program, g.system, g.otherKey, g.otherProgram})
	}
	f.ID = fmt.Sprintf("%s-%06x", strings.ReplaceAll(k.name, "_", "-"), h.Sum32()&0xffffff)
	return f
}

// unknown is the agent of calls that no header names.
const unknown = "unknown"
