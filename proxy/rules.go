package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"burn/proxy/usage"
)

// AgentRule names the agent of calls whose headers and body do not. Every
// condition that is set must hold; "*" in UserAgent and Path stands for any
// text. Rules are tried in order.
type AgentRule struct {
	Agent     string // the label to give
	KeyID     string // key_id of the record, 16 hex digits
	Client    string // peer address or network (10.0.0.0/8)
	UserAgent string // first product token, case-insensitive
	Path      string // path as the client sent it, without query
}

// rule is an AgentRule made ready.
type rule struct {
	AgentRule
	client netip.Prefix
}

func newRules(list []AgentRule) ([]rule, error) {
	var rules []rule
	for i, r := range list {
		made := rule{AgentRule: r}
		made.Agent, _ = usage.Label(r.Agent, usage.MaxLabel)
		made.UserAgent = strings.ToLower(r.UserAgent)
		switch {
		case made.Agent == "":
			return nil, fmt.Errorf("agent rule %d: no agent", i+1)
		case r.KeyID == "" && r.Client == "" && r.UserAgent == "" && r.Path == "":
			return nil, fmt.Errorf("agent rule %d: no condition (key_id, client, user_agent or path)", i+1)
		}
		if r.Client != "" {
			var err error
			if made.client, err = parseNetwork(r.Client); err != nil {
				return nil, fmt.Errorf("agent rule %d: %w", i+1, err)
			}
		}
		rules = append(rules, made)
	}
	return rules, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, errors.New("client is neither an address nor a network")
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// matchRule returns the agent of the first rule that holds, or "".
func matchRule(rules []rule, keyID, client, userAgent, path string) string {
	for i := range rules {
		r := &rules[i]
		if r.KeyID != "" && r.KeyID != keyID {
			continue
		}
		if r.Client != "" {
			addr, err := netip.ParseAddr(client)
			if err != nil || !r.client.Contains(addr.Unmap()) {
				continue
			}
		}
		if r.UserAgent != "" && !glob(r.UserAgent, strings.ToLower(userAgent)) {
			continue
		}
		if r.Path != "" && !glob(r.Path, path) {
			continue
		}
		return r.Agent
	}
	return ""
}

// glob matches s against a pattern in which "*" stands for any text.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], next
	}
}
