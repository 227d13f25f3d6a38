package commands

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/commands/acl"
)

// DefaultUser is who every session is before it logs in as somebody else.
const DefaultUser = "default"

// Users are those who may use a node, and what they may do: Redis's users, each
// node's own. All methods are safe for all goroutines. What is asked for every
// command (who is this, may it) reads one atomic pointer; changes are made one
// at a time, each a new set of users that holds as a whole or not at all.
type Users struct {
	table    *Table
	language *acl.Language
	// requirePass is the default user's password where nothing else is said.
	requirePass state.Secret
	file        string
	now         atomic.Pointer[roster]

	mu     sync.Mutex // held while now is replaced or the file is written
	lastID int64      // guarded by mu

	// logins, commands and channels count what was refused.
	logins, commands, channels atomic.Int64

	logMu sync.Mutex
	log   *acl.Log // guarded by logMu
}

// roster is a set of users by name. It never changes.
type roster map[string]account

// account is a user with a number that a later user of the same name does not
// get: a session of a user that was deleted must not become one of its
// successor. The default user, which cannot be deleted, has 0.
type account struct {
	*acl.User
	id int64
}

// UserOptions are the users that a node starts with.
type UserOptions struct {
	// RequirePass is the password of the default user, "" for none. A user of
	// that name in Lines or in File counts instead.
	RequirePass state.Secret
	// Lines are users from the configuration. There are none with a File.
	Lines []UserLine
	// File is where users are read from at the start and by ACL LOAD, and
	// written to by ACL SAVE and by nothing else; "" for no file. It must exist.
	File string
	// AllChannels permits new users all channels until they are told otherwise.
	AllChannels bool
	// LogLength is how many refusals are kept for ACL LOG.
	LogLength int
	// Table holds the commands that rules may name; nil means All.
	Table *Table
}

// UserLine is one user of the configuration.
type UserLine struct {
	// At is where it stands, for errors.
	At    string
	Name  string
	Rules []string
}

// defaultLogLength is Redis's.
const defaultLogLength = 128

// NewUsers makes the users of a server that has none but the default user, with
// this password; "" lets everybody in.
func NewUsers(requirePass state.Secret) *Users {
	u, err := OpenUsers(UserOptions{RequirePass: requirePass, LogLength: defaultLogLength})
	if err != nil {
		panic(err) // the table of this package is at fault
	}
	return u
}

// OpenUsers makes the users of a node. The error says all that is wrong with the
// lines and with the file, each with its place and without passwords.
func OpenUsers(o UserOptions) (*Users, error) {
	if o.Table == nil {
		table, err := NewTable(All()...)
		if err != nil {
			return nil, err
		}
		o.Table = table
	}
	u := &Users{
		table: o.Table, requirePass: o.RequirePass, file: o.File, log: acl.NewLog(o.LogLength),
		language: acl.NewLanguage(acl.Options{Commands: o.Table.named(), Match: Match, AllChannels: o.AllChannels}),
	}
	u.now.Store(&roster{})
	users, err := u.lines(o.Lines)
	if err == nil && o.File != "" {
		users, err = u.read()
	}
	if err != nil {
		return nil, err
	}
	u.replace(users)
	return u, nil
}

// named are the commands as rules name them.
func (t *Table) named() []acl.Command {
	all := t.flat()
	names := make([]acl.Command, len(all))
	for i, cmd := range all {
		names[i] = acl.Command{Name: cmd.FullName(), Categories: cmd.ACLCategories(), Container: cmd.Subcommands != nil}
	}
	return names
}

