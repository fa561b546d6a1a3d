package command

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"burn/analyze"
	"burn/proxy/usage"
	"burn/report"
)

func (p *program) markCommand() *cli.Command {
	return &cli.Command{
		Name:  "mark",
		Usage: "note that something about an agent was changed",
		Description: `Writes a dated note beside the logs. Later reports say whether the change
worked: what the agent's calls cost before and after, against the agents that
were not touched, and the dollars saved since. --at takes what --since of
analyze takes, in the zone of --tz.

  burn mark chat-gate -m "max_history: 5"
  burn mark digest-cron -m "new documents only" --at yesterday`,
		ArgsUsage: "AGENT",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "message", Aliases: []string{"m"}, Usage: "what was changed, in a few words: `TEXT`", EnvVars: env("message")},
			text("at", "now", "when it was changed: `TIME`"),
			text("tz", "", "`ZONE` of --at, such as Europe/Berlin (default: the system's)"),
			text("log-dir", defaultLogDir(), "`DIR` of the log files that the note stands beside"),
		}, commonFlags()...),
		Action: p.mark,
	}
}

func (p *program) mark(c *cli.Context) error {
	if strings.TrimSpace(c.String("message")) == "" {
		return &exit{ExitUsage, errors.New("burn mark needs a message"), `burn mark AGENT -m "what was changed"`}
	}
	zone, err := analyze.Zone(c.String("tz"))
	if err != nil {
		return usageError(fmt.Errorf("--tz: %w", err))
	}
	now := time.Now()
	at, err := analyze.ParseTime(c.String("at"), now, zone)
	if err != nil {
		return usageError(fmt.Errorf("--at %w", err))
	}
	if at.After(now) {
		return usageError(fmt.Errorf("--at %s lies in the future", c.String("at")))
	}
	dir := c.String("log-dir")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &exit{ExitFailed, fmt.Errorf("log directory %s is not there", dir), "give the one that burn proxy writes to with --log-dir"}
	}
	m, err := usage.AppendMark(dir, usage.Mark{At: at, Agent: c.Args().First(), Text: c.String("message")})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Marked %s at %s: %s\n", m.Agent, m.At.In(zone).Format(time.RFC3339), m.Text)
	return nil
}

// marks reads the notes beside the logs.
func (p *program) marks(dirs []string) (list []analyze.Mark) {
	marks, bad, err := usage.ReadMarks(dirs)
	if err != nil { // a report without some marks is better than none
		for _, line := range sentences(err.Error()) {
			fmt.Fprintf(p.stderr, "burn: %s\n", report.Clean(line))
		}
	}
	if bad > 0 {
		fmt.Fprintf(p.stderr, "burn: %s of %s passed over: burn mark writes no such lines\n", counted(bad, "line"), usage.MarkFile)
	}
	for _, m := range marks {
		list = append(list, analyze.Mark{At: m.At, Agent: m.Agent, Text: m.Text})
	}
	return list
}
