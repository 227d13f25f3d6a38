package state

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Settings of a master, as SENTINEL SET and sentinel.conf name them.
type Settings struct {
	// DownAfter is how long a server must not answer before a node holds it
	// for down. Above 0; milliseconds on the wire.
	DownAfter time.Duration
	// FailoverTimeout limits each phase; twice this lies between two attempts.
	FailoverTimeout time.Duration
	// ParallelSyncs is how many replicas are re-pointed at once, at least 1.
	ParallelSyncs int
	// RebootDownAfter: a master that restarted and still loads counts as down
	// after this long; 0 turns the rule off.
	RebootDownAfter time.Duration
	// WitnessWait is for how long a failover is put off while the replicas
	// still receive the "dead" master's stream (it lives; we are cut off).
	// 0 turns the rule off. Our own addition.
	WitnessWait time.Duration
	// StopAfterFailure: after an automatic failover that failed the group is
	// paused until a person resumes it, and not tried again by rule. Our own
	// addition, the way of the older redis-failover.
	StopAfterFailure bool `json:",omitempty"`
	AuthUser         string
	AuthPass         Secret
	// NotificationScript and ClientReconfigScript are paths, "" for none.
	NotificationScript   string
	ClientReconfigScript string
	// Renames maps commands to what this group's servers call them, sorted by
	// Command, which is upper case.
	Renames []Rename
}

// Rename is one rename-command entry.
type Rename struct{ Command, As string }

// The defaults of Sentinel; WitnessWait is ours.
const (
	DefaultDownAfter       = 30 * time.Second
	DefaultFailoverTimeout = 180 * time.Second
	DefaultParallelSyncs   = 1
	DefaultWitnessWait     = 10 * time.Second
)

// DefaultSettings returns Sentinel's defaults.
func DefaultSettings() Settings {
	return Settings{
		DownAfter:       DefaultDownAfter,
		FailoverTimeout: DefaultFailoverTimeout,
		ParallelSyncs:   DefaultParallelSyncs,
		WitnessWait:     DefaultWitnessWait,
	}
}

// CommandName returns what the group's servers call a command (upper case).
func (s *Settings) CommandName(command string) string {
	for _, r := range s.Renames {
		if r.Command == command {
			return r.As
		}
	}
	return command
}

// Option is one assignment of SENTINEL SET, a name of [OptionNames] and one
// value (two for rename-command), or of a global setting. Printing it hides the
// value of a secret one.
type Option struct {
	Name   string
	Values []string
}

// String is the option as SENTINEL SET takes it, and with ****** for a secret.
func (o Option) String() string {
	if OptionSecret(o.Name) {
		return o.Name + " ******"
	}
	return o.Name + " " + strings.Join(o.Values, " ")
}

// GoString hides a secret, for %#v.
func (o Option) GoString() string { return strconv.Quote(o.String()) }

// LogValue hides a secret, for slog.
func (o Option) LogValue() slog.Value { return slog.StringValue(o.String()) }

// wireOption is an Option in the codec: secret values, and those that are no
// UTF-8 and would not survive JSON, are there in base64.
type wireOption struct {
	Name    string
	Values  []string `json:",omitempty"`
	Secrets []Secret `json:",omitempty"`
}

// MarshalJSON writes an option for the codec, secrets and all: see
// [Secret.MarshalJSON].
func (o Option) MarshalJSON() ([]byte, error) { return json.Marshal(o.wire()) }

func (o Option) wire() wireOption {
	w := wireOption{Name: o.Name}
	isText := !slices.ContainsFunc(o.Values, func(v string) bool { return !utf8.ValidString(v) })
	if isText && !OptionSecret(o.Name) {
		w.Values = o.Values
		return w
	}
	for _, v := range o.Values {
		w.Secrets = append(w.Secrets, Secret(v))
	}
	return w
}

func (w wireOption) option() Option {
	o := Option{Name: w.Name, Values: w.Values}
	for _, v := range w.Secrets {
		o.Values = append(o.Values, string(v))
	}
	return o
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *Option) UnmarshalJSON(text []byte) error {
	var w wireOption
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*o = w.option()
	return nil
}

