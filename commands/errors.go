package commands

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/commands/acl"
)

// The texts of all errors that clients may see, byte for byte as Sentinel
// sends them (7.2 where it differs from 7.0, Valkey where only Valkey has the
// error). Those marked "ours" have no counterpart there.

// Of any command.
const (
	errNoAuth     Error = "NOAUTH Authentication required."
	errSyntax     Error = "ERR syntax error"
	errNotInteger Error = "ERR value is not an integer or out of range"
)

// Of AUTH and HELLO.
const (
	errWrongPass Error = "WRONGPASS invalid username-password pair or user is disabled."
	errNoPass    Error = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errHelloNoAuth Error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
		"HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP " +
		"protocol version at the same time"
	errNoProto  Error = "NOPROTO unsupported protocol version"
	errBadProto Error = "ERR Protocol version is not an integer or out of range"
)

// Of ACL.
const (
	errDefaultUser Error = "ERR The 'default' user cannot be removed"
	errUserName    Error = "ERR Usernames can't contain spaces or null characters"
	errGenPass     Error = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
	errNoUserFile  Error = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the " +
		"ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to " +
		"store users in the Redis configuration."
)

// Of CLIENT.
const (
	errNoSuchClient   Error = "ERR No such client"
	errClientID       Error = "ERR client-id should be greater than 0"
	errInvalidID      Error = "ERR Invalid client ID"
	errMaxAge         Error = "ERR maxage is not an integer or out of range"
	errPauseInteger   Error = "ERR timeout is not an integer or out of range"
	errPauseNegative  Error = "ERR timeout is negative"
	errPauseMode      Error = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	errUnblockReason  Error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
	errCachingOff     Error = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	errCachingYes     Error = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
	errCachingNo      Error = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
	errTrackTwice     Error = "ERR A client can only redirect to a single other client"
	errTrackRedirect  Error = "ERR The client ID you want redirect to does not exist"
	errTrackPrefix    Error = "ERR PREFIX option requires BCAST mode to be enabled"
	errTrackPrefixes  Error = "ERR too many prefixes on one connection" // ours
	errTrackBothOpts  Error = "ERR You can't specify both OPTIN mode and OPTOUT mode"
	errTrackOptsBcast Error = "ERR OPTIN and OPTOUT are not compatible with BCAST"
	errTrackModeOpts  Error = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	errTrackModeBcast Error = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
)

// Of COMMAND, PUBLISH and SHUTDOWN.
const (
	errNoKeys        Error = "ERR The command has no key arguments"
	errBadCommand    Error = "ERR Invalid command specified"
	errOnlyHello     Error = "ERR Only HELLO messages are accepted by Sentinel instances."
	errNoShutdown    Error = "ERR No shutdown in progress."
	errSubscriptions Error = "ERR too many subscriptions on one connection" // ours
)

// Of SENTINEL.
const (
	errNoSuchMaster      Error = "ERR No such master with that name"
	errInvalidQuorum     Error = "ERR Invalid quorum"
	errInvalidPort       Error = "ERR Invalid port"
	errQuorumLow         Error = "ERR Quorum must be 1 or greater."
	errInvalidHost       Error = "ERR Invalid IP address or hostname specified"
	errPortRange         Error = "ERR Invalid port number."
	errDuplicate         Error = "ERR Duplicate master name."
	errInProgress        Error = "INPROG Failover already in progress"
	errNoGoodReplica     Error = "NOGOODSLAVE No suitable replica to promote"
	errFailoverOption    Error = "ERR Unknown failover option specified"
	errNotCoordinated    Error = "ERR COORDINATED is not supported, nothing was begun: SENTINEL FAILOVER <master-name> begins a failover that does not wait for the master" // ours
	errFailureSimulation Error = "ERR Unknown failure simulation specified"
	errScriptsDenied     Error = "ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig configuration directive in your Sentinel configuration"
	errNotifyScript      Error = "ERR Notification script seems non existing or non executable"
	errReconfigScript    Error = "ERR Client reconfiguration script seems non existing or non executable"
)

// Of SENTINEL CONFIG.
const (
	errConfigVerb   Error = "ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> [<param> <value> ...] are supported."
	errNotAnnounced Error = "ERR Nothing was changed: this node has not told the others yet that it is there; try again in a moment" // ours
)

// Of SENTINEL MEMBER, all ours.
const (
	errPauseWords   Error = "ERR Only SENTINEL PAUSE <master-name> [FOR <seconds>] [REASON <text>] is supported; put quotes around a reason with spaces."
	errMemberVerb   Error = "ERR Only SENTINEL MEMBER ADD <host:port> / REMOVE <id|host:port> are supported."
	errNoMembership Error = "ERR This node's broker has no group of its own to add a member to: standalone is one node, and with zk a new node joins by itself"
	errRemoveSelf   Error = "ERR A node does not remove itself: tell another one to do it"
)

