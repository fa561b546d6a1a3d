package price

// provider is one line of the mapping between the names records carry and the
// names the price table uses.
type provider struct {
	table     string   // name in the price table
	otel      string   // OpenTelemetry's gen_ai.provider.name; "" if it has none
	aliases   []string // further names: built-in upstreams, older conventions
	then      string   // table asked next when this one knows no row
	byRequest bool     // priced by the requested id: it carries the region's price
	free      bool     // runs on one's own machines: costs nothing unless a row says so
}

// providers is the one table of provider names. A name that is not in it is
// its own: an upstream without an OpenTelemetry name is priced under the name
// it was configured with.
var providers = []provider{
	{table: "openai", otel: "openai"},
	{table: "azure", otel: "azure.ai.openai", aliases: []string{"azure.ai.inference", "az.ai.openai", "az.ai.inference"}},
	{table: "anthropic", otel: "anthropic"},
	{table: "google", otel: "gcp.gemini", aliases: []string{"gemini", "gcp.gen_ai"}},
	// Vertex sells Google's own models at the list price of the Gemini API.
	{table: "vertex", otel: "gcp.vertex_ai", aliases: []string{"vertex_ai"}, then: "google", byRequest: true},
	{table: "bedrock", otel: "aws.bedrock", byRequest: true},
	{table: "mistral", otel: "mistral_ai"},
	{table: "cohere", otel: "cohere"},
	{table: "groq", otel: "groq"},
	{table: "deepseek", otel: "deepseek"},
	{table: "xai", otel: "x_ai"},
	{table: "perplexity", otel: "perplexity"},
	{table: "moonshot", otel: "moonshot_ai"},
	{table: "openrouter"},
	{table: "together", aliases: []string{"together_ai"}},
	{table: "fireworks", aliases: []string{"fireworks_ai"}},
	{table: "cerebras"},
	{table: "voyage", aliases: []string{"voyage_ai"}},
	{table: "ollama", free: true},
}

// providerByName finds a line of providers by any of its names.
var providerByName = func() map[string]*provider {
	m := make(map[string]*provider)
	for i := range providers {
		p := &providers[i]
		m[p.table] = p
		if p.otel != "" {
			m[p.otel] = p
		}
		for _, a := range p.aliases {
			m[a] = p
		}
	}
	return m
}()

// findProvider returns the line for name; an unknown name gets one of its own.
func findProvider(name string) *provider {
	if p := providerByName[name]; p != nil {
		return p
	}
	return &provider{table: name}
}

// TableName returns the name under which the price table lists a provider,
// given any name a record or a configuration uses for it: "gcp.gemini" is
// "google". A name that is not known is returned as it is.
func TableName(name string) string { return findProvider(name).table }

// OTelName returns OpenTelemetry's gen_ai.provider.name of a provider, given
// any of its names; a provider without one keeps its name.
func OTelName(name string) string {
	if p := findProvider(name); p.otel != "" {
		return p.otel
	}
	return name
}
