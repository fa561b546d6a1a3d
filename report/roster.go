package report

import (
	"strings"

	"burn/analyze"
)

// shownIDs is how many agents a sentence names.
const shownIDs = 8

// RosterLine says how the agents file and the calls differ; empty if there is no
// file, or no difference.
func RosterLine(r *analyze.Result) string {
	if r.Roster == nil {
		return ""
	}
	var parts []string
	if n := int64(len(r.Roster.Unregistered)); n > 0 {
		parts = append(parts, plural(n, "agent")+" not in it: "+names(r.Roster.Unregistered))
	}
	if n := int64(len(r.Roster.Silent)); n > 0 {
		parts = append(parts, plural(n, "agent")+" of it without a call: "+names(r.Roster.Silent))
	}
	if parts == nil {
		return ""
	}
	return "Agents file: " + strings.Join(parts, "; ") + "."
}

// names lists the first few names and counts the others.
func names(ids []string) string {
	shown, hidden := first(ids, shownIDs)
	list := make([]string, len(shown))
	for i, id := range shown {
		list[i] = middle(named(id), longName)
	}
	s := strings.Join(list, ", ")
	if hidden > 0 {
		s += " and " + Count(hidden) + " more"
	}
	return s
}
