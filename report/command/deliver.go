package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/ingest"
	"burn/report"
)

// deliver reads what --quiet, --mail-to, --mail-when, --eml and the configuration
// ask for.
func (p *program) deliver(c *cli.Context, t *task) error {
	alerts, err := p.config.Alerts(os.Getenv)
	if err != nil {
		return err
	}
	d := &t.tell
	*d = report.Delivery{
		Quiet: c.Bool("quiet"), Webhook: report.Webhook(alerts.Webhook), When: c.String("mail-when"), EML: c.String("eml"),
		Transport: report.Transport(alerts.Mail.Transport), Database: t.db.Path, Now: t.look.Now, Stdout: p.stdout, Stderr: p.stderr,
	}
	if d.Webhook.URL != "" {
		if err := d.Webhook.Check(); err != nil {
			return p.config.Errorf("webhook", err)
		}
	}
	if err := oneOf(c, "mail-when", report.Whens...); err != nil {
		return err
	}
	if d.Mail.To, err = report.Addresses(c.StringSlice("mail-to")); err != nil {
		return fmt.Errorf("--mail-to: %w", err)
	}
	switch {
	case d.EML != "" && !d.Mails():
		return errors.New("--eml needs --mail-to")
	case !d.Mails():
		return nil
	case t.explain != "":
		return errors.New("--explain is not mailed")
	case d.EML == "-" && t.html == "-":
		return errors.New("--eml - and --html - both want standard output")
	}
	if d.Mail.From, err = report.Sender(alerts.Mail.From); err != nil {
		return p.config.Errorf("mail", err)
	}
	d.Mail.HTML = t.htmlOpt
	d.Mail.HTML.Scope = fmt.Sprintf("%q", t.look.Filter)
	t.look.Need |= analyze.Pictures
	if d.EML == "" {
		if err := d.Transport.Check(); err != nil {
			return p.config.Errorf("mail", err)
		}
	}
	return nil
}

// tellTime is how long a run waits for another one that sends mail and alerts.
const tellTime = 5 * time.Minute

// alert tells people what t.tell says of r.
func (p *program) alert(ctx context.Context, t task, r *analyze.Result) (err error) {
	if !t.tell.Wanted() {
		return nil
	}
	// Of two runs at once, the second knows what the first has told.
	mine, err := ingest.TakeLock(ctx, t.db.Path+".told.lock", "telling of this database", tellTime)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mine.Free()) }()
	unsent, failed := t.tell.Run(ctx, r)
	if unsent != nil {
		unsent = &exit{code: ExitUnsent, err: unsent, hint: report.Advice(unsent)}
	}
	return worst(failed, unsent)
}
