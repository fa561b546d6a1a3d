package report_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"burn/analyze"
	"burn/report"
)

// crowded is a result of so many agents, users and days with something in every
// section, under names of 200 characters that differ only in their middle or at
// their end.
func crowded(letter string, agents, users, days int) *analyze.Result {
	long := func(kind string, i int) string {
		return kind + strings.Repeat(letter, 110) + fmt.Sprintf("%05d", i) + strings.Repeat(letter, 80)
	}
	r := manyNamed(agents, users, days, func(kind string, i int) string { return kind + strings.Repeat(letter, 190) + fmt.Sprintf("%05d", i) })
	since, until := r.Period.Since, r.Period.Until
	agent := func(i int) string { return r.ByAgent[i].Key }
	r.Roster = &analyze.Roster{}
	for i := range r.ByAgent {
		r.ByAgent[i].Agent = analyze.Agent{Name: long("name", i), Owner: long("owner", i), Purpose: long("purpose", i)}
		r.Roster.Silent = append(r.Roster.Silent, long("silent", i))
		b := budgets([]string{agent(i)}, since)[1]
		b.Over = []analyze.Over{{Since: since, Until: until, At: since, Agent: agent(i), AgentCost: usd("1"), AgentBefore: usd("0"), Spent: usd("2")}}
		r.Budgets = append(r.Budgets, b)
		x := changes([]string{agent(i)})[0]
		x.Why = "calls moved to " + long("model", i)
		r.Changes = append(r.Changes, x)
		r.Spikes = append(r.Spikes, analyze.Spike{Kind: "hour", Since: since, Until: since.Add(time.Hour), Agent: agent(i), Cost: usd("41.02"), Most: usd("6.5")})
		m := marks(agent(i), until.AddDate(0, 0, i-agents))[0]
		m.Text, m.At = long("changed", i), until.AddDate(0, 0, i-agents)
		r.Marks = append(r.Marks, m)
		r.Streams = append(r.Streams, analyze.Stream{Agent: agent(i), Model: long("model", i), Endpoint: "/v1/chat/completions", Requests: 3, Cost: usd("0")})
		r.Unpriced = append(r.Unpriced, analyze.Unpriced{Provider: long("provider", i), Model: long("model", i), Requests: 1, Tokens: 5})
		r.Strangers = append(r.Strangers, analyze.Stranger{System: "00c1a5ad0000002a", KeyID: "9f86d081884c7d65", Client: long("from", i), Program: long("program", i), Calls: 3, Cost: usd("0.02"),
			Resembles: agent(i), Shared: []string{"system prompt"}})
		r.Waste = append(r.Waste, analyze.Waste{Agent: agent(i), Ratio: 20, InputTokens: 200, OutputTokens: 10, Cost: usd("1"), Estimated: usd("0")})
		r.Findings = append(r.Findings, analyze.Finding{ID: fmt.Sprintf("same-work-%06d", i), Kind: "same_work", Class: analyze.Likely, Agents: []string{agent(i), agent((i + 1) % agents)}, Cost: usd("20"), Saving: usd("10"),
			Title: agent(i) + " and " + agent((i+1)%agents) + " answer the same inputs", Evidence: "9 inputs of " + agent(i) + " also went to " + agent((i+1)%agents), Fix: "let " + agent(i) + " read the other's answer",
			Proof: &analyze.Proof{Days: []analyze.ProofPoint{{Key: "2026-09-02", Calls: 1, Cost: usd("20"), Saving: usd("10")}}}})
		t := analyze.Trace{ID: long("trace", i), Cost: usd("0.30")}
		for k := range 30 {
			t.Calls = append(t.Calls, analyze.Call{At: since.Add(time.Duration(k) * time.Second), Agent: agent(k), User: long("user", i), Model: long("model", k), Step: long("step", k), Status: 500, End: "timeout", LatencyMS: 900, Cost: usd("0.01"), Kind: "retries"})
		}
		r.Traces = append(r.Traces, t)
		r.Scenes.Big = append(r.Scenes.Big, analyze.BigPrompt{At: since, User: long("user", i), Model: long("model", i), Cost: usd("0.1"), Prompt: analyze.Prompt{Agent: agent(i), Input: 55_000, Output: 5}})
	}
	r.Scenes.Big = r.Scenes.Big[:5]
	r.Totals.Avoidable.Likely = micro(int64(agents) * 10_000_000)
	r.Totals.Avoidable.Certain = usd("0")
	r.Compared = &analyze.Between{Since: since.AddDate(0, 0, -365), Until: since}
	before := r.Totals
	r.Previous, r.PreviousAgents = &before, map[string]analyze.USD{agent(0): usd("1")}
	for _, rows := range []*[]analyze.Row{&r.ByModel, &r.ByEndpoint, &r.ByTeam} {
		whole := (*rows)[0]
		whole.Key = long("whole", 0)
		*rows = []analyze.Row{whole}
		for i := 1; i < 60; i++ {
			*rows = append(*rows, analyze.Row{Key: long("part", i), Cost: usd("0"), Requests: 1})
		}
	}
	return r
}

