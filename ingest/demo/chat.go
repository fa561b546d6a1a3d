package demo

// A chat session lies within one hour. Its first turn asks the gate whether a
// person must take over; each turn has the question rewritten twice for the
// search and is then answered, all under one trace id. The other calls of
// query-rewriter come from the search box.

const rewritesPerTurn = 2

// gateQuestion and gateRecent are the gate's last user turn and its last five
// messages, in bytes, at the mean size of After, where nothing else is sent.
const (
	gateQuestion = 360
	gateRecent   = 1_640
)

func (st *story) appendChat(calls []call, day, hour int) []call {
	sessions, nSessions := st.deals[&gate].slot(day, hour)
	replies, nReplies := st.deals[&reply].slot(day, hour)
	rewrites, nRewrites := st.deals[&rewrite].slot(day, hour)

	turn := 0
	for s := range nSessions {
		chat := st.newChat(uint64(sessions+s), lastTurn(s, nSessions, nReplies, sessions)-turn, day, hour)
		for k := range chat.turns {
			used := turn * rewritesPerTurn
			own := max(0, min(rewritesPerTurn, nRewrites-used))
			calls = st.appendTurn(calls, &chat, k, replies+turn, rewrites+used, own)
			turn++
		}
	}
	for i := min(turn*rewritesPerTurn, nRewrites); i < nRewrites; i++ {
		n := uint64(rewrites + i)
		c := st.newCall(&rewrite, n, st.within(&rewrite, n, day, hour))
		c.single()
		c.user = customer(c.id)
		c.trace = seed(seedTrace, c.id)
		calls = append(calls, c)
	}
	return calls
}

// lastTurn returns how many of the hour's turns the sessions up to s have
// together: shares of unequal size, all of them used by the last session.
func lastTurn(s, sessions, turns, first int) int {
	if s == sessions-1 {
		return turns
	}
	uneven := float64(0.7*unit(seedSession, uint64(first+s), 1)) - 0.35
	return int(float64(turns) * (float64(s+1) + uneven) / float64(sessions))
}

// chat is one session.
type chat struct {
	n     uint64 // index of its gate call
	id    uint64
	user  uint64
	turns int
	at    int64 // when the next turn begins
}

// pause is the time between two turns: 20 to 150 seconds.
func (c *chat) pause(turn int) int64 {
	return 20_000 + int64(130_000*unit(seedTime, c.id, uint64(turn)))
}

func (st *story) newChat(n uint64, turns, day, hour int) chat {
	c := chat{n: n, id: seed(seedSession, uint64(st.month), n), turns: turns}
	c.user = customer(c.id)
	var length int64
	for k := range turns {
		length += c.pause(k)
	}
	length = min(length, msHour)
	c.at = st.hourStart(day, hour)
	if free := st.within(&gate, n, day, hour) - c.at; free > 0 {
		c.at += int64(float64(free) * float64(msHour-length) / float64(msHour))
	}
	return c
}

// appendTurn appends what one message of the customer sets off.
func (st *story) appendTurn(calls []call, ch *chat, turn, replyIndex, rewriteIndex, rewrites int) []call {
	trace := seed(seedTrace, ch.id, uint64(turn))
	at := ch.at
	ch.at += ch.pause(turn)
	add := func(c call) {
		c.session, c.trace, c.user = ch.id, trace, ch.user
		calls = append(calls, c)
		at = max(at, c.end()+10)
	}
	if turn == 0 {
		add(st.gateCall(ch, at))
	}
	begin := at
	for i := range rewrites {
		c := st.newCall(&rewrite, uint64(rewriteIndex+i), begin+int64(4*i))
		c.single()
		if turn > 0 {
			c.divide(c.system, c.last-360)
			c.messages = 3
			c.cutHistory(1)
		}
		add(c)
	}
	add(st.replyCall(ch, turn, replyIndex, at+120))
	return calls
}

// gateCall asks yes or no: in Before over everything the customer ever wrote,
// in After over the last five messages.
func (st *story) gateCall(ch *chat, at int64) call {
	c := st.newCall(&gate, ch.n, at)
	scale := float64(c.input) / float64(gate.input[st.month])
	c.divide(c.system, int64(gateQuestion*scale))
	c.messages = 6
	c.cutHistory(3)
	if st.month == Before {
		c.recent = int64(gateRecent * scale)
		c.messages = c.history/520 | 1
	}
	return c
}

// replyCall answers a turn from at most the last five messages.
func (st *story) replyCall(ch *chat, turn, index int, at int64) call {
	c := st.newCall(&reply, uint64(index), at)
	c.single()
	earlier := [...]float64{0, 0.45, 0.6}
	c.divide(c.system, int64(float64(c.last)*(1-earlier[min(turn, 2)])))
	c.messages = int64(min(2*turn+1, 5))
	text := func(turn int) uint64 { return seed(fpRequest, ch.id, uint64(turn)) }
	c.requestText = text(turn)
	if turn > 2 {
		c.cutHistory(2)
		return c
	}
	for c.past < turn {
		c.pastText[c.past] = text(turn - c.past - 1)
		c.past++
	}
	return c
}