// ErrUnknownOption is what Set returns for a name that it does not know or a
// wrong number of values; ErrInvalidValue for a value out of range.
type (
	ErrUnknownOption struct{ Name string }
	ErrInvalidValue  struct{ Name, Value string }
)

func (e ErrUnknownOption) Error() string { return fmt.Sprintf("unknown option %q", e.Name) }
func (e ErrInvalidValue) Error() string {
	return fmt.Sprintf("invalid value %q for option %q", e.Value, e.Name)
}

// optionRule is how one option is read and compared. The table below is the
// only list of options; SENTINEL SET, sentinel.conf and the document's Apply
// all use it.
type optionRule struct {
	values int
	secret bool
	// schema is the one that brought the option in, 0 for the first. The value
	// of a later one is zero in a master that nobody set it for, and means the
	// default; so masters are added, and look the same everywhere, before all
	// members know it.
	schema int
	// set changes m and returns false if the value is out of range.
	set func(m *Master, values []string) bool
	// words are the values with which set makes another master the same; none if
	// one that nobody has set it for is the same.
	words func(m *Master) [][]string
}

// value is what m has, in a form that can be compared.
func (r optionRule) value(m *Master) string { return fmt.Sprint(r.words(m)) }

// one is a single assignment of one value, none for "".
func one(value string) [][]string {
	if value == "" {
		return nil
	}
	return [][]string{{value}}
}

var optionRules = map[string]optionRule{
	"down-after-milliseconds":          millis(1, func(m *Master) *time.Duration { return &m.DownAfter }),
	"failover-timeout":                 millis(1, func(m *Master) *time.Duration { return &m.FailoverTimeout }),
	"parallel-syncs":                   count(func(m *Master) *int { return &m.ParallelSyncs }),
	"quorum":                           count(func(m *Master) *int { return &m.Quorum }),
	"master-reboot-down-after-period":  millis(0, func(m *Master) *time.Duration { return &m.RebootDownAfter }),
	"primary-reboot-down-after-period": millis(0, func(m *Master) *time.Duration { return &m.RebootDownAfter }),
	"replica-witness-wait":             millis(0, func(m *Master) *time.Duration { return &m.WitnessWait }),
	"stop-after-failed-failover":       yesNo(pauseSchema, func(m *Master) *bool { return &m.StopAfterFailure }),
	"auth-user":                        text(func(m *Master) *string { return &m.AuthUser }),
	"auth-pass":                        secret(func(m *Master) *Secret { return &m.AuthPass }),
	"notification-script":              text(func(m *Master) *string { return &m.NotificationScript }),
	"client-reconfig-script":           text(func(m *Master) *string { return &m.ClientReconfigScript }),
	"rename-command":                   {values: 2, set: setRename, words: renameWords},
}

// needs is the schema that knows all the options.
func (op OpSet) needs() int {
	need := firstSchema
	for _, o := range op.Options {
		need = max(need, optionRules[strings.ToLower(o.Name)].schema)
	}
	return need
}

// needs is the schema that knows all the options that are set.
func (op OpMonitor) needs() int {
	need, set, unset := firstSchema, &Master{Settings: op.Settings}, &Master{}
	if op.IP != "" {
		need = hostsSchema
	}
	if op.Pause != nil {
		need = max(need, pauseSchema)
	}
	for _, rule := range optionRules {
		if rule.schema > need && rule.value(set) != rule.value(unset) {
			need = rule.schema
		}
	}
	return need
}

func millis(least int64, field func(*Master) *time.Duration) optionRule {
	return optionRule{
		values: 1,
		set:    func(m *Master, v []string) bool { return setMillis(field(m), v[0], least) },
		words:  func(m *Master) [][]string { return one(strconv.FormatInt(field(m).Milliseconds(), 10)) },
	}
}

func yesNo(schema int, field func(*Master) *bool) optionRule {
	words := map[string]bool{"yes": true, "no": false}
	return optionRule{
		values: 1, schema: schema,
		set: func(m *Master, v []string) bool {
			value, ok := words[strings.ToLower(v[0])]
			if ok {
				*field(m) = value
			}
			return ok
		},
		words: func(m *Master) [][]string {
			if *field(m) {
				return one("yes")
			}
			return nil
		},
	}
}