// TestPageKeepsItsLimit: whatever the names are and however much is asked for, the
// page stays below 600 kB, says what it leaves out, and its sums are the headline's.
func TestPageKeepsItsLimit(t *testing.T) {
	base := "burn analyze " + strings.Repeat("--agent 'chat-<&>' ", 600)
	for _, c := range []struct {
		name, letter, base string
		top                int
		plain              bool
		want               string
	}{
		{"long names", "x", "", 0, false, "To stay below 600 kB, pictures have no labels under the pointer. --format json has everything."},
		{"names of signs that are escaped", "<", "", 0, false, "long names are cut in the middle, in commands too"},
		{"a long command", "x", base, 0, false, "in a command stands for the command in the foot"},
		{"names of characters of four bytes", "🙂", "", 0, false, "To stay below 600 kB"},
		{"names of signs that do not show", "\u202e", "", 0, false, "To stay below 600 kB"},
		{"names of bytes that are no text", "\xff", "", 0, false, "To stay below 600 kB"},
		{"all rows", "x", base, 100_000, false, "tables have 100 rows in the place of 100,000"},
		{"all rows of signs that are escaped", "\"", base, 100_000, false, "pictures have no labels under the pointer"},
		{"the script as plain text", "<", base, 100_000, true, "To stay below 600 kB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := crowded(c.letter, 60, 300, 100)
			if c.name == "long names" {
				r = crowded(c.letter, 300, 30_000, 365)
			}
			text := page(t, r, report.HTMLOptions{Top: c.top, Base: c.base, Command: c.base, Plain: c.plain})
			if n := len(text); n >= 600_000 && (!c.plain || strings.Contains(text, "<script")) {
				t.Errorf("page of %d bytes, want under 600 kB", n)
			}
			_, note, _ := strings.Cut(text, `<p class="note">To stay below`)
			note, _, _ = strings.Cut(note, "</p>")
			if note = "To stay below" + note; !strings.Contains(note, c.want) {
				t.Errorf("page says %q, want %q", note, c.want)
			}
			for _, name := range []string{"Agents", "Models", "Users", "Endpoints", "Teams"} {
				_, rest, _ := strings.Cut(text, "<h3>"+name+"</h3>")
				table, _, _ := strings.Cut(rest, "</tbody>")
				var sum analyze.USD
				names := map[string]bool{}
				for _, m := range regexp.MustCompile(`<b>(.*?)</b>.*?data-usd="([^"]*)"`).FindAllStringSubmatch(table, -1) {
					sum = sum.Add(usd(m[2]))
					if names[m[1]] {
						t.Fatalf("%s: two rows are called %s", name, m[1])
					}
					names[m[1]] = true
				}
				if sum.Cmp(r.Totals.Cost) != 0 {
					t.Errorf("%s add up to %s, want %s", name, sum, r.Totals.Cost)
				}
			}
		})
	}
}

// TestPageNamesWhatDiffers: names that begin alike can be told apart, and the title
// of a finding keeps its words.
func TestPageNamesWhatDiffers(t *testing.T) {
	same := strings.Repeat("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/", 4)
	r := pageWorld([]string{same + "one", same + "two"})
	text := page(t, r, report.HTMLOptions{})
	for _, want := range []string{"profile/one</b>", "profile/two</b>", "profile/one answer the same inputs</h3>"} {
		if !strings.Contains(text, want) {
			t.Errorf("page does not say %q", want)
		}
	}
	if strings.Contains(text, "To stay below") {
		t.Error("a small page leaves something out")
	}
	text = page(t, crowded("<", 60, 300, 100), report.HTMLOptions{})
	if numbered := regexp.MustCompile(`.{0,60}(&lt;|…)~\d`).FindAllString(text, 3); !strings.Contains(text, "…00007…") || !strings.Contains(text, "00042 answer") || numbered != nil {
		t.Errorf("names that differ in their middle are numbered: %q", numbered)
	}
}
