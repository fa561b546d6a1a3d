package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"burn/analyze"
)

// Delivery is what a run tells people beside its output. The zero value tells
// nothing.
type Delivery struct {
	Quiet     bool        // alerts on Stdout in the place of the output
	Webhook   Webhook     // without URL: none
	Mail      MailOptions // without To: none
	When      string      // the mail is sent: always, with findings, or with a crossed budget
	EML       string      // the file that gets the mail, "-" for Stdout; "": it is sent
	Transport Transport
	Database  string // what was told, and mail that was not sent, are kept beside it
	Now       time.Time

	Stdout, Stderr io.Writer
}

// Whens are the values of Delivery.When.
var Whens = []string{"always", "findings", "budget"}

// Wanted reports whether there is anything to tell by.
func (d *Delivery) Wanted() bool { return d.Quiet || d.Webhook.URL != "" || d.Mails() }

// Mails reports whether there is a mail to make.
func (d *Delivery) Mails() bool { return len(d.Mail.To) > 0 }

// Run prints and posts what was not told before, and makes the mail. What was
// told is remembered, so runs of one database must not overlap. unsent is the
// error of a mail that could not be sent, and says where it is kept; failed is
// any other. A reader of Stdout that has left is no error.
func (d *Delivery) Run(ctx context.Context, r *analyze.Result) (unsent, failed error) {
	told, err := ReadTold(d.Database + ".told")
	if err != nil {
		fmt.Fprintf(d.Stderr, "burn: %s\n", Clean(err.Error()))
	}
	crossed, findings := BudgetAlerts(r), FindingAlerts(r)
	if d.Quiet {
		fresh := told.Fresh("terminal", findings)
		for _, a := range slices.Concat(crossed, fresh) {
			if _, err := fmt.Fprintf(d.Stdout, "burn: %s\n", a.Line); err != nil {
				return nil, Written(err)
			}
		}
		told.Note("terminal", fresh, d.Now)
	}
	if d.Webhook.URL != "" {
		if fresh := told.Fresh("webhook", slices.Concat(crossed, findings)); len(fresh) > 0 {
			if failed = d.Webhook.Post(ctx, fresh); failed == nil {
				told.Note("webhook", fresh, d.Now)
			}
		}
	}
	if d.Mails() && d.due(r, findings) {
		var err error
		unsent, err = d.mail(ctx, r, told)
		failed = errors.Join(failed, err)
	}
	return unsent, errors.Join(failed, told.Save())
}

func (d *Delivery) due(r *analyze.Result, findings []Alert) bool {
	switch d.When {
	case "findings":
		return len(findings) > 0
	case "budget":
		return r.BudgetCrossed()
	}
	return true
}

// mail makes the mail and sends it, unless it was sent before. It is on disk
// while it is not sent.
func (d *Delivery) mail(ctx context.Context, r *analyze.Result, told *Told) (unsent, failed error) {
	m, err := Mail(r, d.Mail)
	if err != nil {
		return nil, err
	}
	write := func(w io.Writer) error { _, err := m.WriteTo(w); return err }
	switch d.EML {
	case "":
	case "-":
		return nil, Written(write(d.Stdout))
	default:
		return nil, WriteFile(d.EML, write)
	}
	id := MessageID(r, d.Mail)
	if at := told.When("mail " + id); !at.IsZero() {
		if !d.Quiet {
			fmt.Fprintf(d.Stderr, "burn: the mail of this period was sent on %s, and is not sent again\n", at.Format(time.RFC3339))
		}
		return nil, nil
	}
	kept := filepath.Join(filepath.Dir(d.Database), strings.Map(fileSign, id)+".eml")
	if err := WriteFile(kept, write); err != nil {
		return fmt.Errorf("mail not sent: %w", err), nil
	}
	if err := d.Transport.Send(ctx, m); err != nil {
		return fmt.Errorf("%w; the mail is kept: %s", err, kept), nil
	}
	told.Remember("mail "+id, d.Now)
	return nil, os.Remove(kept)
}

// Written is an error of writing to standard output. A reader that has seen
// enough is none.
func Written(err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return fmt.Errorf("write output: %w", err)
}

// fileSign keeps of a name what every file system takes.
func fileSign(r rune) rune {
	if r == '.' || r == '-' || r == '@' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '_'
}

// Sender reads who writes a mail; "" is burn at this machine.
func Sender(from string) (string, error) {
	if from == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "localhost"
		}
		from = "burn <burn@" + host + ">"
	}
	sender, err := Addresses([]string{from})
	if err != nil || len(sender) != 1 {
		return "", fmt.Errorf("from %q is no mail address", Clean(from))
	}
	return sender[0], nil
}
