package demo

import "burn/proxy/usage"

// Marks are the notes that the team made when it changed its agents, between the
// two months.
func Marks() []usage.Mark {
	at := After.Since()
	return []usage.Mark{
		{At: at, Agent: "chat-gate", Text: "max_history: 5"},
		{At: at, Agent: "digest-cron", Text: "a queue: new documents only"},
		{At: at, Agent: "doc-classifier", Text: "answers repeated tickets from its cache"},
		{At: at, Agent: "ticket-router", Text: "reads the label that doc-classifier has written"},
	}
}
