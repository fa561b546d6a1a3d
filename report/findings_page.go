//go:build cgo

package report

import (
	"fmt"

	"burn/analyze"
)

type finding struct {
	Save, ID, Kind, Class, Title, Evidence, Fix string
	Exact                                       string
	Width                                       string // of the part of the calls' cost that can be saved, in percent
	Proof                                       string
}

func (p *page) findings(r *analyze.Result) {
	shown, hidden, left := fixFirst(r)
	if len(shown) == 0 {
		p.FindingAnswer = noBreak(noFindings(r))
		return
	}
	avoidable := r.Totals.Avoidable.Certain.Add(r.Totals.Avoidable.Likely)
	p.FindingAnswer = noBreak(fmt.Sprintf("%s of %s looks avoidable: %s certain, %s likely; each dollar is counted once.",
		Money(avoidable), Money(r.Totals.Cost), Money(r.Totals.Avoidable.Certain), Money(r.Totals.Avoidable.Likely)))
	if test := r.Totals.Avoidable.Test; test.Pico().Sign() > 0 {
		p.FindingAnswer += noBreak(" Another " + Money(test) + " needs a test.")
	}
	for _, f := range shown {
		p.Findings = append(p.Findings, finding{
			Save: Money(f.Saving), Exact: f.Saving.String(), ID: f.ID, Kind: f.Kind, Class: f.Class,
			Title: label(f.Title), Evidence: noBreak(label(f.Evidence)), Fix: label(f.Fix),
			Width: width(f.Saving.Float(), f.Cost.Float()),
			Proof: noBreak(fmt.Sprintf("%s of the %s that %s cost", Money(f.Saving), Money(f.Cost), plural(f.Calls, "call"))),
		})
	}
	p.MoreFindings = noBreak(moreFindings(hidden, left))
}
