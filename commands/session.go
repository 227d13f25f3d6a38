package commands

import "time"

// Session is the connection a command came from, as far as handlers may know
// it. Its methods are called by the goroutine that runs the command.
type Session interface {
	// Client returns a copy of what is known of the session.
	Client() Client
	// Update changes what is known of the session, for others (CLIENT LIST) at
	// the same moment. change must not call back into the session.
	Update(change func(*Client))
	// Subscribe and Unsubscribe change the session's subscriptions and send one
	// confirmation for each name themselves: a message to a channel never comes
	// before the confirmation of its SUBSCRIBE, nor after that of its
	// UNSUBSCRIBE, and only whoever holds back the messages can promise that.
	// Unsubscribe without names ends all subscriptions of the kind.
	Subscribe(kind Subscription, names []string)
	Unsubscribe(kind Subscription, names []string)
	// DropSubscriptions ends all subscriptions without a word: no message comes
	// after the reply to the command that asked for it.
	DropSubscriptions()
	// Close ends the session once the reply to this command is sent.
	Close()
}

// Host is the server as a whole, as far as handlers may know it. All methods
// may be called from any goroutine and return promptly.
type Host interface {
	// Clients returns a copy of what is known of each session, by rising id.
	Clients() []Client
	// Subscriptions returns the channels and patterns that the session of that id
	// is subscribed to, none if there is no such session.
	Subscriptions(id int64) (channels, patterns []string)
	// Kill ends the session of that id without waiting; false if there is none.
	Kill(id int64) bool
	// Pause holds back the commands of all sessions for d, or until Unpause.
	// A pause that ends later than the present one replaces it.
	Pause(d time.Duration)
	Unpause()
	// Stats are the numbers since the start.
	Stats() Stats
	// Shutdown asks the program to stop. It does not wait for that.
	Shutdown()
}

// Subscription is what a session subscribes to.
type Subscription int8

// The kinds of subscriptions.
const (
	Channels Subscription = iota
	Patterns
)

// Client is what is known of one session. It is plain data: copies are
// independent, except that Tracking is shared and must not be changed in place.
type Client struct {
	ID              int64
	Addr, LocalAddr string
	FD              int
	// Name and the library are what the client said of itself, "" if nothing.
	Name, LibName, LibVersion string
	// User is who it is logged in as; before that it is the default user. Login
	// is the number of that user's account, 0 for the default user's.
	User          string
	Login         int64
	Authenticated bool
	// Protocol is 2 or 3.
	Protocol int
	// Created and Active are when it came and when it last sent something.
	Created, Active time.Time
	// Channels and Patterns are the numbers of its subscriptions.
	Channels, Patterns int
	// Command is the last command, "sentinel|masters"; "" before the first.
	Command string
	NoEvict bool
	Replies ReplyMode
	// Tracking is nil when off.
	Tracking *Tracking

	// What waits: bytes received and not yet looked at, bytes and messages
	// not yet sent.

	QueryBuffer    int
	OutputBytes    int
	OutputMessages int
}

// Subscribed reports whether the client has any subscription.
func (c Client) Subscribed() bool { return c.Channels+c.Patterns > 0 }

// ReplyMode says which replies a session wants (CLIENT REPLY). Confirmations
// and messages of pub/sub come in any mode.
type ReplyMode int8

// The modes. ReplySkipNext becomes ReplySkip for the next command, and that
// becomes ReplyOn after it.
const (
	ReplyOn ReplyMode = iota
	ReplyOff
	ReplySkipNext
	ReplySkip
)

// Tracking is the client-side caching that a client asked for. There is
// nothing to cache here, but clients insist on being able to ask.
type Tracking struct {
	Broadcast, OptIn, OptOut, NoLoop bool
	// Caching: CLIENT CACHING was said for the next command.
	Caching bool
	// Redirect is the session that is to get the invalidations, 0 for this one.
	Redirect int64
	Prefixes []string
}

// Stats are what INFO says of the server.
type Stats struct {
	// Port is the one it listens on, 0 if it is no TCP port.
	Port       int
	MaxClients int
	// Clients, Subscribers: sessions now, and those with subscriptions.
	Clients, Subscribers int
	// Channels, Patterns: distinct ones that somebody is subscribed to.
	Channels, Patterns int

	// Numbers since the start.

	Connections, Rejected               int64
	Commands, ErrorReplies              int64
	BytesIn, BytesOut                   int64
	Reads, Writes                       int64
	SlowClients, BadQueries             int64
	MaxInput, MaxOutput                 int64
	CommandsPerSecond                   int64
	BytesInPerSecond, BytesOutPerSecond int64
}
