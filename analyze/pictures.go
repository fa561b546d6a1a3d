package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"burn/queries"
)

// Scenes is what a page draws and no table shows; filled for Pictures. It is no
// part of the JSON.
type Scenes struct {
	AgentHours []TrendPoint // cost by hour of day, keys "00" … "23", and agent
	Sample     []Prompt     // up to 45 calls per agent
	Big        []BigPrompt  // the calls that read the most beyond 10 tokens per token written, worst first
	AboveTen   Row          // sums of the calls above 10 tokens read per token written; Key is ""

	Actions       int64 // traces of two calls or more that have a price
	TypicalAction USD   // the cost that half of them stay below
}

// Prompt is the size of one call in tokens.
type Prompt struct {
	Agent         string
	Input, Output int64
}

// BigPrompt is a call that reads much for a small answer.
type BigPrompt struct {
	At          time.Time
	User, Model string
	Cost        USD
	Estimated   bool
	Prompt
}

// Proof is when the calls of a finding were made; filled for Pictures. A bucket's
// Cost is that of the calls the finding charges.
type Proof struct {
	Days  []ProofPoint // keys as Result.ByDay
	Hours []ProofPoint // keys as Result.ByHour
}

// ProofPoint is a day or an hour of day of a Proof.
type ProofPoint struct {
	Key          string
	Calls        int64
	Cost, Saving USD
}

func readAgentHours(r *Result, scan scanner) error {
	var p TrendPoint
	if err := scan(&p.Key, &p.Agent, &p.Cost, &p.Estimated); err != nil {
		return err
	}
	r.Scenes.AgentHours = append(r.Scenes.AgentHours, p)
	return nil
}

func readAboveTen(r *Result, scan scanner) error {
	var requests sql.NullInt64 // no call is above it
	s := &r.Scenes.AboveTen
	if err := scan(&requests, &s.Cost, &s.Estimated, &s.Unpriced); err != nil {
		return err
	}
	s.Requests = requests.Int64
	return nil
}

func readSample(r *Result, scan scanner) error {
	var p Prompt
	if err := scan(&p.Agent, &p.Input, &p.Output); err != nil {
		return err
	}
	r.Scenes.Sample = append(r.Scenes.Sample, p)
	return nil
}

func readBigPrompt(r *Result, scan scanner) error {
	var b BigPrompt
	var at int64
	if err := scan(&at, &b.Agent, &b.User, &b.Model, &b.Input, &b.Output, &b.Cost, &b.Estimated); err != nil {
		return err
	}
	b.At = time.UnixMicro(at).In(r.Period.Since.Location())
	r.Scenes.Big = append(r.Scenes.Big, b)
	return nil
}

func readTypical(r *Result, scan scanner) error {
	return scan(&r.Scenes.Actions, &r.Scenes.TypicalAction)
}

// prove fills the proofs of r's findings. The table charge is filled.
func prove(ctx context.Context, db *sql.DB, r *Result) error {
	if len(r.Findings) == 0 {
		return nil
	}
	of := map[findingKey]*Proof{}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Proof = &Proof{}
		of[f.key()] = f.Proof
	}
	rows, err := db.QueryContext(ctx, `SELECT CAST(place AS BIGINT), class, CAST(caller_id AS VARCHAR), CAST(other_id AS VARCHAR), day, CAST(hour AS BIGINT), CAST(calls AS BIGINT),
  CAST(cost_usd AS VARCHAR), CAST(saved_usd AS VARCHAR) FROM (`+queries.Text("finding_proof")+`) answer ORDER BY place, class, caller_id, other_id, day NULLS LAST, hour`)
	if err != nil {
		return fmt.Errorf("read proofs of findings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k findingKey
		var day sql.NullString
		var hour sql.NullInt64
		var p ProofPoint
		if err := rows.Scan(&k.place, &k.class, &k.caller, &k.other, &day, &hour, &p.Calls, &p.Cost, &p.Saving); err != nil {
			return fmt.Errorf("read proofs of findings: %w", err)
		}
		proof := of[k]
		if proof == nil {
			return fmt.Errorf("read proofs of findings: no finding of %v", k)
		}
		if day.Valid {
			p.Key = day.String
			proof.Days = append(proof.Days, p)
		} else {
			p.Key = fmt.Sprintf("%02d", hour.Int64)
			proof.Hours = append(proof.Hours, p)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read proofs of findings: %w", err)
	}
	return nil
}
