package provider

// told is what a provider says a call cost: OpenRouter's cost in dollars (with
// the customer's own key the money is in cost_details), Perplexity's cost
// object, xAI's ticks of 1e-10 dollars.
type told struct {
	upstream    string // what the call cost at the provider behind a router
	byok, shape bool   // paid with the customer's own key; the unit is known
}

// money reads a member of a usage object that speaks of money.
func (t *told) money(r *reading, key, val []byte) {
	switch string(key) {
	case "cost":
		if val[0] == '{' {
			if total := member(val, []byte("total_cost")); total != nil {
				r.cost, t.shape = r.money(total, 0), true
			}
			return
		}
		r.cost = r.money(val, 0)
	case "cost_in_usd_ticks":
		r.cost, t.shape = r.money(val, -10), true
	case "is_byok":
		t.byok = string(val) == "true"
		t.shape = true
	case "cost_details":
		t.shape = true
		if v := member(val, []byte("upstream_inference_cost")); v != nil {
			t.upstream = r.money(v, 0)
		}
	}
}

// settle decides what of it all is the cost.
func (t *told) settle(r *reading, c *Call) {
	switch {
	case !t.byok:
	case t.upstream == "": // the router's own fee alone is not what the call cost
		r.cost = ""
	case r.cost == "":
		r.cost = t.upstream
	default:
		r.cost = sum(r.cost, t.upstream)
	}
	if r.cost != "" && !t.shape && c.Provider.Name != "openrouter" {
		r.cost = "" // a bare "cost" of unknown unit
	}
}
