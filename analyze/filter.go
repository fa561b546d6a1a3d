package analyze

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"burn/queries"
)

// Filter keeps only calls whose words match: one of the globs of each list that
// is not empty. In a glob * stands for any text, also with slashes, ? for one
// character and [a-c] or [!a-c] for one of a set; \ takes the next character as
// it is. A call without an agent or a user has the agent or user "unknown".
type Filter struct {
	Agents    []string `json:"agents"`
	Users     []string `json:"users"`
	Models    []string `json:"models"`
	Endpoints []string `json:"endpoints"`
}

// none reports whether f leaves nothing out.
func (f Filter) none() bool { return len(f.Agents)+len(f.Users)+len(f.Models)+len(f.Endpoints) == 0 }

// given is f with no list missing, nil if it leaves nothing out.
func (f Filter) given() *Filter {
	if f.none() {
		return nil
	}
	for _, list := range []*[]string{&f.Agents, &f.Users, &f.Models, &f.Endpoints} {
		*list = slices.Concat([]string{}, *list)
	}
	return &f
}

// apply turns the globs into the ids of the words they match.
func (f Filter) apply(ctx context.Context, db *sql.DB, p *queries.Period) error {
	if f.none() {
		return nil
	}
	ids := func(kind, absent string, globs []string) ([]uint32, error) {
		return matching(ctx, db, kind, absent, globs)
	}
	p.Filter = map[string][]uint32{}
	for _, c := range []struct {
		column, kind, absent string
		globs                []string
	}{
		{"agent_id", "agent", "unknown", f.Agents},
		{"user_id", "user", "unknown", f.Users},
		{"endpoint_id", "endpoint", "", f.Endpoints},
	} {
		if len(c.globs) == 0 {
			continue
		}
		list, err := ids(c.kind, c.absent, c.globs)
		if err != nil {
			return err
		}
		p.Filter[c.column] = list
	}
	if len(f.Models) == 0 {
		return nil
	}
	response, err := ids("response_model", "", f.Models)
	if err != nil {
		return err
	}
	request, err := ids("request_model", "unknown", f.Models)
	if err != nil {
		return err
	}
	if len(response) > 0 && response[0] == 0 {
		response = response[1:] // no response model: the request's counts
	}
	p.Models = &queries.ModelFilter{Response: response, Request: request}
	return nil
}

// matching lists, in order, the ids of a kind whose word matches a glob; absent
// is the word of id 0.
func matching(ctx context.Context, db *sql.DB, kind, absent string, globs []string) ([]uint32, error) {
	match := compile(globs)
	rows, err := db.QueryContext(ctx, "SELECT id, name FROM dim WHERE kind = ? ORDER BY id", kind)
	if err != nil {
		return nil, fmt.Errorf("read names of %s: %w", kind, err)
	}
	defer rows.Close()
	var ids []uint32
	for rows.Next() {
		var id uint32
		var word string
		if err := rows.Scan(&id, &word); err != nil {
			return nil, fmt.Errorf("read names of %s: %w", kind, err)
		}
		if word == "" {
			word = absent
		}
		if match.MatchString(word) {
			ids = append(ids, id)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read names of %s: %w", kind, err)
	}
	return ids, nil
}

// compile makes one expression that matches what one of the globs matches whole.
func compile(globs []string) *regexp.Regexp {
	alternatives := make([]string, len(globs))
	for i, g := range globs {
		alternatives[i] = translate(g)
	}
	return regexp.MustCompile(`(?s)\A(?:` + strings.Join(alternatives, "|") + `)\z`)
}

// translate makes a regular expression of a glob. Whatever is no valid set stands
// for itself, so every text is a glob.
func translate(glob string) string {
	var b strings.Builder
	runes := []rune(strings.ToValidUTF8(glob, "\uFFFD"))
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '*':
			b.WriteString(".*")
		case c == '?':
			b.WriteString(".")
		case c == '\\' && i+1 < len(runes):
			i++
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		case c == '[':
			set, n := translateSet(runes[i:])
			b.WriteString(set)
			i += n - 1
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}

// translateSet reads a set at the start of runes and how many runes it took; a
// bracket that opens no valid set is a plain character.
func translateSet(runes []rune) (string, int) {
	end := 1
	if end < len(runes) && (runes[end] == '!' || runes[end] == '^') {
		end++
	}
	first := end
	for end < len(runes) && (runes[end] != ']' || end == first) {
		end++
	}
	if end == len(runes) {
		return `\[`, 1
	}
	var b strings.Builder
	b.WriteString("[")
	if first == 2 {
		b.WriteString("^")
	}
	for i := first; i < end; i++ {
		if runes[i] == '-' && i > first && i+1 < end {
			b.WriteString("-")
		} else {
			b.WriteString(escapeInSet(runes[i]))
		}
	}
	b.WriteString("]")
	if _, err := regexp.Compile(b.String()); err != nil { // such as [z-a]
		return `\[`, 1
	}
	return b.String(), end + 1
}

func escapeInSet(c rune) string {
	if strings.ContainsRune(`\]^-[`, c) {
		return `\` + string(c)
	}
	return string(c)
}
