package demo

// perMonth holds one figure for Before and one for After.
type perMonth [2]int

// part is one kind of call of one agent: a row of the story. Sizes in tokens
// are means, calls differ from them by up to ± 15 %.
type part struct {
	id     uint64 // keeps the random numbers of parts apart
	agent  string
	source string // agent_source: where the agent's name came from
	model  *model
	calls  perMonth
	input  perMonth // tokens per call
	output int      // tokens per call

	system    int64 // bytes of the system prompt, the same in every call; 0: differs per call
	tools     int64 // tool definitions in the request
	stream    bool
	maxTokens int64
	weekend   int64 // calls of a Saturday or Sunday for 10 of a weekday
	failEvery int   // one call in so many fails at the provider; 0: none does

	sdk     string // user_agent
	pods    uint64 // machines that call
	network string // first three bytes of their addresses
	team    string
	env     string
	key     uint64 // which of the team's provider keys
}

// model is a provider's model as asked for, as served, and how fast it is.
type model struct {
	provider, endpoint, operation string
	asked, served                 string
	tier                          string // service_tier in the answer
	finish                        string
	firstToken                    float64 // ms to the first token of a short prompt
	perInput                      float64 // ms per 1,000 input tokens
	perOutput                     float64 // ms per output token
	reasoning                     float64 // share of the output
}

var (
	opus41 = &model{
		provider: "anthropic", endpoint: "/v1/messages", operation: "messages",
		asked: "claude-opus-4-1", served: "claude-opus-4-1-20250805", tier: "standard", finish: "end_turn",
		firstToken: 1150, perInput: 40, perOutput: 22,
	}
	opus45 = &model{
		provider: "anthropic", endpoint: "/v1/messages", operation: "messages",
		asked: "claude-opus-4-5", served: "claude-opus-4-5-20251101", tier: "standard", finish: "end_turn",
		firstToken: 900, perInput: 35, perOutput: 15,
	}
	gpt5 = &model{
		provider: "openai", endpoint: "/v1/chat/completions", operation: "chat",
		asked: "gpt-5", served: "gpt-5-2025-08-07", tier: "default", finish: "stop",
		firstToken: 850, perInput: 45, perOutput: 14,
	}
	o4mini = &model{
		provider: "openai", endpoint: "/v1/chat/completions", operation: "chat",
		asked: "o4-mini", served: "o4-mini-2025-04-16", tier: "default", finish: "stop",
		firstToken: 700, perInput: 30, perOutput: 9, reasoning: 0.6,
	}
)

// rateLimited is how many calls of digest-cron the provider refused in Before,
// all at its peak: 4 in each day's run at 14:05, 1 in the run at 13:05. They
// cost nothing and are among the month's 143,000 calls, so as many calls are
// taken off query-rewriter, the agent with the most.
const (
	limitedAtPeak   = 4
	limitedBefore   = 1
	rateLimited     = days * (limitedAtPeak + limitedBefore)
	tickets         = 26_800 // distinct, in each month
	ticketsTwice    = 3_000  // of them come a second time in Before
	documentsPerDay = 208
	documentsRead   = 26 + 52 + 78 + 104 + 130 + 156 + 182 + 208 // a day in Before, run by run
)