// errNotServing is for a node that was added and does not take part yet.
func errNotServing(p cluster.Peer) Error {
	return Error(fmt.Sprintf("ERR The node at %s is a member now, but does not serve yet. Look at SENTINEL MEMBERS and at its log before you add another", p.Addr))
}

// maxEcho is how much of a client's own words an error repeats.
const maxEcho = 128

// echo is a word as Redis repeats it in an error: cut at the first NUL, and
// not longer than limit.
func echo(word string, limit int) string {
	word, _, _ = strings.Cut(word, "\x00")
	return word[:min(len(word), limit)]
}

func errUnknownCommand(words []string) Error {
	var args strings.Builder
	for _, word := range words[1:] {
		if args.Len() >= maxEcho {
			break
		}
		fmt.Fprintf(&args, "'%s' ", echo(word, maxEcho-args.Len()))
	}
	return Error(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", echo(words[0], maxEcho), &args))
}

func errUnknownSubcommand(word string, container *Command) Error {
	return Error(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", echo(word, maxEcho), strings.ToUpper(container.Name)))
}

// errSubcommandSyntax is for arguments that a subcommand's arity allows and its
// syntax does not.
func errSubcommandSyntax(cmd *Command) Error {
	return Error(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
		strings.ToUpper(cmd.Name), strings.ToUpper(cmd.container.Name)))
}

func errWrongArity(cmd *Command) Error {
	return Error(fmt.Sprintf("ERR wrong number of arguments for '%s' command", cmd.FullName()))
}

// errNoPerm is for what a user may not do.
func errNoPerm(v acl.Verdict, user string, cmd *Command) Error {
	if v == acl.ChannelRefused {
		return "NOPERM No permissions to access a channel"
	}
	return Error(fmt.Sprintf("NOPERM User %s has no permissions to run the '%s' command", user, cmd.FullName()))
}

func errUnknownCategory(name string) Error {
	return Error(fmt.Sprintf("ERR Unknown category '%s'", echo(name, maxEcho)))
}

func errUserNotFound(name string) Error {
	return Error(fmt.Sprintf("ERR User '%s' not found", echo(name, maxEcho)))
}

func errCommandNotFound(name string) Error {
	return Error(fmt.Sprintf("ERR Command '%s' not found", echo(name, maxEcho)))
}

// errUserSave is for a file of users that cannot be written. Redis refers to its
// log for the reason.
func errUserSave(err error) Error {
	return Error(fmt.Sprintf("ERR There was an error trying to save the ACLs, the file is as it was: %s", err))
}

func errSubscribed(cmd *Command) Error {
	return Error(fmt.Sprintf("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "+
		"are allowed in this context", cmd.FullName()))
}

func errHelloOption(option string) Error {
	return Error(fmt.Sprintf("ERR Syntax error in HELLO option '%s'", echo(option, maxEcho)))
}

// errBadName is for what a client calls itself or its library.
func errBadName(what string) Error {
	return Error(fmt.Sprintf("ERR %s cannot contain spaces, newlines or special characters.", what))
}

func errUnknownClientType(word string) Error {
	return Error(fmt.Sprintf("ERR Unknown client type '%s'", echo(word, maxEcho)))
}

func errNoSuchUser(user string) Error {
	return Error(fmt.Sprintf("ERR No such user '%s'", echo(user, maxEcho)))
}

func errUnrecognizedOption(option string) Error {
	return Error(fmt.Sprintf("ERR Unrecognized option '%s'", echo(option, maxEcho)))
}

func errPrefixOverlap(prefix, kind, other string) Error {
	return Error(fmt.Sprintf("ERR Prefix '%s' overlaps with %s prefix '%s'. Prefixes for a single client must not overlap.",
		echo(prefix, maxEcho), kind, echo(other, maxEcho)))
}

func errSetUnknown(option string) Error {
	return Error(fmt.Sprintf("ERR Unknown option or number of arguments for SENTINEL SET '%s'", echo(option, maxEcho)))
}

func errSetInvalid(option, value string) Error {
	return Error(fmt.Sprintf("ERR Invalid argument '%s' for SENTINEL SET '%s'", echo(value, maxEcho), echo(option, maxEcho)))
}

func errDebugUnknown(option string) Error {
	return Error(fmt.Sprintf("ERR Unknown option or number of arguments for SENTINEL DEBUG '%s'", echo(option, maxEcho)))
}

func errDebugInvalid(option, value string) Error {
	return Error(fmt.Sprintf("ERR Invalid argument '%s' for SENTINEL DEBUG '%s'", echo(value, maxEcho), echo(option, maxEcho)))
}

func errConfigName(name string) Error {
	return Error(fmt.Sprintf("ERR Invalid argument '%s' to SENTINEL CONFIG SET", echo(name, maxEcho)))
}

func errConfigTwice(name string) Error {
	return Error(fmt.Sprintf("ERR Duplicate argument '%s' to SENTINEL CONFIG SET", echo(name, maxEcho)))
}

func errConfigMissing(name string) Error {
	return Error(fmt.Sprintf("ERR Missing argument '%s' value", echo(name, maxEcho)))
}

func errConfigValue(name, value string) Error {
	return Error(fmt.Sprintf("ERR Invalid value '%s' to SENTINEL CONFIG SET '%s'", echo(value, maxEcho), echo(name, maxEcho)))
}

func errControlCharacters(index int, cmd *Command) Error {
	return Error(fmt.Sprintf("ERR Invalid argument at index %d for SENTINEL %s: control characters are not allowed",
		index, strings.ToUpper(cmd.Name)))
}

// BrokerError is what clients are told of a call of a broker that failed with err.
func BrokerError(err error) Error { return errBroker(err) }

// errBroker says in plain words what became of a change that the broker did
// not take. An unknown outcome stays unknown whatever caused it; so does that of
// a call which the broker's end cut short. Ours: Sentinel changes only itself and
// cannot be refused.
func errBroker(err error) Error {
	switch {
	case errors.Is(err, cluster.ErrUnknown): // says so below
	case errors.Is(err, cluster.ErrNoQuorum):
		return Error(fmt.Sprintf("NOQUORUM Nothing was changed: this needs a majority of the nodes, and there is none within reach (%s). "+
			"Try again when they are back", err))
	case errors.Is(err, cluster.ErrNotLogged):
		return Error(fmt.Sprintf("NOQUORUM Nothing was changed, and trying again is safe: %s", err))
	}
	return Error(fmt.Sprintf("UNKNOWN The change may have taken effect or may still do so: %s. "+
		"Look at SENTINEL MASTER before trying again", err))
}

// errLookUp is for a look-up that must not be answered now. Most clients ask the
// next node on any error, but Predis does so only on IDONTKNOW, which old
// Sentinels answered, and redis-py, which looks up with MASTERS, only on LOADING.
// Ours: Sentinel answers always.
func errLookUp(cmd *Command, err error) Error {
	code := "IDONTKNOW"
	if cmd.Name == "masters" || cmd.Name == "primaries" {
		code = "LOADING"
	}
	return Error(fmt.Sprintf("%s I cannot vouch for what I know at present; ask another Sentinel: %s", code, err))
}

// errRefused is for what Apply refused by rule.
func errRefused(out state.Outcome) Error {
	switch out.Refusal {
	case state.RefusedNoMaster:
		return errNoSuchMaster
	case state.RefusedExists:
		return errDuplicate
	case state.RefusedInProgress:
		return errInProgress
	}
	return Error("ERR " + out.Detail)
}

// The beginnings of errors that Error.Class tells from others.
const (
	noSuchMember   = "ERR No member has"
	nothingChanged = "ERR Nothing was changed: "
)

// errPauseFor is for a length that is none.
func errPauseFor(word string) Error {
	return Error(fmt.Sprintf("ERR Invalid length '%s' of a pause; give whole seconds from 1 to %d, or leave FOR out for until SENTINEL RESUME",
		echo(word, maxEcho), int64(state.MaxPause/time.Second)))
}

func errNoSuchMember(word string) Error {
	return Error(fmt.Sprintf(noSuchMember+" the id or the address '%s'; SENTINEL MEMBERS lists them", echo(word, maxEcho)))
}

func errAmbiguousMember(word string) Error {
	return Error(fmt.Sprintf("ERR More than one member has the address '%s'; give the id, which SENTINEL MEMBERS lists", echo(word, maxEcho)))
}

func errRemoveAlive(m state.Member) Error {
	return Error(fmt.Sprintf(nothingChanged+"the member at %s is alive, and only the document lists it: stop its process first", m.Addr))
}

// errStillListed is for a member that is out of the engine, but not out of the
// document.
func errStillListed(fault Reply) Error {
	return Error(fmt.Sprintf("%s. The member has no say any more and is still listed: the same command again mends that", fault))
}

// errMembers says what became of a change of the engine's members.
func errMembers(err error) Error {
	switch {
	case errors.Is(err, cluster.ErrRefused):
		return Error(nothingChanged + strings.TrimPrefix(err.Error(), cluster.ErrRefused.Error()+": "))
	case errors.Is(err, cluster.ErrUnknown):
		return Error(fmt.Sprintf("UNKNOWN The change may have taken effect or may still do so: %s. "+
			"Look at SENTINEL MEMBERS before trying again", err))
	}
	return errBroker(err)
}
