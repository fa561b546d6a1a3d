package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"burn/analyze"
)

// MailOptions say to whom a report goes, and what its foot says.
type MailOptions struct {
	From string
	To   []string
	HTML HTMLOptions // of the page that is attached
}

// Addresses reads mail addresses, each given alone or several separated by
// commas: one@example.com, "Name" <two@example.com>. Control characters are
// refused wherever they stand.
func Addresses(lists []string) (out []string, err error) {
	for _, list := range lists {
		if strings.ContainsFunc(list, unsafe) {
			return nil, fmt.Errorf("%q is no list of mail addresses: it has control characters", Clean(list))
		}
		parsed, err := mail.ParseAddressList(list)
		if err != nil {
			return nil, fmt.Errorf("%q is no list of mail addresses: use one@example.com,two@example.com", Clean(list))
		}
		for _, a := range parsed {
			if s := a.String(); !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// MessageID names the mail of a period, an installation and its readers, so that
// a second run makes the same. Periods of a day or more are told apart by their
// days, shorter ones by their hours: a run again a minute later is no other.
func MessageID(r *analyze.Result, opt MailOptions) string {
	layout := "20060102"
	if r.Period.Until.Sub(r.Period.Since) < 24*time.Hour {
		layout = "20060102T15"
	}
	since, until := r.Period.Since.Format(layout), r.Period.Until.Format(layout)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", r.Installation, opt.To, opt.HTML.Scope))
	domain := "burn.invalid"
	if a, err := mail.ParseAddress(opt.From); err == nil {
		_, domain, _ = strings.Cut(a.Address, "@")
	}
	return "burn." + since + "." + until + "." + hex.EncodeToString(sum[:8]) + "@" + domain
}
