package price

import (
	"fmt"
	"io"
	"regexp"
	"slices"
)

// Alias says which model an id stands for. It is for names that an account
// chose and from which no model can be read: a deployment of Azure where no
// answer named the model, an application inference profile of Bedrock.
type Alias struct {
	Provider string // any of its names
	Model    string // glob of ids, as records hold them or without what stands before them in a path
	As       string // the id whose price applies
}

// alias is an Alias ready to be asked.
type alias struct {
	Alias
	ids *regexp.Regexp
}

// WithAliases returns a table in which ids are first looked up among the
// aliases, of which the first that matches wins: an id that is listed is priced
// as what it stands for even if a row matches it. As is not looked up again.
// Aliases are part of Hash. It is an error if an alias lacks a part, or if no
// row ever prices what it stands for.
func (t *Table) WithAliases(list []Alias) (*Table, error) {
	aliases := slices.Clone(t.aliases)
	for i, a := range list {
		switch {
		case a.Provider == "" || a.Model == "" || a.As == "":
			return nil, fmt.Errorf("entry %d: want provider, model and as", i+1)
		case !t.everPriced(a.Provider, a.As):
			return nil, fmt.Errorf("entry %d: no price for %q of %s", i+1, a.As, TableName(a.Provider))
		}
		a.Provider = TableName(a.Provider)
		aliases = append(aliases, alias{a, glob(a.Model)})
	}
	return newTable(t.date, t.rows, aliases), nil
}

func (t *Table) everPriced(provider, model string) bool {
	plain := newTable(t.date, t.rows, nil)
	return slices.ContainsFunc(plain.overTime(findProvider(provider), model), func(p period) bool { return p.match != nil })
}

// standsFor returns the id that prices model, and whether that is another one.
func (t *Table) standsFor(table, model string) (string, bool) {
	for _, a := range t.aliases {
		if a.Provider == table && (a.ids.MatchString(model) || a.ids.MatchString(withoutPath(table, model))) {
			return a.As, true
		}
	}
	return model, false
}

// writeFacts writes everything of the alias that can change a cost.
func (a *alias) writeFacts(w io.Writer) {
	fmt.Fprintf(w, "alias %q %q %q\n", a.Provider, a.Model, a.As)
}

// resolveAt is one look-up of a model in a provider's rows and in those it
// borrows from.
func (t *Table) resolveAt(p *provider, model string, ms int64) *Match {
	id, other := t.standsFor(p.table, model)
	m := t.resolve(p.table, id, ms)
	if m == nil && p.then != "" {
		m = t.resolve(p.then, id, ms)
	}
	if m != nil && other {
		form := ""
		if m.Candidate != asGiven {
			form = ", " + m.Candidate
		}
		m.Candidate = "as " + id + " (configured)" + form
	}
	return m
}