// lines makes the users of the configuration.
func (u *Users) lines(lines []UserLine) ([]*acl.User, error) {
	var users []*acl.User
	var faults []error
	first := make(map[string]string)
	for _, line := range lines {
		at, twice := first[line.Name]
		first[line.Name] = line.At
		made, err := u.language.NewUser(line.Name).With(line.Rules...)
		switch {
		case !acl.IsName(line.Name):
			faults = append(faults, fmt.Errorf("%s: the name of the user %q must not contain spaces", line.At, line.Name))
		case twice:
			faults = append(faults, fmt.Errorf("%s: the user %q is defined at %s already; put all its rules into one line", line.At, line.Name, at))
		case err != nil:
			faults = append(faults, fmt.Errorf("%s: user %q: %s", line.At, line.Name, acl.Explain(err)))
		}
		users = append(users, made)
	}
	return users, errors.Join(faults...)
}

// replace makes these the users, and the default user one of them. Who had that
// name before stays the same account. The caller holds mu, or is the only one to
// know of u.
func (u *Users) replace(users []*acl.User) {
	old, next := *u.now.Load(), make(roster, len(users)+1)
	next[DefaultUser] = account{u.defaultUser(), 0}
	for _, user := range users {
		next[user.Name()] = account{user, u.idOf(old, user.Name())}
	}
	u.now.Store(&next)
}

// idOf is the number of an account: its old one, or a new one.
func (u *Users) idOf(old roster, name string) int64 {
	if name == DefaultUser {
		return 0
	}
	if known, ok := old[name]; ok {
		return known.id
	}
	u.lastID++
	return u.lastID
}

// defaultUser is the default user where no line and no file has one. Redis forgets
// requirepass when there is a file of users; a password that was asked for counts
// here.
func (u *Users) defaultUser() *acl.User {
	user := u.language.NewDefaultUser(DefaultUser)
	if u.requirePass == "" {
		return user
	}
	closed, err := user.With("resetpass", ">"+string(u.requirePass))
	if err != nil {
		return u.language.NewUser(DefaultUser) // cannot be; nobody gets in rather than everybody
	}
	return closed
}

// find returns a user by name.
func (u *Users) find(name string) (account, bool) {
	user, ok := (*u.now.Load())[name]
	return user, ok
}

// of returns who a session is, and false if it has to log in first: it never
// did and the default user may not go without a password, or the user that it
// was is no more.
func (u *Users) of(client Client) (account, bool) {
	name := client.User
	if !client.Authenticated {
		name = DefaultUser
	}
	user, ok := u.find(name)
	if client.Authenticated {
		return user, ok && user.id == client.Login
	}
	return user, user.On() && user.NoPass()
}

// Admitted reports whether a session needs not log in (any more).
func (u *Users) Admitted(client Client) bool {
	_, ok := u.of(client)
	return ok
}

// Open reports whether whoever does not log in is served, as the default user.
func (u *Users) Open() bool {
	user, _ := u.find(DefaultUser)
	return user.On() && user.NoPass()
}

// needsNoPass reports whether the default user, on or off, has no password.
func (u *Users) needsNoPass() bool {
	user, _ := u.find(DefaultUser)
	return user.NoPass()
}

// Known reports whether there is a user of that name.
func (u *Users) Known(name string) bool {
	_, ok := u.find(name)
	return ok
}

// all are the users by name.
func (u *Users) all() []*acl.User {
	var users []*acl.User
	for _, user := range *u.now.Load() {
		users = append(users, user.User)
	}
	slices.SortFunc(users, func(a, b *acl.User) int { return strings.Compare(a.Name(), b.Name()) })
	return users
}

// Authenticate reports whether this user, "" for the default user, may log in
// with this password. It is false for one that is not known or is off.
func (u *Users) Authenticate(name, pass string) bool {
	if name == "" {
		name = DefaultUser
	}
	_, ok := u.login(name, pass)
	return ok
}

func (u *Users) login(name, pass string) (account, bool) {
	user, ok := u.find(name)
	return user, ok && user.Admits(pass)
}

