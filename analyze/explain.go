package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"burn/queries"
)

// Explanation is a finding with all that is behind it.
type Explanation struct {
	Schema  string        `json:"schema"`
	Period  Span          `json:"period"`
	Finding Finding       `json:"finding"`
	Columns [2]string     `json:"evidence_columns"` // what Evidence of a call holds
	Calls   []ChargedCall `json:"calls"`            // in order of start
	SQL     string        `json:"sql"`
	// Earlier is what findings before it in the catalogue took of the same calls.
	Earlier USD `json:"taken_earlier_usd"`
}

// ExplanationSchema names the shape of an Explanation as JSON.
const ExplanationSchema = "burn.finding/1"

// ChargedCall is one call of a finding. Boot and Seq are its identity, as in the
// log files.
type ChargedCall struct {
	Boot            string    `json:"boot"`
	Seq             uint64    `json:"seq"`
	At              time.Time `json:"ts"`
	Agent           string    `json:"agent"`
	User            string    `json:"user"`
	Model           string    `json:"model"`
	Status          int64     `json:"status"`
	End             string    `json:"end"`
	InputTokens     int64     `json:"input_tokens"`
	CacheReadTokens int64     `json:"cache_read_tokens"`
	OutputTokens    int64     `json:"output_tokens"`
	Cost            USD       `json:"cost_usd"`
	Saving          USD       `json:"saving_usd"`
	Evidence        [2]*int64 `json:"evidence"`
	Estimated       bool      `json:"estimated"` // its tokens, and so its cost and saving
}

// Explain reads the calls of r's finding of this id; Run has filled the table they
// stand in. An unknown id is an error that names those there are.
func Explain(ctx context.Context, db *sql.DB, r *Result, id string) (*Explanation, error) {
	e := &Explanation{Schema: ExplanationSchema, Period: r.Period, Calls: []ChargedCall{}}
	var ids []string
	for _, f := range r.Findings {
		if f.ID == id {
			e.Finding = f
		}
		ids = append(ids, f.ID)
	}
	f := e.Finding
	if f.ID == "" {
		return nil, &NoFinding{ID: id, Known: ids}
	}
	e.SQL = queries.Text("finding_" + f.Kind)
	where := fmt.Sprintf("place = %d AND class = '%s' AND caller_id = %s AND other_id = %s", f.place, f.class(), f.caller, f.other)
	rows, err := db.QueryContext(ctx, `SELECT printf('%016x', boot), seq, epoch_us(started_at), agent, coalesce("user", 'unknown'), model, CAST(status AS BIGINT), coalesce("end", ''),
  CAST(input_tokens AS BIGINT), CAST(cache_read_tokens AS BIGINT), CAST(output_tokens AS BIGINT), CAST(cost_usd AS VARCHAR), CAST(saved_usd AS VARCHAR), first_evidence, second_evidence, estimated
FROM (`+queries.Text("finding_calls")+`) answer WHERE `+where+` ORDER BY started_at, boot, seq`)
	if err != nil {
		return nil, fmt.Errorf("read calls of finding: %w", err)
	}
	defer rows.Close()
	if cols := evidenceColumns(e.SQL); len(cols) == 2 {
		e.Columns = [2]string(cols)
	}
	for rows.Next() {
		var c ChargedCall
		var at int64
		err := rows.Scan(&c.Boot, &c.Seq, &at, &c.Agent, &c.User, &c.Model, &c.Status, &c.End, &c.InputTokens, &c.CacheReadTokens, &c.OutputTokens,
			&c.Cost, &c.Saving, &c.Evidence[0], &c.Evidence[1], &c.Estimated)
		if err != nil {
			return nil, fmt.Errorf("read calls of finding: %w", err)
		}
		c.At = time.UnixMicro(at).In(r.Period.Since.Location())
		e.Calls = append(e.Calls, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read calls of finding: %w", err)
	}
	earlier := `SELECT CAST(coalesce(sum(saved_usd), 0) AS VARCHAR) FROM charge
WHERE place < ` + fmt.Sprint(f.place) + ` AND (boot, seq) IN (SELECT (boot, seq) FROM charge WHERE ` + where + ")"
	if err := db.QueryRowContext(ctx, earlier).Scan(&e.Earlier); err != nil {
		return nil, fmt.Errorf("read what earlier findings took: %w", err)
	}
	return e, nil
}

// class is one of three words, so it can stand in SQL.
func (f *Finding) class() string {
	switch f.Class {
	case Certain, Test:
		return f.Class
	}
	return Likely
}

// evidenceColumns are the names of the last two columns of a finding's query.
func evidenceColumns(text string) []string {
	main := text
	if i := strings.LastIndex(main, "\nSELECT"); i >= 0 {
		main = main[i:]
	}
	if i := strings.Index(main, "\nFROM"); i >= 0 {
		main = main[:i]
	}
	var names []string
	for line := range strings.Lines(main) {
		line = strings.TrimRight(strings.TrimSpace(line), ",")
		if i := strings.LastIndex(line, " AS "); i >= 0 {
			names = append(names, strings.TrimSpace(line[i+4:]))
		}
	}
	return names[max(0, len(names)-2):]
}

// NoFinding means that a run has no finding of the id asked for.
type NoFinding struct {
	ID    string
	Known []string
}

func (e *NoFinding) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("no finding %q: there are none in this period", e.ID)
	}
	return fmt.Sprintf("no finding %q in this period: there are %s", e.ID, strings.Join(e.Known, ", "))
}
