package acl

// Call is what somebody wants to do.
type Call struct {
	// Command is the full name in lower case.
	Command string
	// Free: everybody may call it; only its channels are looked at.
	Free bool
	// FirstArg is the word after a command that is no subcommand, "" for none.
	FirstArg string
	// Channels are those that the call names; Patterns: they are patterns, which
	// must have been permitted literally.
	Channels []string
	Patterns bool
}

// Verdict is why a call is refused.
type Verdict int8

// The verdicts. Where selectors disagree, the last of these that any of them
// gives is the one that is told: it came closest.
const (
	Permitted Verdict = iota
	CommandRefused
	ChannelRefused
)

// Check judges a call. channel is the refused one, if it is a channel.
func (u *User) Check(c Call) (v Verdict, channel string) {
	v, furthest := CommandRefused, -1
	for s := range u.sets() {
		verdict, at := s.check(c)
		switch {
		case verdict == Permitted:
			return Permitted, ""
		case verdict == ChannelRefused && at > furthest:
			v, furthest, channel = verdict, at, c.Channels[at]
		}
	}
	return v, channel
}

// check judges a call; at is the place of the refused channel.
func (s *selector) check(c Call) (v Verdict, at int) {
	if !c.Free && !s.commands.permits(c.Command, c.FirstArg) {
		return CommandRefused, 0
	}
	for i, name := range c.Channels {
		if !s.permitsChannel(name, c.Patterns) {
			return ChannelRefused, i
		}
	}
	return Permitted, 0
}

// MayHear reports whether a subscription to a channel, or to a pattern, may go
// on: any of the user's sets permits it.
func (u *User) MayHear(name string, pattern bool) bool {
	for s := range u.sets() {
		if s.permitsChannel(name, pattern) {
			return true
		}
	}
	return false
}