func count(field func(*Master) *int) optionRule {
	return optionRule{
		values: 1,
		set:    func(m *Master, v []string) bool { return setCount(field(m), v[0]) },
		words:  func(m *Master) [][]string { return one(strconv.Itoa(*field(m))) },
	}
}

// text takes what the codec can write and read back unchanged.
func text(field func(*Master) *string) optionRule {
	return optionRule{
		values: 1,
		set: func(m *Master, v []string) bool {
			if !utf8.ValidString(v[0]) {
				return false
			}
			*field(m) = v[0]
			return true
		},
		words: func(m *Master) [][]string { return one(*field(m)) },
	}
}

func secret(field func(*Master) *Secret) optionRule {
	return optionRule{
		values: 1, secret: true,
		set:   func(m *Master, v []string) bool { *field(m) = Secret(v[0]); return true },
		words: func(m *Master) [][]string { return one(string(*field(m))) },
	}
}

// Differing returns the names of the options in which two masters differ,
// sorted, without aliases.
func Differing(a, b *Master) []string {
	var names []string
	for _, name := range OptionNames() {
		if rule := optionRules[name]; rule.value(a) != rule.value(b) && !isAlias(name) {
			names = append(names, name)
		}
	}
	return names
}

// Options are the assignments that give a new master the settings of m, by name;
// the quorum is not among them, MONITOR takes that. Among them are passwords.
func (m *Master) Options() []Option {
	var list []Option
	for _, name := range OptionNames() {
		if name == "quorum" || isAlias(name) {
			continue
		}
		for _, values := range optionRules[name].words(m) {
			list = append(list, Option{Name: name, Values: values})
		}
	}
	return list
}

// isAlias reports whether an option is another name of one.
func isAlias(name string) bool { return strings.HasPrefix(name, "primary-") }

// OptionNames returns all option names, sorted.
func OptionNames() []string {
	names := make([]string, 0, len(optionRules))
	for name := range optionRules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// OptionValues returns how many values an option takes (name in any case), and
// false if there is no such option.
func OptionValues(name string) (int, bool) {
	rule, ok := optionRules[strings.ToLower(name)]
	return rule.values, ok
}

// OptionSecret reports whether the value of an option, or of a global setting,
// must not be shown.
func OptionSecret(name string) bool {
	name = strings.ToLower(name)
	return optionRules[name].secret || globalRules[name].secret
}

// Set applies one option to m, which the caller owns. It returns
// ErrUnknownOption or ErrInvalidValue and then has changed nothing.
func (m *Master) Set(o Option) error {
	rule, ok := optionRules[strings.ToLower(o.Name)]
	if !ok || len(o.Values) != rule.values {
		return ErrUnknownOption{o.Name}
	}
	if !rule.set(m, o.Values) {
		bad := o.Values[0]
		if rule.secret {
			bad = "******"
		}
		return ErrInvalidValue{o.Name, bad}
	}
	return nil
}

// maxMillis keeps milliseconds far from the overflow of time.Duration.
const maxMillis = 1 << 40 // about 34 years

func setMillis(d *time.Duration, text string, least int64) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > maxMillis {
		return false
	}
	*d = time.Duration(n) * time.Millisecond
	return true
}

func setCount(c *int, text string) bool {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return false
	}
	*c = int(n)
	return true
}

// setRename follows Sentinel: both words non-empty; the same word (any case)
// removes the entry.
func setRename(m *Master, v []string) bool {
	command, as := strings.ToUpper(v[0]), v[1]
	if command == "" || as == "" || !utf8.ValidString(v[0]) || !utf8.ValidString(as) {
		return false
	}
	renames := slices.DeleteFunc(slices.Clone(m.Renames), func(r Rename) bool { return r.Command == command })
	if !strings.EqualFold(command, as) {
		renames = append(renames, Rename{command, as})
		slices.SortFunc(renames, func(a, b Rename) int { return strings.Compare(a.Command, b.Command) })
	}
	m.Renames = renames
	return true
}

func renameWords(m *Master) [][]string {
	var list [][]string
	for _, r := range m.Renames {
		list = append(list, []string{r.Command, r.As})
	}
	return list
}
