//go:build cgo

package report

import "burn/analyze"

// budgetPart is who is over a limit; without rows it is not shown.
type budgetPart struct {
	Answer string
	Rows   []budgetRow
}

type budgetRow struct {
	Scope, Per, State, Note string
	Limit, Spent            amount
	Forecast                string
	Width                   string // of the spent part of the limit, in percent
	Hot                     bool
}

func (p *page) budgets(*analyze.Result) {}

// forecastTile is what the month comes to.
func forecastTile(*analyze.Result) tile {
	return tile{Name: "Month-end forecast", Value: "-", Note: "no budget set: add budget: 2000"}
}
