package demo

import "time"

// story is one month's plan: how many calls of each part fall into which hour.
// It is read only once made.
type story struct {
	month  Month
	deals  map[*part]*deal
	before [days + 1]uint64 // calls before each day
}

// deal hands a part's calls to the hours of the month. first[s] is the index
// of the first call in hour s, counted from 0 in the order of time; the calls
// of hour s are first[s] … first[s+1]-1.
type deal struct{ first [slots + 1]int }

// slot returns the first call of an hour and how many it has.
func (d *deal) slot(day, hour int) (first, n int) {
	s := day*hours + hour
	return d.first[s], d.first[s+1] - d.first[s]
}

func newStory(month Month) *story {
	st := &story{month: month, deals: make(map[*part]*deal, len(parts))}
	for _, p := range parts {
		if p == &digest && month == Before {
			continue // runs by the clock, see digest.go
		}
		st.deals[p] = newDeal(p.calls[month], p.weekend, month.Since())
	}
	for day := range days {
		n := st.before[day]
		for _, d := range st.deals {
			n += uint64(d.first[(day+1)*hours] - d.first[day*hours])
		}
		if month == Before {
			n += uint64(documentsRead + rateLimited/days)
		}
		st.before[day+1] = n
	}
	return st
}

// newDeal deals calls evenly: each hour of day gets the same number over the
// month (± 1), a weekend day weekend/10 of a weekday. With even weights each
// day gets the same number too, because the hours' roundings are staggered by
// 1/24: floor(x) + floor(x+1/24) + … + floor(x+23/24) = floor(24 x).
func newDeal(calls int, weekend int64, since time.Time) *deal {
	var weight [days + 1]int64 // of all days before
	for day := range days {
		w := int64(10)
		if wd := since.AddDate(0, 0, day).Weekday(); wd == time.Saturday || wd == time.Sunday {
			w = weekend
		}
		weight[day+1] = weight[day] + w
	}
	total := weight[days]
	d := new(deal)
	for day := range days {
		for hour := range hours {
			h := int64(hour)
			ofHour := int64((hour+1)*calls/hours - hour*calls/hours)
			upTo := func(day int) int64 { return (ofHour*weight[day]*hours + h*total) / (total * hours) }
			s := day*hours + hour
			d.first[s+1] = d.first[s] + int(upTo(day+1)-upTo(day))
		}
	}
	return d
}

// callsBefore returns how many calls the month has before a day.
func (st *story) callsBefore(day int) uint64 { return st.before[day] }

func (st *story) dayStart(day int) int64 { return st.month.Since().UnixMilli() + int64(day)*msDay }

func (st *story) hourStart(day, hour int) int64 { return st.dayStart(day) + int64(hour)*msHour }

// appendDay appends all calls of a day, in no particular order.
func (st *story) appendDay(calls []call, day int) []call {
	if st.month == Before {
		calls = st.appendDigestRuns(calls, day)
	}
	for hour := range hours {
		calls = st.appendTickets(calls, day, hour)
		calls = st.appendChat(calls, day, hour)
		calls = st.appendAlone(calls, &draft, day, hour)
		if st.month == Before {
			calls = st.appendAlone(calls, &prototype, day, hour)
		} else {
			calls = st.appendDocuments(calls, day, hour)
		}
	}
	return calls
}

// within returns a time in an hour, evenly spread, that leaves the last
// seconds free for what follows from it.
func (st *story) within(p *part, n uint64, day, hour int) int64 {
	const followUp = 20_000 // ms
	return st.hourStart(day, hour) + int64(unit(seedTime, uint64(st.month), p.id, n)*float64(msHour-followUp))
}

// appendAlone appends the hour's calls of a part whose calls have nothing to
// do with each other.
func (st *story) appendAlone(calls []call, p *part, day, hour int) []call {
	first, n := st.deals[p].slot(day, hour)
	for i := first; i < first+n; i++ {
		c := st.newCall(p, uint64(i), st.within(p, uint64(i), day, hour))
		switch p {
		case &draft:
			c.user = 1 + seed(seedUser, p.id, c.n)%14 // support staff
			c.trace = seed(seedTrace, c.id)
			c.single()
		case &prototype:
			c.divide(c.system, (c.text()-c.system-c.tools)/2)
			c.messages = 5
			c.cutHistory(2)
		}
		calls = append(calls, c)
	}
	return calls
}
