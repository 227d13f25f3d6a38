package commands

// maxSubscriptions bounds what one session can make the server remember. The
// channels of a Sentinel are some fifty.
const maxSubscriptions = 10_000

func subscribeCommand() *Command {
	return &Command{
		Name: "subscribe", Arity: -2, Flags: PubSub | NoScript | Loading | Stale | WhileSubscribed,
		Group: "pubsub", Since: "2.0.0", Kind: Connection, Channels: AllAreChannels,
		Syntax: "channel [channel ...]", Summary: "Listens for the events of these names.",
		Handler: subscribe(Channels),
	}
}

func psubscribeCommand() *Command {
	return &Command{
		Name: "psubscribe", Arity: -2, Flags: PubSub | NoScript | Loading | Stale | WhileSubscribed,
		Group: "pubsub", Since: "2.0.0", Kind: Connection, Channels: AllArePatterns,
		Syntax: "pattern [pattern ...]", Summary: "Listens for the events whose names match one of the patterns.",
		Handler: subscribe(Patterns),
	}
}

func unsubscribeCommand() *Command {
	return &Command{
		Name: "unsubscribe", Arity: -1, Flags: PubSub | NoScript | Loading | Stale | WhileSubscribed,
		Group: "pubsub", Since: "2.0.0", Kind: Connection,
		Syntax: "[channel [channel ...]]", Summary: "Ends subscriptions to these channels, or to all.",
		Handler: unsubscribe(Channels),
	}
}

func punsubscribeCommand() *Command {
	return &Command{
		Name: "punsubscribe", Arity: -1, Flags: PubSub | NoScript | Loading | Stale | WhileSubscribed,
		Group: "pubsub", Since: "2.0.0", Kind: Connection,
		Syntax: "[pattern [pattern ...]]", Summary: "Ends subscriptions to these patterns, or to all.",
		Handler: unsubscribe(Patterns),
	}
}

func subscribe(kind Subscription) Handler {
	return func(c *Context, args []string) Reply {
		client := c.Session.Client()
		if client.Channels+client.Patterns+len(args) > maxSubscriptions {
			return errSubscriptions
		}
		c.Session.Subscribe(kind, args)
		// The permission may have been withdrawn since it was looked at, and this
		// session have been passed over because it was not subscribed yet.
		if user, ok := c.Node.Users.of(c.Session.Client()); !ok || !user.mayHear(args, kind == Patterns) {
			c.Session.Close()
		}
		return NoReply{}
	}
}

func unsubscribe(kind Subscription) Handler {
	return func(c *Context, args []string) Reply {
		c.Session.Unsubscribe(kind, args)
		return NoReply{}
	}
}

// Alias returns the other name under which clients expect an event, false if
// there is none. No Sentinel has ever published these names, but go-redis
// subscribes to the first, and radix and node-redis to the second, and so learn
// of a new master late. They are served to subscribers of the very name: who
// subscribes to a pattern would be told everything twice.
func Alias(event string) (name string, ok bool) {
	switch event {
	case "+slave-reconf-done":
		return "+replica-reconf-done", true
	case "+switch-master":
		return "switch-master", true
	}
	return "", false
}

// helloChannel is where Sentinels tell each other of themselves.
const helloChannel = "__sentinel__:hello"

func publishCommand() *Command {
	return &Command{
		Name: "publish", Arity: 3, Flags: PubSub | Loading | Stale | Fast,
		Group: "pubsub", Since: "2.0.0", Kind: Connection, Channels: FirstIsChannel,
		Syntax:  "channel message",
		Summary: "Accepts the greetings of Redis Sentinels, and nothing else. They are not acted on: members of this cluster know each other from the agreed document.",
		Handler: publish,
	}
}

func publish(_ *Context, args []string) Reply {
	if args[0] != helloChannel {
		return errOnlyHello
	}
	// As Sentinel answers whatever the message says.
	return Int(1)
}
