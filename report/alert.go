package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"burn/analyze"
)

// Alert is something to act on, in one line. The ID is the same for the same
// thing: a budget in one day, week or month, or a finding.
type Alert struct{ ID, Line string }

// BudgetAlerts are the budgets that are crossed, now or within the period.
func BudgetAlerts(r *analyze.Result) (list []Alert) {
	for _, b := range r.Budgets {
		for _, o := range b.Over {
			if !o.Since.Equal(b.Since) && o.At.Before(r.Period.Since) {
				continue
			}
			line := strings.ToLower(budgetName(b)[:1]) + budgetName(b)[1:] + " crossed: " + marked(o.Spent, o.Estimated) + " of " + Money(b.Limit) + " " + unitText(b.Per, o.Since)
			if o.Agent != "" && (b.Scope != analyze.ScopeAgent || o.Agent != b.Key || o.AgentBefore.Known()) {
				line += "; " + named(o.Agent) + " " + Money(o.AgentCost)
				var marks []string
				if o.AgentBefore.Known() {
					marks = append(marks, Change(o.AgentCost, o.AgentBefore))
				}
				if mark := est(o.AgentCost, o.AgentEstimated); mark != "" {
					marks = append(marks, mark)
				}
				if len(marks) > 0 {
					line += " (" + strings.Join(marks, ", ") + ")"
				}
			}
			list = append(list, Alert{ID: "budget " + b.Scope + " " + b.Key + " " + b.Per + " " + o.Since.Format(time.DateOnly), Line: line})
		}
	}
	return list
}

// FindingAlerts are the certain and likely findings that are worth showing.
func FindingAlerts(r *analyze.Result) (list []Alert) {
	shown, _, _ := fixFirst(r)
	for _, f := range shown {
		if f.Class == analyze.Test {
			continue
		}
		list = append(list, Alert{ID: "finding " + f.ID, Line: "new finding: " + Money(f.Saving) + " " + Clean(f.Title) + " (" + f.Class + "): " + Clean(f.Fix) + "; --explain " + Clean(f.ID)})
	}
	return list
}

// Webhook is where alerts are posted: as {"text": …}, which Slack, Mattermost and
// others take.
type Webhook struct {
	URL     string        // https, or http to a loopback address; often a secret
	Timeout time.Duration // of the whole exchange
}

// Check refuses a URL that alerts should not go to.
func (h Webhook) Check() error {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "":
		return errors.New("the url is none: use https://HOST/PATH") // what it is may be a secret
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("the URL needs https, except on loopback")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Post sends the lines in one request. Redirects are not followed, and no error
// names more than the host.
func (h Webhook) Post(ctx context.Context, alerts []Alert) error {
	var text strings.Builder
	text.WriteString("burn")
	for _, a := range alerts {
		text.WriteString("\n• " + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(a.Line))
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]string{"text": text.String()}); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, &body)
	if err != nil {
		return errors.New("webhook: no valid URL")
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("webhook at %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)); err != nil {
		return fmt.Errorf("webhook at %s: %w", req.URL.Host, err)
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("webhook at %s: %s", req.URL.Host, Clean(res.Status))
	}
	return nil
}
