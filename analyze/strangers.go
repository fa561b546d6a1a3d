package analyze

import (
	"strings"
	"time"
)

// Stranger is what calls without an agent have in common, and the agent they
// resemble most: one of the agents file, if one was given, else any that calls.
// Resembles is "" where nothing telling is shared.
type Stranger struct {
	System  string    `json:"fp_system"` // "": it has none, or another in every call
	KeyID   string    `json:"key_id"`
	Client  string    `json:"client"`
	Program string    `json:"user_agent"`
	Calls   int64     `json:"requests"`
	Cost    USD       `json:"cost_usd"`
	First   time.Time `json:"first_ts"`
	Last    time.Time `json:"last_ts"`

	Resembles string   `json:"resembles"`
	Shared    []string `json:"shared"` // what most of its calls share with that agent: system prompt, tools, key, address, program, model, endpoint, hours
}

// telling is how many points of likeness make a resemblance: as many as a model
// that no other agent uses and a program that one other does.
const telling = 3

const strangerCols = "place system key_id client program requests cost_usd first_at last_at agent points shared"

// readStranger takes the first agent of each group that is registered.
func readStranger(r *Result, scan scanner) error {
	var s Stranger
	var place, first, last int64
	var agent, shared string
	var points float64
	if err := scan(&place, &s.System, &s.KeyID, &s.Client, &s.Program, &s.Calls, &s.Cost, &first, &last, &agent, &points, &shared); err != nil {
		return err
	}
	if int(place) > len(r.Strangers) {
		zone := r.Period.Since.Location()
		s.First, s.Last, s.Shared = time.UnixMicro(first).In(zone), time.UnixMicro(last).In(zone), []string{}
		r.Strangers = append(r.Strangers, s)
	}
	at := &r.Strangers[len(r.Strangers)-1]
	if _, listed := r.agents[agent]; at.Resembles == "" && agent != "" && points >= telling && (listed || r.agents == nil) {
		at.Resembles = agent
		at.Shared = strings.Split(shared, ", ")
	}
	return nil
}