// May returns nil if that user may give a command, its words being words, and
// otherwise why not as a client is told ("NOPERM ..."). It is for others who do
// the same things on behalf of a user, such as an HTTP server; "" is the default
// user. Nothing is added to the log of refusals.
func (u *Users) May(name string, words ...string) error {
	if name == "" {
		name = DefaultUser
	}
	user, ok := u.find(name)
	if !ok || len(words) == 0 {
		return refusedError(errNoAuth)
	}
	cmd, named, fault := u.table.find(words)
	if text, failed := fault.(Error); failed {
		return refusedError(text)
	}
	verdict, _ := user.Check(cmd.call(words[named:]))
	if verdict != acl.Permitted {
		return refusedError(errNoPerm(verdict, name, cmd))
	}
	return nil
}

// refusedError is what a client is told, as a Go error.
type refusedError Error

func (e refusedError) Error() string { return string(e) }

// call is what a client wants to do, as users are asked for it.
func (c *Command) call(args []string) acl.Call {
	call := acl.Call{Command: c.FullName(), Free: c.Flags&NoAuth != 0}
	if c.container == nil && len(args) > 0 {
		call.FirstArg = args[0]
	}
	switch c.Channels {
	case FirstIsChannel:
		call.Channels = args[:min(1, len(args))]
	case AllAreChannels:
		call.Channels = args
	case AllArePatterns:
		call.Channels, call.Patterns = args, true
	}
	return call
}

// setUser changes a user, or makes one.
func (u *Users) setUser(name string, rules []string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	old := *u.now.Load()
	user := u.language.NewUser(name)
	if known, ok := old[name]; ok {
		user = known.User
	}
	changed, err := user.With(rules...)
	if err != nil {
		return err
	}
	next := maps.Clone(old)
	next[name] = account{changed, u.idOf(old, name)}
	u.now.Store(&next)
	return nil
}

// deleteUsers deletes those that there are, and counts them.
func (u *Users) deleteUsers(names []string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := maps.Clone(*u.now.Load())
	before := len(next)
	for _, name := range names {
		delete(next, name)
	}
	u.now.Store(&next)
	return before - len(next)
}

// enforce closes the sessions that lost something: their user, or the permission
// for one of their subscriptions. asking is the session that brought this about,
// which still gets its reply; nil if it was none.
func (u *Users) enforce(h Host, asking Session) {
	for _, client := range h.Clients() {
		if u.tolerates(h, client) {
			continue
		}
		if asking != nil && asking.Client().ID == client.ID {
			asking.Close()
		} else {
			h.Kill(client.ID)
		}
	}
}

// tolerates reports whether a session may go on.
func (u *Users) tolerates(h Host, client Client) bool {
	user, ok := u.of(client)
	if !ok {
		return !client.Authenticated && !client.Subscribed() // it may log in yet
	}
	if !client.Subscribed() {
		return true
	}
	channels, patterns := h.Subscriptions(client.ID)
	return user.mayHear(channels, false) && user.mayHear(patterns, true)
}

func (a account) mayHear(names []string, patterns bool) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !a.MayHear(name, patterns) })
}

// The kinds of refusals, as ACL LOG calls them.
const (
	ofLogin   = "auth"
	ofCommand = "command"
	ofChannel = "channel"
)

// refused counts and logs what a client was refused.
func (u *Users) refused(reason, object, user string, client Client) {
	switch reason {
	case ofLogin:
		u.logins.Add(1)
	case ofCommand:
		u.commands.Add(1)
	case ofChannel:
		u.channels.Add(1)
	}
	now := time.Now()
	line := strings.TrimSuffix(clientLine(client, now), "\n")
	u.logMu.Lock()
	defer u.logMu.Unlock()
	u.log.Add(now, acl.Entry{Reason: reason, Object: object, User: user, Client: line})
}

func (u *Users) lastRefusals(n int) []acl.Entry {
	u.logMu.Lock()
	defer u.logMu.Unlock()
	return u.log.Last(n)
}

func (u *Users) forgetRefusals() {
	u.logMu.Lock()
	defer u.logMu.Unlock()
	u.log.Reset()
}
