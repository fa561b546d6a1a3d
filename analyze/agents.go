package analyze

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// agentColumns are the columns of an agents file; only id must be there.
var agentColumns = []string{"id", "name", "owner", "purpose", "budget_usd_month"}

// ReadAgents reads an agents file: CSV with a header line that names its
// columns, id and any of name, owner, purpose and budget_usd_month. An unknown
// column, a missing or repeated id, or a budget that is no amount is an error
// with its line.
func ReadAgents(r io.Reader) (map[string]Agent, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("empty file, want the header " + strings.Join(agentColumns, ","))
	}
	if err != nil {
		return nil, err
	}
	for i, name := range header {
		header[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if !slices.Contains(agentColumns, header[i]) {
			return nil, fmt.Errorf("line 1: unknown column %q, want %s", name, strings.Join(agentColumns, ","))
		}
	}
	if !slices.Contains(header, "id") {
		return nil, errors.New("line 1: no column id")
	}
	agents := map[string]Agent{}
	for {
		row, err := in.Read()
		if err == io.EOF {
			return agents, nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("line %d: %d fields where the header has %d; a text with a comma needs quotes", line, len(row), len(header))
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		id, a, err := readAgent(header, row)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if _, twice := agents[id]; twice {
			return nil, fmt.Errorf("line %d: id %q is there twice", line, id)
		}
		agents[id] = a
	}
}

func readAgent(header, row []string) (id string, a Agent, err error) {
	for i, value := range row {
		value = strings.TrimSpace(value)
		switch header[i] {
		case "id":
			id = value
		case "name":
			a.Name = value
		case "owner":
			a.Owner = value
		case "purpose":
			a.Purpose = value
		case "budget_usd_month":
			if value == "" {
				continue
			}
			if a.Budget, err = ParseUSD(value); err != nil || a.Budget.Pico().Sign() < 0 {
				return "", a, fmt.Errorf("budget_usd_month %q is not an amount", value)
			}
		}
	}
	if id == "" {
		return "", a, errors.New("no id")
	}
	return id, a, nil
}

// roster sets the agents file beside r's agents; nil if there is no file.
func roster(r *Result, opt Options) *Roster {
	if opt.Agents == nil {
		return nil
	}
	list := &Roster{Unregistered: []string{}, Silent: []string{}}
	calls := map[string]bool{}
	for _, a := range r.ByAgent {
		calls[a.Key] = true
		if _, listed := opt.Agents[a.Key]; !listed && a.Key != "unknown" {
			list.Unregistered = append(list.Unregistered, a.Key)
		}
	}
	for id := range opt.Agents {
		if !calls[id] && opt.Filter.none() {
			list.Silent = append(list.Silent, id)
		}
	}
	slices.Sort(list.Silent)
	return list
}
