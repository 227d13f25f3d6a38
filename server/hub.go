package server

import (
	"maps"
	"slices"
	"sync"

	"redis-failover/commands"
)

// hub knows who is subscribed to what. One lock over everything makes the order
// of events the same for all subscribers, and a SUBSCRIBE of several names one
// step; it is never held while anything is sent.
type hub struct {
	mu sync.Mutex
	// names are the subscribers of each channel and of each pattern.
	names [2]map[string]map[*session]struct{}
	// slow is told of a session that was cut, under the lock.
	slow func(*session)
}

func newHub(slow func(*session)) *hub {
	h := &hub{slow: slow}
	for kind := range h.names {
		h.names[kind] = make(map[string]map[*session]struct{})
	}
	return h
}

// words are the kinds of messages on the wire.
var words = [2]struct{ subscribe, unsubscribe string }{
	commands.Channels: {"subscribe", "unsubscribe"},
	commands.Patterns: {"psubscribe", "punsubscribe"},
}

func (h *hub) subscribe(s *session, kind commands.Subscription, names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		if h.names[kind][name] == nil {
			h.names[kind][name] = make(map[*session]struct{})
		}
		h.names[kind][name][s] = struct{}{}
		if s.subscriptions[kind] == nil {
			s.subscriptions[kind] = make(map[string]struct{})
		}
		s.subscriptions[kind][name] = struct{}{}
		h.confirm(s, words[kind].subscribe, commands.Bulk(name))
	}
}

// unsubscribe without names ends all subscriptions of the kind. There is at
// least one confirmation, with a null if there was nothing to end.
func (h *hub) unsubscribe(s *session, kind commands.Subscription, names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(names) == 0 {
		for name := range s.subscriptions[kind] {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	if len(names) == 0 {
		h.confirm(s, words[kind].unsubscribe, commands.Null{})
	}
	for _, name := range names {
		h.remove(s, kind, name)
		h.confirm(s, words[kind].unsubscribe, commands.Bulk(name))
	}
}

// confirm tells a session how many subscriptions it has now.
func (h *hub) confirm(s *session, word string, name commands.Reply) {
	channels, patterns := len(s.subscriptions[commands.Channels]), len(s.subscriptions[commands.Patterns])
	protocol := 0
	s.Update(func(client *commands.Client) {
		client.Channels, client.Patterns = channels, patterns
		protocol = client.Protocol
	})
	s.confirm(commands.Push{commands.Bulk(word), name, commands.Int(channels + patterns)}, protocol)
}

func (h *hub) remove(s *session, kind commands.Subscription, name string) {
	delete(s.subscriptions[kind], name)
	subscribers := h.names[kind][name]
	delete(subscribers, s)
	if len(subscribers) == 0 {
		delete(h.names[kind], name)
	}
}

// drop ends all subscriptions of a session without a word. No message is
// added to its output afterwards.
func (h *hub) drop(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for kind := range h.names {
		for name := range s.subscriptions[kind] {
			h.remove(s, commands.Subscription(kind), name)
		}
	}
}

// publish adds a message to the output of all subscribers. A session that is
// subscribed by several names gets one message for each, those for the channel
// first.
func (h *hub) publish(channel, payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.exactly(channel, payload)
	if alias, ok := commands.Alias(channel); ok {
		h.exactly(alias, payload)
	}
	for pattern, subscribers := range h.names[commands.Patterns] {
		if commands.Match(pattern, channel) {
			h.deliver(subscribers, func() *message {
				return newMessage("pmessage", pattern, channel, payload)
			})
		}
	}
}

// exactly serves those who named the channel itself.
func (h *hub) exactly(channel, payload string) {
	h.deliver(h.names[commands.Channels][channel], func() *message {
		return newMessage("message", channel, payload)
	})
}

func (h *hub) deliver(subscribers map[*session]struct{}, compose func() *message) {
	if len(subscribers) == 0 {
		return
	}
	m := compose()
	for s := range subscribers {
		if err := s.out.push(m); err != nil {
			h.slow(s)
		}
	}
}

// namesOf are the channels and the patterns that a session is subscribed to.
func (h *hub) namesOf(s *session) (channels, patterns []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(s.subscriptions[commands.Channels])), slices.Collect(maps.Keys(s.subscriptions[commands.Patterns]))
}

// counts are the numbers of distinct channels and patterns.
func (h *hub) counts() (channels, patterns int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.names[commands.Channels]), len(h.names[commands.Patterns])
}
