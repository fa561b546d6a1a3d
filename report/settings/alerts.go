package settings

import (
	"errors"
	"fmt"
	"time"
)

// Budget is an entry of the section budgets: who (Scope total, agent, user, model
// or team, and Key) and the limit as for --budget, 80/day.
type Budget struct{ Scope, Key, Limit string }

// Budgets reads the section budgets: a list of {agent: NAME, usd: 80, per: day},
// with user, model, team, or nobody, in the place of agent.
func (f *File) Budgets() (list []Budget, err error) {
	var entries []struct {
		Agent *string `yaml:"agent"`
		User  *string `yaml:"user"`
		Model *string `yaml:"model"`
		Team  *string `yaml:"team"`
		USD   string  `yaml:"usd"`
		Per   string  `yaml:"per"`
	}
	if err := f.Section("budgets", &entries); err != nil {
		return nil, err
	}
	for i, e := range entries {
		b := Budget{Scope: "total", Limit: e.USD + "/" + e.Per}
		if e.Per == "" {
			b.Limit = e.USD
		}
		for scope, key := range map[string]*string{"agent": e.Agent, "user": e.User, "model": e.Model, "team": e.Team} {
			if key == nil {
				continue
			}
			if b.Scope != "total" {
				return nil, f.Errorf("budgets", fmt.Errorf("entry %d: use one of agent, user, model, team", i+1))
			}
			b.Scope, b.Key = scope, *key
		}
		if e.USD == "" {
			return nil, f.Errorf("budgets", fmt.Errorf("entry %d: usd is missing", i+1))
		}
		list = append(list, b)
	}
	return list, nil
}

// Webhook is the section webhook: where alerts are posted, and for how long that
// may take.
type Webhook struct {
	URL     string
	Timeout time.Duration
}

// Alerts is what the configuration says about telling people.
type Alerts struct{ Webhook Webhook }

// webhookTime is how long a webhook may take unless the configuration says so.
const webhookTime = 10 * time.Second

// Alerts reads the section webhook: {url: …, timeout: 10s}.
func (f *File) Alerts() (a Alerts, err error) {
	var w struct {
		URL     string `yaml:"url"`
		Timeout string `yaml:"timeout"`
	}
	if _, given := f.keys["webhook"]; !given {
		return a, nil
	}
	if err := f.Section("webhook", &w); err != nil {
		return a, err
	}
	if w.URL == "" {
		return a, f.Errorf("webhook", errors.New("url is missing"))
	}
	a.Webhook = Webhook{URL: w.URL, Timeout: webhookTime}
	if w.Timeout != "" {
		if a.Webhook.Timeout, err = Wait(w.Timeout); err != nil || a.Webhook.Timeout <= 0 {
			return a, f.Errorf("webhook", fmt.Errorf("timeout %q: use a time such as 10s", w.Timeout))
		}
	}
	return a, nil
}
