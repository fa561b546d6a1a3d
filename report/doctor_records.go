package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"burn/analyze"
)

func checkLines(h Health) Check {
	q := h.Records.Quality
	c := Check{Name: "lines", State: OK, Text: Count(q.Lines) + " lines read, none rejected"}
	if n := q.RejectedLines(); n > 0 {
		var reasons []string
		for _, reason := range sortedReasons(q) {
			reasons = append(reasons, reason+" "+Count(q.Rejected[reason]))
		}
		c.State, c.Text = Warn, fmt.Sprintf("%s of %s rejected: %s", plural(n, "line"), Count(q.Lines), strings.Join(reasons, ", "))
		c.Do = []string{analyzeCommand(h) + " --rebuild --rejects rejects.txt  (writes file, line and reason of each)"}
	}
	if q.Torn > 0 {
		c.Text += "; " + Count(q.Torn) + " torn, where a proxy died while it wrote"
	}
	return c
}

func checkNumbers(h Health) Check {
	q, w := h.Records.Quality, h.Records.Exam.Writers
	var parts []string
	for _, x := range []struct {
		n          int64
		noun, rest string
	}{
		{q.MissingSeq, "call", " numbered by a proxy and not in the files"},
		{w.Dropped, "call", " kept only as sums"},
		{w.LostLines, "line", " lost with files that were deleted or cut under a proxy"},
		{w.WriteErrors, "failed write", " to a log file"},
	} {
		if x.n > 0 {
			parts = append(parts, plural(x.n, x.noun)+x.rest)
		}
	}
	open := ""
	if q.OpenCalls > 0 {
		open = "; " + plural(q.OpenCalls, "call") + " begun and not seen to end"
	}
	if len(parts) == 0 {
		return Check{Name: "numbers", State: OK, Text: "no call is missing" + open}
	}
	c := Check{Name: "numbers", State: Warn, Text: strings.Join(parts, ", ") + open}
	if q.MissingSeq > 0 {
		c.Do = append(c.Do, "gather the log files of every proxy, older ones too, and name each directory with --log-dir")
	}
	if w.Dropped+w.LostLines+w.WriteErrors > 0 {
		do := "see that the disk of the log directory has room, and that nothing moves or cuts files there"
		if len(h.Dirs) > 0 {
			do += ": df -h " + shellWord(h.Dirs[0].Path)
		}
		c.Do = append(c.Do, do)
	}
	return c
}

// future is how far ahead of this clock a call may begin before a clock is wrong.
const future = time.Minute

var setClocks = []string{"let NTP set the clocks of the proxy's host and of this one: timedatectl set-ntp true"}

// checkFileClock is checkClock without a database.
func checkFileClock(h Health) Check {
	if h.NewestLine.Sub(h.Now) > future {
		return Check{Name: "clock", State: Warn, Text: "the newest line is " + ago(h.Now, h.NewestLine), Do: setClocks}
	}
	return Check{Name: "clock", State: OK, Text: "the newest line is not in the future"}
}

func checkClock(h Health) Check {
	r := h.Records
	var parts []string
	if n := r.Quality.Rejected["clock"]; n > 0 {
		parts = append(parts, plural(n, "line")+" rejected for a time more than a day ahead, or before 2020")
	}
	newest := r.LastCall
	if h.NewestLine.After(newest) {
		newest = h.NewestLine
	}
	if newest.Sub(h.Now) > future {
		parts = append(parts, "the newest line is "+ago(h.Now, newest))
	}
	if n := r.Exam.Jumped; n > 0 {
		parts = append(parts, plural(n, "call")+" during which a proxy's clock was set")
	}
	if len(parts) == 0 {
		return Check{Name: "clock", State: OK, Text: "no line from the future, no clock set during a call"}
	}
	return Check{Name: "clock", State: Warn, Text: strings.Join(parts, ", "), Do: setClocks}
}

// unlabelledShare is from which share on calls without an agent are too many.
const unlabelledShare = 0.01

func checkAgents(h Health) Check {
	var without int64
	var programs []string
	for i, p := range h.Records.Exam.Unlabelled {
		without += p.Requests
		if i < 3 {
			programs = append(programs, named(p.Name)+" "+Count(p.Requests))
		}
	}
	all := h.Records.Totals.Requests
	c := Check{Name: "agents", State: OK}
	switch share := float64(without) / float64(max(all, 1)); {
	case all == 0:
		c.Text = "no calls since " + h.Since.Format("2 Jan 2006")
		return c
	case without == 0:
		c.Text = "every call says which agent made it: " + plural(all, "call")
		return c
	case share < unlabelledShare:
		c.Text = fmt.Sprintf("%s of %s without an agent (%s)", percent(share), plural(all, "call"), strings.Join(programs, ", "))
		return c
	default:
		c.State, c.Text = Warn, fmt.Sprintf("%s of %s without an agent (%s)", percent(share), plural(all, "call"), strings.Join(programs, ", "))
	}
	c.Do = resemblances(h.Records)
	for _, p := range h.Records.Exam.Unlabelled {
		if do := agentSnippet(p.Name); !slices.Contains(c.Do, do) && len(c.Do) < 6 {
			c.Do = append(c.Do, do)
		}
	}
	return c
}

