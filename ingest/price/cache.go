package price

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// maxCached bounds the ids remembered per provider, and the providers: model
// names come from requests, and a client can invent them.
const maxCached = 4096

// seller is a provider together with what was resolved for it.
type seller struct {
	*provider
	models memo[dated]
}

// lookup returns what is known of a provider under any of its names.
func (t *Table) lookup(name string) *seller {
	if s, ok := t.sellers.get(name); ok {
		return s
	}
	return t.sellers.add(name, func(name string) *seller { return &seller{provider: findProvider(name)} })
}

// dated returns what a model costs over time.
func (s *seller) dated(t *Table, model string) dated {
	if d, ok := s.models.get(model); ok {
		return d
	}
	return s.models.add(model, func(model string) dated { return t.overTime(s.provider, model) })
}

// memo remembers values by name. Names that were there for a while are read
// without a lock; new ones gather behind it, and join the others when they were
// asked for as often as there are names, so that copying stays cheap per ask.
type memo[V any] struct {
	settled atomic.Pointer[map[string]V] // never written to
	mu      sync.Mutex
	all     map[string]V // settled and new ones; nil if there are no new ones
	asked   int          // how often mu was taken since names settled
}

// get returns a settled name's value.
func (m *memo[V]) get(name string) (v V, ok bool) {
	if settled := m.settled.Load(); settled != nil {
		v, ok = (*settled)[name]
	}
	return v, ok
}

// add returns a name's value, which resolve has to find the first time.
func (m *memo[V]) add(name string, resolve func(string) V) V {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.get(name) // perhaps settled meanwhile
	if ok {
		return v
	}
	if v, ok = m.all[name]; !ok {
		name = strings.Clone(name) // it may point into a whole line
		v = resolve(name)
		m.remember(name, v)
	}
	if m.asked++; m.asked >= len(m.all) {
		settled := m.all
		m.settled.Store(&settled)
		m.all, m.asked = nil, 0
	}
	return v
}

func (m *memo[V]) remember(name string, v V) {
	if m.all == nil {
		m.all = make(map[string]V)
		if settled := m.settled.Load(); settled != nil && len(*settled) < maxCached {
			maps.Copy(m.all, *settled)
		}
	}
	if len(m.all) >= maxCached {
		clear(m.all)
	}
	m.all[name] = v
}
