package demo

// Tickets come in one after the other, numbered from 0. In Before each arrival
// is seen by doc-classifier and, on its own, by ticket-router; 3,000 of the
// 29,800 arrivals are a ticket that was there some hours ago, because the
// customer sent it again.

const (
	arrivals    = tickets + ticketsTwice
	firstRepeat = 200 // arrivals until the first one comes again
	groupSize   = 8   // repeats whose order is mixed; divides ticketsTwice
)

// ticketOf returns which ticket an arrival of Before is.
func ticketOf(arrival int) int {
	if arrival < firstRepeat {
		return arrival
	}
	rest := arrival - firstRepeat
	repeats := rest * ticketsTwice / (arrivals - firstRepeat)
	if (rest+1)*ticketsTwice/(arrivals-firstRepeat) == repeats {
		return arrival - repeats
	}
	// The k-th repeat is of a ticket about 200 tickets ago, that is 4 to 7
	// hours; mixing groups of eight by exclusive or keeps them distinct.
	k := repeats ^ int(seed(seedLag, uint64(repeats/groupSize))%groupSize)
	return k * (tickets - firstRepeat) / ticketsTwice
}

func (st *story) appendTickets(calls []call, day, hour int) []call {
	first, n := st.deals[&classify].slot(day, hour)
	for i := first; i < first+n; i++ {
		ticket := i
		if st.month == Before {
			ticket = ticketOf(i)
		}
		c := st.classifyCall(i, ticket, day, hour)
		calls = append(calls, c)
		if st.month == Before {
			calls = append(calls, st.routeCall(&c, ticket))
		}
	}
	return calls
}

// classifyCall is doc-classifier's call for an arrival. A ticket that comes
// again makes the same request again.
func (st *story) classifyCall(arrival, ticket, day, hour int) call {
	n, t := uint64(arrival), uint64(ticket)
	c := st.newCall(&classify, n, st.within(&classify, n, day, hour))
	c.size(classify.input[st.month], t, t)
	c.single()
	// The prompt of After names ticket-router's queues as well.
	c.systemText = seed(fpSystem, classify.id, uint64(st.month))
	c.lastText = seed(fpInput, uint64(st.month), t)
	c.requestText = seed(fpRequest, classify.id, uint64(st.month), t)
	c.user = customer(c.lastText)
	c.trace = seed(seedTrace, c.id)
	return c
}

// routeCall is ticket-router's call for the same arrival, a few seconds later.
// Token counts vary with the ticket exactly as doc-classifier's do, so that its
// side is the cheaper one by the means' 0.8 % and not by chance.
func (st *story) routeCall(c *call, ticket int) call {
	delay := 800 + int64(5_000*unit(seedTime, c.id))
	r := st.newCall(&route, c.n, c.at+delay)
	r.size(route.input[st.month], uint64(ticket), uint64(ticket))
	// All but the ticket is the system prompt: the clock and the copied context.
	r.divide(r.text()-c.last, c.last)
	r.systemText = r.id
	r.lastText = c.lastText
	r.trace = seed(seedTrace, r.id)
	return r
}

// customer draws one of 2,400 users, a few of whom come often.
func customer(n uint64) uint64 {
	u := unit(seedUser, n)
	return 20_000 + uint64(2_400*u*u)
}
