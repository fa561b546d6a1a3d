package price

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"burn/proxy/usage"
)

var august = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

func TestResolve(t *testing.T) {
	table := Builtin()
	for _, c := range []struct {
		name, provider, model    string
		row, how, form, provided string
	}{
		{"exact", "openai", "gpt-4o-2024-08-06", "gpt-4o", "exact", "as given", "openai"},
		{"old snapshot is its own", "openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13", "exact", "as given", "openai"},
		{"snapshot not in the table", "openai", "gpt-4o-2027-01-31", "gpt-4o", "exact", "as given, without date", "openai"},
		{"no such date", "openai", "gpt-4o-2027-13-31", "", "", "", ""},
		{"no such family", "openai", "gpt-4", "gpt-4", "exact", "as given", "openai"},
		{"family without a prefix rule", "openai", "gpt-4o-turbo", "", "", "", ""},
		{"upper case", "openai", "GPT-4o-Mini", "gpt-4o-mini", "exact", "lower case", "openai"},
		{"part", "openai", "omni-moderation-latest", "moderation", "part", "as given", "openai"},
		{"prefix", "anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5", "prefix", "as given", "anthropic"},
		{"longer prefix", "openai", "gpt-4o-mini-2024-07-18.ft-abc", "gpt-4o-mini-2024-07-18.ft-", "prefix", "as given", "openai"},
		{"otel name", "azure.ai.openai", "gpt-4o", "gpt-4o", "exact", "as given", "azure"},
		{"azure spelling in the table", "azure", "gpt-35-turbo", "gpt-3.5-turbo", "exact", "as given", "azure"},
		{"azure spelling rewritten", "azure", "gpt-35-turbo-1106", "gpt-3.5-turbo-1106", "exact", "gpt-3.5 spelling", "azure"},
		{"spelling of azure elsewhere", "openai", "gpt-35-turbo-1106", "", "", "", ""},
		{"gemini path", "gcp.gemini", "models/gemini-embedding-001", "gemini-embedding-001", "exact", "without path", "google"},
		{"gemini upstream and method", "gemini", "models/gemini-2.5-flash:streamGenerateContent", "gemini-2.5-flash", "exact", "without path", "google"},
		{"prefix without path beats part with it", "google", "models/gemini-1.5-flash-8b", "gemini-1.5-flash-8b", "prefix", "without path", "google"},
		{"suffix", "google", "my-gemini-2.0-flash", "gemini-2.0-flash", "suffix", "as given", "google"},
		{"not that suffix", "google", "gemini-2.0-flash-lite-001", "gemini-2.0-flash-lite", "part", "as given", "google"},
		{"openai path of gemini", "google", "google/gemini-2.5-flash", "gemini-2.5-flash", "exact", "without path", "google"},
		{"vertex claude", "gcp.vertex_ai", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "prefix", "as given", "vertex"},
		{"vertex long path", "vertex", "projects/p/locations/global/publishers/anthropic/models/claude-opus-4-1@20250805:rawPredict",
			"claude-opus-4-1", "prefix", "without path", "vertex"},
		{"vertex gemini", "gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", "prefix", "without path", "google"},
		{"bedrock global", "aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
			"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "part", "as given", "bedrock"},
		{"bedrock region", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
			"regional.anthropic.claude-sonnet-4-5-20250929-v1:0", "part", "as given", "bedrock"},
		{"bedrock bare is regional", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0",
			"regional.anthropic.claude-sonnet-4-5-20250929-v1:0", "prefix", "as given", "bedrock"},
		{"bedrock profile arn", "bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-5",
			"regional.anthropic.claude-opus-5", "part", "as given", "bedrock"},
		{"bedrock model arn", "bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5",
			"regional.anthropic.claude-opus-5", "prefix", "without path", "bedrock"},
		{"bedrock profile that names no model", "bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "", "", "", ""},
		{"fireworks path is the id", "fireworks", "accounts/fireworks/models/deepseek-v3p2", "deepseek-v3p2", "exact", "as given", "fireworks"},
		{"together in lower case", "together_ai", "meta-llama/llama-3.3-70b-instruct-turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "exact", "lower case", "together"},
		{"moving alias", "mistral_ai", "mistral-medium-latest", "mistral-medium-3-5", "exact", "as given", "mistral"},
		{"x_ai", "x_ai", "grok-4", "grok-4-0709", "exact", "as given", "xai"},
		{"model of another provider", "openai", "claude-opus-4-8", "", "", "", ""},
		{"unknown provider", "acme", "gpt-4o", "", "", "", ""},
		{"no model", "openai", "", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, ok := table.Resolve(c.provider, c.model, august)
			if ok != (c.row != "") {
				t.Fatalf("got %+v, %v", m, ok)
			}
			if ok && (m.Row.Model != c.row || m.How != c.how || m.Candidate != c.form || m.Row.Provider != c.provided) {
				t.Errorf("got %s/%s by %s (%s), want %s/%s by %s (%s)",
					m.Row.Provider, m.Row.Model, m.How, m.Candidate, c.provided, c.row, c.how, c.form)
			}
		})
	}
}

// TestEveryExactIDFindsItsRow asks for every exact id of the table, in every
// period.
func TestEveryExactIDFindsItsRow(t *testing.T) {
	table, asked := Builtin(), 0
	for _, row := range table.Rows() {
		at := time.UnixMilli(max(row.from, min(row.to-1, august.UnixMilli())))
		for _, p := range row.patterns {
			if p.kind != kindExact {
				continue
			}
			asked++
			for _, provider := range []string{row.Provider, OTelName(row.Provider)} {
				if m, ok := table.Resolve(provider, p.text, at); !ok || m.Row != row {
					t.Errorf("%s %s: got %+v", provider, p.text, m)
				}
			}
		}
	}
	if asked < 500 {
		t.Errorf("only %d ids asked", asked)
	}
}

func TestPrecedence(t *testing.T) {
	table := loadTable(t, `provider,model,match,input_per_mtok
p,any,*,1
p,short_prefix,ab*,1
p,long_prefix,abcd*,1
p,middle_prefix,abc*,1
p,exact,=abcdefg,1
p,short_suffix,*yz,1
p,long_suffix,*xyz,1
p,short_part,*mm*,1
p,long_part,*mmm*,1
p,path,=models/id,1
p,no_path,=id,1
`)
	for id, want := range map[string]string{
		"abcdefg": "exact", "abcdefgh": "long_prefix", "abce": "middle_prefix", "abe": "short_prefix",
		"abxyz": "short_prefix", "-xyz": "any", "models/id": "path", "id": "no_path", "models/abcdx": "long_prefix",
	} {
		if m, ok := table.Resolve("p", id, august); !ok || m.Row.Model != want {
			t.Errorf("%s: got %+v, want %s", id, m.Row, want)
		}
	}
	table = loadTable(t, "provider,model,match,input_per_mtok\np,long_part,*mmm*,1\np,short_part,*mm*,1\np,long_suffix,*xyz,1\np,short_suffix,*yz,1\n")
	for id, want := range map[string]string{"ammmb": "long_part", "ammb": "short_part", "mmmxyz": "long_suffix", "mmmyz": "short_suffix"} {
		if m, ok := table.Resolve("p", id, august); !ok || m.Row.Model != want {
			t.Errorf("%s: got %+v, want %s", id, m.Row, want)
		}
	}
}

func TestPeriods(t *testing.T) {
	table := loadTable(t, `provider,model,match,effective_from,effective_to,input_per_mtok
p,a,=m,2026-01-10,2026-01-20,1
p,b,=m,2026-01-20,2026-01-25,2
p,c,m*,2026-01-15,,3
p,c,m*,2025-01-01,2026-01-10,4
`)
	for _, c := range []struct{ name, at, row, from string }{
		{"before all", "2024-12-31T23:59:59Z", "", ""},
		{"first moment", "2025-01-01T00:00:00Z", "c", "2025-01-01"},
		{"last moment of a prefix", "2026-01-09T23:59:59Z", "c", "2025-01-01"},
		{"exact from its day on", "2026-01-10T00:00:00Z", "a", "2026-01-10"},
		{"exact beats a newer prefix", "2026-01-16T00:00:00Z", "a", "2026-01-10"},
		{"next exact", "2026-01-20T00:00:00Z", "b", "2026-01-20"},
		{"open prefix at last", "2026-01-25T00:00:00Z", "c", "2026-01-15"},
		{"far future", "2090-01-01T00:00:00Z", "c", "2026-01-15"},
		{"days are in UTC", "2026-01-10T00:30:00+01:00", "c", "2025-01-01"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		m, ok := table.Resolve("p", "m", at)
		if ok != (c.row != "") || ok && (m.Row.Model != c.row || m.Row.From != c.from) {
			t.Errorf("%s: got %+v, want %s from %s", c.name, m.Row, c.row, c.from)
		}
	}
}

func loadTable(t testing.TB, csv string) *Table {
	t.Helper()
	return newTable("", pointers(load(t, csv)), nil)
}

func load(t testing.TB, csv string) []Row {
	t.Helper()
	rows, err := Load(strings.NewReader(csv), "test.csv")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestWith(t *testing.T) {
	const header = "provider,model,match,effective_from,effective_to,input_per_mtok,note\n"
	for _, c := range []struct {
		name, csv, provider, model string
		at                         time.Time
		want                       string // note of the row, "-" for none
	}{
		{"same model and period covers its other ids", "openai,gpt-4o,=gpt-4o,,,1,mine", "openai", "gpt-4o-2024-11-20", august, "mine"},
		{"… but no other model", "openai,gpt-4o,=gpt-4o,,,1,mine", "openai", "gpt-4o-2024-05-13", august, "older snapshot is dearer than gpt-4o; genai-prices folds it into gpt-4o"},
		{"empty match covers the model's ids", "openai,gpt-4o,,2026-08-01,,1,mine", "openai", "gpt-4o-2024-11-20", august, "mine"},
		{"… from its day on", "openai,gpt-4o,,2026-08-22,,1,mine", "openai", "gpt-4o-2024-11-20", august, ""},
		{"a prefix of one's own wins", "openai,house,gpt-4o*,,,1,mine", "openai", "gpt-4o-mini", august, "mine"},
		{"provider by otel name", "gcp.gemini,flash,gemini-2.5-flash*,,,1,mine", "google", "gemini-2.5-flash", august, "mine"},
		{"vertex alone", "gcp.vertex_ai,flash,gemini-2.5-flash*,,,1,mine", "gcp.vertex_ai", "gemini-2.5-flash", august, "mine"},
		{"new provider and model", "gateway,house-7b,,,,1,mine", "gateway", "house-7b", august, "mine"},
		{"new model covers only its name", "gateway,house-7b,,,,1,mine", "gateway", "house-7b-large", august, "-"},
		{"added period of a dated model", "openai,gpt-5.6-luna,,2026-08-01,2026-09-01,1,mine", "openai", "gpt-5-6-luna", august, "mine"},
		{"… and outside of it", "openai,gpt-5.6-luna,,2026-08-01,2026-09-01,1,mine", "openai", "gpt-5-6-luna", august.AddDate(0, 1, 0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := Builtin().With(load(t, header+c.csv+"\n"))
			m, ok := table.Resolve(c.provider, c.model, c.at)
			switch {
			case ok != (c.want != "-"):
				t.Errorf("got %+v, %v", m, ok)
			case ok && m.Row.Note != c.want:
				t.Errorf("got row %s with note %q, want %q", m.Row.Model, m.Row.Note, c.want)
			case ok && m.Row.Override() != (c.want == "mine"):
				t.Errorf("override is %v", m.Row.Override())
			}
		})
	}
}

func TestHash(t *testing.T) {
	const line = "provider,model,match,input_per_mtok,note,source\np,m,=m,1,a,b\n"
	base := loadTable(t, line).Hash()
	for name, csv := range map[string]string{
		"note":           strings.Replace(line, ",a,", ",other,", 1),
		"source":         strings.Replace(line, ",b\n", ",other\n", 1),
		"way of writing": strings.Replace(line, ",1,", ",1.00,", 1),
	} {
		if got := loadTable(t, csv).Hash(); got != base {
			t.Errorf("%s: the hash changed", name)
		}
	}
	for name, csv := range map[string]string{
		"price":    strings.Replace(line, ",1,", ",1.000001,", 1),
		"match":    strings.Replace(line, "=m", "m*", 1),
		"model":    strings.Replace(line, "p,m,", "p,n,", 1),
		"provider": strings.Replace(line, "p,m,", "q,m,", 1),
		"column":   strings.Replace(line, "input_per_mtok", "output_per_mtok", 1),
		"period":   "provider,model,match,input_per_mtok,effective_to\np,m,=m,1,2027-01-01\n",
		"more":     line + "p,n,=n,1,a,b\n",
	} {
		if got := loadTable(t, csv).Hash(); got == base {
			t.Errorf("%s: the hash did not change", name)
		}
	}
	if b := Builtin(); b.Hash() != b.With(nil).Hash() {
		t.Error("no overrides: the hash changed")
	}
}

// TestCacheConcurrently prices many ids from several goroutines, more than the
// cache holds, while another one resolves the same.
func TestCacheConcurrently(t *testing.T) {
	table := loadTable(t, "provider,model,match,input_per_mtok\np,even,*0 *2 *4 *6 *8,1\n")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 3000 {
				n := (i*7 + g) % (maxCached + 500)
				rec := &usage.Record{Provider: "p", ResponseModel: fmt.Sprint("m", n), Tokens: usage.Tokens{Input: 1}}
				if c := table.Cost(rec); c.Known() != (n%2 == 0) {
					t.Errorf("m%d: got %+v", n, c)
					return
				}
			}
		}()
	}
	wg.Wait()
	models := &table.lookup("p").models
	if n := max(len(*models.settled.Load()), len(models.all)); n > maxCached {
		t.Errorf("%d ids are kept", n)
	}
}