// The parts of the story. Prices per million tokens at the time: claude-opus-4-1
// $15 in and $75 out, claude-opus-4-5 $5 and $25, gpt-5 $1.25 and $10, o4-mini
// $1.10 and $4.40.
var (
	// Labels each ticket from a short prompt. In After it has ticket-router's
	// work too, and answers a ticket it has seen from its own cache.
	classify = part{
		id: 1, agent: "doc-classifier", source: "x-agent-id", model: opus41,
		calls: perMonth{tickets + ticketsTwice, tickets}, input: perMonth{690, 690}, output: 70,
		system: 600, maxTokens: 256, weekend: 10,
		sdk: "Anthropic/Python", pods: 3, network: "10.4.12.", team: "support-platform", env: "prod", key: 1,
	}
	// Labels the same tickets, behind a prompt of copied context that begins
	// with the time of day, so that no cache can ever hold it.
	route = part{
		id: 2, agent: "ticket-router", source: "x-agent-id", model: gpt5,
		calls: perMonth{tickets + ticketsTwice, 0}, input: perMonth{11_900, 0}, output: 60,
		maxTokens: 512, weekend: 10,
		sdk: "OpenAI/Python", pods: 2, network: "10.4.31.", team: "operations", env: "prod", key: 2,
	}
	// Asks yes or no once per chat session, over all of the customer's history.
	gate = part{
		id: 3, agent: "chat-gate", source: "x-agent-id", model: opus45,
		calls: perMonth{2_000, 2_000}, input: perMonth{48_000, 620}, output: 5,
		system: 480, maxTokens: 8, weekend: 7,
		sdk: "Anthropic/JS", pods: 4, network: "10.8.2.", team: "customer-chat", env: "prod", key: 3,
	}
	// Answers each turn of a chat session; nothing is wrong with it.
	reply = part{
		id: 4, agent: "chat-gate", source: "x-agent-id", model: opus45,
		calls: perMonth{11_200, 11_200}, input: perMonth{900, 900}, output: 220,
		system: 1_240, stream: true, maxTokens: 1_024, weekend: 7,
		sdk: "Anthropic/JS", pods: 4, network: "10.8.2.", team: "customer-chat", env: "prod", key: 3,
	}
	// Summarises documents, one call each: in Before all of the day so far in
	// every run, in After each new one as it comes.
	digest = part{
		id: 5, agent: "digest-cron", source: "x-agent-id", model: opus45,
		calls: perMonth{days*documentsRead + rateLimited, days * documentsPerDay}, input: perMonth{2_150, 2_150}, output: 234,
		system: 2_000, maxTokens: 600, weekend: 10,
		sdk: "Anthropic/Python", pods: 1, network: "10.4.50.", team: "analytics", env: "prod", key: 4,
	}
	draft = part{
		id: 6, agent: "reply-writer", source: "baggage", model: opus41,
		calls: perMonth{3_900, 3_900}, input: perMonth{300, 300}, output: 300,
		system: 400, stream: true, maxTokens: 1_000, weekend: 7,
		sdk: "Anthropic/JS", pods: 2, network: "10.8.7.", team: "support-platform", env: "prod", key: 1,
	}
	rewrite = part{
		id: 7, agent: "query-rewriter", source: "x-agent-id", model: opus45,
		calls: perMonth{30_860 - rateLimited, 30_860}, input: perMonth{560, 560}, output: 110,
		system: 1_200, maxTokens: 300, weekend: 7, failEvery: 1_021,
		sdk: "AsyncAnthropic/Python", pods: 3, network: "10.8.4.", team: "search", env: "prod", key: 5,
	}
	// A trial that ended; nobody switched it off.
	prototype = part{
		id: 8, agent: "prototype-bot", source: "x-title", model: o4mini,
		calls: perMonth{7_360, 0}, input: perMonth{2_900, 0}, output: 420,
		system: 700, tools: 900, maxTokens: 2_000, weekend: 10, failEvery: 397,
		sdk: "OpenAI/JS", pods: 1, network: "10.9.0.", team: "labs", env: "dev", key: 6,
	}
)

var parts = []*part{&classify, &route, &gate, &reply, &digest, &draft, &rewrite, &prototype}

// agents is the registry. Owners are teams.
var agents = []byte(`id,name,owner,purpose,budget_usd_month
doc-classifier,Document classifier,Support Platform,Labels each new ticket with topic and urgency,450
ticket-router,Ticket router,Operations,Chooses the queue of each new ticket,450
chat-gate,Chat gate,Customer Chat,Decides whether a person must take over and answers the customer,500
digest-cron,Daily digest,Analytics,Summarises the documents that came in today,150
reply-writer,Reply writer,Support Platform,Drafts answers that support staff edit and send,150
query-rewriter,Query rewriter,Search,Turns questions into search queries,200
prototype-bot,Order assistant prototype,Labs,Trial of an order assistant with tools,50
`)
