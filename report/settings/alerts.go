package settings

import (
	"errors"
	"fmt"
	"os"
	"strings"
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
type Alerts struct {
	Webhook Webhook
	Mail    Mail
}

// Mail is the section mail: who writes, and how mail leaves.
type Mail struct {
	From      string
	Transport Transport
}

// Transport is how mail leaves. Without Server the local Sendmail takes it.
type Transport struct {
	Server   string
	TLS      string
	User     string
	Password string
	CAFile   string
	Sendmail string
	Timeout  time.Duration
}

type mailSection struct {
	From         string `yaml:"from"`
	Server       string `yaml:"server"`
	TLS          string `yaml:"tls"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"`
	Sendmail     string `yaml:"sendmail"`
	Timeout      string `yaml:"timeout"`
}

type webhookSection struct {
	URL     string `yaml:"url"`
	Timeout string `yaml:"timeout"`
}

// AgentRule is an entry of the section agent-rules, see proxy.AgentRule.
type AgentRule struct {
	Agent     string `yaml:"agent"`
	KeyID     string `yaml:"key_id"`
	Client    string `yaml:"client"`
	UserAgent string `yaml:"user_agent"`
	Path      string `yaml:"path"`
}

// Model is an entry of the section models, see price.Alias.
type Model struct {
	Provider string `yaml:"provider"`
	Model    string `yaml:"model"`
	As       string `yaml:"as"`
}

// Check looks through the sections of all commands: one file serves them, and what is
// misspelt for one is an error for each.
func (f *File) Check() error {
	for _, s := range []struct {
		name string
		into any
	}{
		{"agent-rules", &[]AgentRule{}}, {"tags", &[]string{}}, {"models", &[]Model{}}, {"thresholds", &map[string]int64{}}, {"webhook", &webhookSection{}}, {"mail", &mailSection{}},
	} {
		if err := f.Section(s.name, s.into); err != nil {
			return err
		}
	}
	_, err := f.Budgets()
	return err
}

// PasswordVariable holds the mail server's password.
const PasswordVariable = "BURN_SMTP_PASSWORD"

// mailTime is how long sending may take unless the configuration says so.
const mailTime = time.Minute

// mail reads the section mail. The password is in PasswordVariable or
// the content of a file, and never stands in the configuration.
func (f *File) mail(getenv func(string) string) (m Mail, err error) {
	var s mailSection
	if err := f.Section("mail", &s); err != nil {
		return m, err
	}
	t := Transport{Server: s.Server, TLS: s.TLS, User: s.User, Password: getenv(PasswordVariable), CAFile: s.CAFile, Sendmail: s.Sendmail, Timeout: mailTime}
	if t.Sendmail == "" {
		t.Sendmail = "/usr/sbin/sendmail"
	}
	if s.PasswordFile != "" && t.Password == "" {
		b, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return m, f.Errorf("mail", fmt.Errorf("password_file: %w", err))
		}
		t.Password = strings.TrimRight(string(b), "\r\n")
	}
	if s.Timeout != "" {
		if t.Timeout, err = Wait(s.Timeout); err != nil || t.Timeout <= 0 {
			return m, f.Errorf("mail", fmt.Errorf("timeout %q: use a time such as 60s", s.Timeout))
		}
	}
	return Mail{From: s.From, Transport: t}, nil
}

// webhookTime is how long a webhook may take unless the configuration says so.
const webhookTime = 10 * time.Second

// Alerts reads the sections webhook, {url: …, timeout: 10s}, and mail.
func (f *File) Alerts(getenv func(string) string) (a Alerts, err error) {
	if a.Mail, err = f.mail(getenv); err != nil {
		return a, err
	}
	var w webhookSection
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
