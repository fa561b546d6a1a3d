package analyze

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The words of findings: a title that names the agent, and the evidence with its
// numbers. Names come from callers: whoever prints them cleans them.

func (g *group) who() string { return callerName(g.agent, g.key, g.program) }

// callerName names an agent, or what calls without one have in common.
func callerName(agent, key, program string) string {
	if agent != unknown {
		return agent
	}
	var parts []string
	if program != "" {
		parts = append(parts, program)
	}
	if key != "" {
		parts = append(parts, "key "+key)
	}
	if len(parts) == 0 {
		return "an unknown caller"
	}
	return "an unknown caller (" + strings.Join(parts, ", ") + ")"
}

// count writes 26800 as 26,800.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is "1 day", "12 days".
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// ofCalls is "12 of 300 calls".
func (g *group) ofCalls() string { return count(g.calls) + " of " + count(g.agentCalls) + " calls" }

// lasting writes milliseconds for people.
func lasting(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int64(d.Hours()/24+0.5))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int64(d.Hours()+0.5))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int64(d.Minutes()+0.5))
	}
	return fmt.Sprintf("%d seconds", int64(d.Seconds()+0.5))
}

func sayRetries(g *group) (title, evidence string) {
	return g.who() + " pays for calls that fail and are made again",
		g.ofCalls() + " failed or were cut, were paid, and the same request followed, on average after " + lasting(g.firstMean)
}

func sayAbandoned(g *group) (title, evidence string) {
	return g.who() + " pays for streams that nobody waits for",
		fmt.Sprintf("%s were left by the client after %s and %s tokens, on average", g.ofCalls(), lasting(g.secondMean), count(g.firstMean))
}

func saySchedule(g *group) (title, evidence string) {
	return g.who() + " does in each run again what an earlier run did",
		fmt.Sprintf("%s, in %s runs that start about minute %02d, send a request that an earlier run had sent", g.ofCalls(), count(g.secondValues), g.firstLeast)
}

func saySameWork(g *group) (title, evidence string) {
	other := callerName(g.otherAgent, g.otherKey, g.otherProgram)
	return g.who() + " and " + other + " answer the same inputs",
		fmt.Sprintf("%s distinct inputs, %d %% of those of %s, also went to %s; the side that costs less is counted", count(g.firstMean), g.secondMean, g.who(), other)
}

func sayRepeated(g *group) (title, evidence string) {
	what := "asks what was answered before"
	if g.class == Certain {
		what = "embeds the same text again"
	}
	return g.who() + " " + what, g.ofCalls() + " repeat a request of the same agent and model, on average after " + lasting(g.firstMean)
}

func sayHistory(g *group) (title, evidence string) {
	return fmt.Sprintf("%s sends %s tokens, mostly history, for an answer of %s", g.who(), count(g.firstMean), count(g.secondMean)),
		fmt.Sprintf("%s read %s tokens each, on average, and write %s; all but the last 5 messages is counted", g.ofCalls(), count(g.firstMean), count(g.secondMean))
}

func sayCache(g *group) (title, evidence string) {
	part := [...]string{"the prompt", "the tool definitions", "the system prompt", "the history", "the last turn"}[min(max(g.secondUsual, 0), 4)]
	return g.who() + " pays in full for a beginning that could be cached",
		fmt.Sprintf("%s begin with the same %s tokens, on average, as another call minutes before; what differs first is mostly in %s", g.ofCalls(), count(g.firstMean), part)
}

func sayBatch(g *group) (title, evidence string) {
	return g.who() + " runs once a day and pays the price of at once",
		fmt.Sprintf("%s in %s runs at least 23 hours apart, none of them streamed", g.ofCalls(), count(g.firstMean))
}

func sayBloat(g *group) (title, evidence string) {
	return fmt.Sprintf("%s reads %s tokens to write %s", g.who(), count(g.firstMean), count(g.secondMean)),
		fmt.Sprintf("%s read %s tokens and write %s, on average; at most half of the input is counted", g.ofCalls(), count(g.firstMean), count(g.secondMean))
}

func sayDearer(g *group) (title, evidence string) {
	return fmt.Sprintf("%s asks %s for short answers", g.who(), g.model),
		fmt.Sprintf("%s write %s tokens, on average, and use no tools; counted is the difference to %s", g.ofCalls(), count(g.secondMean), g.sibling)
}