// snippets are the lines that name an agent, by what a client's User-Agent
// begins or ends with, lower case.
var snippets = []struct{ program, text string }{
	{"claude-cli", `Claude Code: ANTHROPIC_CUSTOM_HEADERS='X-Agent-ID: NAME'`},
	{"anthropic/python", `Anthropic, Python: Anthropic(default_headers={"X-Agent-ID": "NAME"})`},
	{"asyncanthropic/python", `Anthropic, Python: AsyncAnthropic(default_headers={"X-Agent-ID": "NAME"})`},
	{"anthropic/js", `Anthropic, Node: new Anthropic({ defaultHeaders: { "X-Agent-ID": "NAME" } })`},
	{"openai/python", `OpenAI, Python: OpenAI(default_headers={"X-Agent-ID": "NAME"})`},
	{"asyncopenai/python", `OpenAI, Python: AsyncOpenAI(default_headers={"X-Agent-ID": "NAME"})`},
	{"openai/js", `OpenAI, Node: new OpenAI({ defaultHeaders: { "X-Agent-ID": "NAME" } })`},
	{"google-genai-sdk", `Google: http_options={"headers": {"X-Agent-ID": "NAME"}} in Python, httpOptions: { headers: { "X-Agent-ID": "NAME" } } in Node`},
}

// agentSnippet is what to write so that a program's calls have an agent.
func agentSnippet(program string) string {
	for _, s := range snippets {
		if strings.HasPrefix(strings.ToLower(program), s.program) {
			return s.text
		}
	}
	if program == "" {
		return "send the header X-Agent-ID: NAME with each call"
	}
	return "send the header X-Agent-ID: NAME, or in the configuration: agent-rules: [{agent: NAME, user_agent: " + shellWord(program) + "}]"
}

// retired is after how long a silent agent that no file lists is forgotten.
const retired = 90 * 24 * time.Hour

func checkSilent(h Health) Check {
	seen := map[string]analyze.Seen{}
	var silent []string
	for _, s := range h.Records.Exam.Seen {
		seen[s.Agent] = s
		_, listed := h.Agents[s.Agent]
		if s.Agent != "unknown" && s.Last.Before(h.Since) && (listed || h.Since.Sub(s.Last) < retired) {
			silent = append(silent, named(s.Agent)+" (last on "+s.Last.Format("2 Jan 2006")+")")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.Agents)) {
		if _, ok := seen[id]; !ok {
			silent = append(silent, named(id)+" (in the agents file, never seen)")
		}
	}
	if len(silent) == 0 {
		return Check{Name: "silent", State: OK, Text: "no agent has fallen silent since " + h.Since.Format("2 Jan 2006")}
	}
	shown, hidden := first(silent, 10)
	text := plural(int64(len(silent)), "agent") + " not seen since " + h.Since.Format("2 Jan 2006") + ": " + strings.Join(shown, ", ")
	if hidden > 0 {
		text += " and " + Count(hidden) + " more"
	}
	return Check{Name: "silent", State: Warn, Text: text,
		Do: []string{"see whether they still run, still call through the proxy, and still send the same X-Agent-ID"}}
}

func checkStreams(h Health) Check {
	streams := h.Records.Streams
	if len(streams) == 0 {
		return Check{Name: "streams", State: OK, Text: "every stream that ended well said what it used"}
	}
	var calls int64
	var cost analyze.USD
	var who []string
	for _, s := range streams {
		calls, cost = calls+s.Requests, cost.Add(s.Cost)
		who = append(who, named(s.Agent)+" with "+named(s.Model)+" "+Count(s.Requests))
	}
	return Check{Name: "streams", State: Warn, Do: streamFixes(streams),
		Text: fmt.Sprintf("%s without usage, %s est.: %s", plural(calls, "stream"), Money(cost), some(who))}
}

func checkUnpriced(h Health) Check {
	list := h.Records.Unpriced
	if len(list) == 0 {
		return Check{Name: "unpriced", State: OK, Text: "every call has a price or costs nothing"}
	}
	c := Check{Name: "unpriced", State: Warn}
	var calls, tokens int64
	for i, u := range list {
		calls, tokens = calls+u.Requests, tokens+u.Tokens
		if i < 5 {
			c.Do = append(c.Do, explainCommand(u))
		}
	}
	c.Text = fmt.Sprintf("%s with %s tokens in %s without a price: they are in no sum", plural(calls, "call"), Count(tokens), plural(int64(len(list)), "model"))
	return c
}

func checkCounts(h Health) Check {
	n := h.Records.Quality.InconsistentRequests
	if n == 0 {
		return Check{Name: "usage", State: OK, Text: "no provider's counts contradict each other"}
	}
	var who []string
	for _, x := range h.Records.Inconsistent {
		who = append(who, fmt.Sprintf("%s of %s %s", named(x.Model), named(x.Provider), Count(x.Requests)))
	}
	return Check{Name: "usage", State: Warn, Text: plural(n, "call") + " with counts that contradict each other, priced as they are: " + some(who),
		Do: []string{"after burn analyze, in a DuckDB shell: SELECT * FROM calls WHERE inconsistent"}}
}
