package report_test

import (
	"fmt"
	"math/big"
	"time"

	"burn/analyze"
)

// pageWorld is world with all that only a page draws: findings with their proofs,
// prompts, hours by agent and the compared period.
func pageWorld(names []string) *analyze.Result {
	r := world(names)
	scenes(r)
	r.Totals.Avoidable = analyze.Avoidable{Certain: usd("0"), Likely: usd("0"), Test: usd("0")}
	agents := r.ByAgent
	second := agents[1%len(agents)].Key
	for i, f := range []analyze.Finding{
		{ID: "schedule-9dbc51", Kind: "schedule", Class: analyze.Certain, Agents: []string{agents[0].Key}, Title: agents[0].Key + " does in each run again what an earlier run did",
			Evidence: "21,840 of 28,080 calls send a request that an earlier run had sent", Fix: "keep a high-water mark", Calls: 21_840, Cost: usd("62.5"), Saving: usd("60.25")},
		{ID: "same-work-f264f5", Kind: "same_work", Class: analyze.Likely, Agents: []string{agents[0].Key, second}, Title: agents[0].Key + " and " + second + " answer the same inputs",
			Evidence: "26,800 distinct inputs also went to " + second, Fix: "merge them", Calls: 26_800, Cost: usd("45.125"), Saving: usd("45.125")},
		{ID: "history-724a9f", Kind: "history", Class: analyze.Likely, Agents: []string{second}, Title: second + " sends 48,000 tokens, mostly history, for an answer of 5",
			Evidence: "2,000 calls read 48,000 tokens each", Fix: "send the last 5 turns", Calls: 2_000, Cost: usd("30"), Saving: usd("29.000000000001"), Means: [2]int64{48_000, 5}},
		{ID: "dearer-model-b2db24", Kind: "dearer_model", Class: analyze.Test, Agents: []string{second}, Title: second + " asks m for short answers",
			Evidence: "5,106 calls write 61 tokens", Fix: "try m-small", Calls: 5_106, Cost: usd("76"), Saving: usd("71")},
		{ID: "repeated-000001", Kind: "repeated", Class: analyze.Likely, Agents: []string{second}, Title: second + " asks what was answered before",
			Evidence: "30 calls repeat a request", Fix: "cache the answer", Calls: 30, Cost: usd("0.25"), Saving: usd("0.25")},
	} {
		f.Proof = &analyze.Proof{
			Days:  []analyze.ProofPoint{{Key: "2026-09-0" + fmt.Sprint(i+1), Calls: f.Calls, Cost: f.Cost, Saving: f.Saving}},
			Hours: []analyze.ProofPoint{{Key: fmt.Sprintf("%02d", 7+i), Calls: f.Calls, Cost: f.Cost, Saving: f.Saving}},
		}
		r.Findings = append(r.Findings, f)
		sum := map[string]*analyze.USD{analyze.Certain: &r.Totals.Avoidable.Certain, analyze.Likely: &r.Totals.Avoidable.Likely, analyze.Test: &r.Totals.Avoidable.Test}[f.Class]
		*sum = sum.Add(f.Saving)
	}
	return r
}

// scenes fills what only a page draws, so that it adds up.
func scenes(r *analyze.Result) {
	for i, a := range r.ByAgent {
		pico := a.Cost.Pico()
		each, rest := new(big.Int).QuoRem(pico, big.NewInt(24), new(big.Int))
		for h := range 24 {
			n := new(big.Int).Set(each)
			if h == 14 {
				n.Add(n, rest)
			}
			r.Scenes.AgentHours = append(r.Scenes.AgentHours, analyze.TrendPoint{Key: fmt.Sprintf("%02d", h), Agent: a.Key, Cost: picoUSD(n)})
		}
		for k := range 45 {
			r.Scenes.Sample = append(r.Scenes.Sample, analyze.Prompt{Agent: a.Key, Input: int64(300 + 700*i + 17*k), Output: int64(20 + 3*k + 10*i)})
		}
	}
	for k := range 5 {
		r.Scenes.Big = append(r.Scenes.Big, analyze.BigPrompt{At: r.Period.Since.Add(time.Duration(40+k) * time.Minute), User: "u-8", Model: "claude-opus-4-5", Cost: usd("0.276"), Estimated: k == 0,
			Prompt: analyze.Prompt{Agent: r.ByAgent[0].Key, Input: int64(55_000 - k), Output: 5}})
	}
	r.Scenes.AboveTen = analyze.Row{Requests: 52_000, Cost: usd("127.25"), Estimated: usd("1.5")}
	r.Scenes.Actions, r.Scenes.TypicalAction = 11_200, usd("0.0213")
	if r.Previous == nil {
		return
	}
	before := &analyze.Result{Period: analyze.Span{Between: *r.Compared, TZ: r.Period.TZ}, ByModel: r.ByModel, ByUser: r.ByUser[:1], ByTeam: r.ByTeam, ByEndpoint: r.ByEndpoint, TrendHourly: r.TrendHourly}
	for d := range 30 {
		before.Trend = append(before.Trend, analyze.TrendPoint{Key: r.Compared.Since.AddDate(0, 0, d).Format(time.DateOnly), Agent: r.ByAgent[0].Key, Cost: usd("61.6")})
	}
	r.Before = before
}

// picoUSD makes an amount of a number of 1e-12 USD.
func picoUSD(n *big.Int) analyze.USD {
	whole, part := new(big.Int).QuoRem(n, big.NewInt(1_000_000_000_000), new(big.Int))
	return usd(fmt.Sprintf("%s.%012s", whole, part))
}
