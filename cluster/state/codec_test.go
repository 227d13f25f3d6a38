package state

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// opTypes are all ops that this build knows, as opRules lists them.
func opTypes() []reflect.Type {
	var types []reflect.Type
	for _, op := range []Op{
		OpMember{}, OpAlive{}, OpForget{}, OpMonitor{}, OpRemove{}, OpSet{}, OpReset{}, OpObserve{}, OpVote{}, OpBegin{}, OpTakeOver{},
		OpSelect{}, OpWait{}, OpPromoted{}, OpProgress{}, OpEnd{}, OpAbort{}, OpRepair{}, OpRepaired{}, OpConfig{}, OpResolve{},
		OpPause{}, OpResume{},
	} {
		types = append(types, reflect.TypeOf(op))
	}
	return types
}

func TestOpTypesIsComplete(t *testing.T) {
	kinds := map[string]bool{}
	for _, typ := range opTypes() {
		kind := Kind(reflect.Zero(typ).Interface().(Op))
		if kinds[kind] {
			t.Errorf("two ops of the kind %q", kind)
		}
		kinds[kind] = true
		if rule := opRules[kind]; rule.schema < firstSchema || rule.schema > SchemaVersion {
			t.Errorf("the kind %q has no rule, or one of schema %d", kind, rule.schema)
		}
	}
	if len(opRules) != len(kinds) {
		t.Errorf("%d rules, %d ops", len(opRules), len(kinds))
	}
}

// randomValue fills a value with what may occur, hard cases included.
func randomValue(rng *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case Addr:
		hosts := []string{"10.0.0.1", "::1", "redis.example", "fe80::1%eth0"}
		if rng.IntN(4) > 0 {
			v.Set(reflect.ValueOf(Addr{Host: hosts[rng.IntN(len(hosts))], Port: 1 + rng.IntN(65535)}))
		}
		return
	case Secret:
		v.SetString([]string{"", "tell nobody", "\x00\xff\xfe", `"quoted"`}[rng.IntN(4)])
		return
	case Option:
		options := []Option{{Name: "auth-pass", Values: []string{"\xff\x00"}}, {Name: "AUTH-PASS", Values: []string{"p"}}, {Name: "quorum", Values: []string{"2"}}, {Name: "rename-command", Values: []string{"A", "b"}}, {Name: "auth-user", Values: []string{"\xfe"}}, {Name: "sentinel-pass", Values: []string{"\xff\x00"}}, {Name: "?"}}
		v.Set(reflect.ValueOf(options[rng.IntN(len(options))]))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			randomValue(rng, v.Field(i))
		}
	case reflect.Pointer:
		if rng.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			randomValue(rng, v.Elem())
		}
	case reflect.Slice:
		if n := rng.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				randomValue(rng, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString([]string{"", "plain", "ünïcode \u2028", "a<b>&\"c\"\\", "line\nbreak"}[rng.IntN(5)])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt([]int64{0, -1, 7, 1<<v.Type().Bits()/2 - 1}[rng.IntN(4)])
	case reflect.Uint64:
		v.SetUint([]uint64{0, 1, 1<<53 + 1, 1<<64 - 1}[rng.IntN(4)])
	default:
		panic("a kind that ops do not have yet: " + v.Kind().String())
	}
}

// TestMutationRoundTrip: whatever an op holds comes back the same.
func TestMutationRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range opTypes() {
		for range 200 {
			v := reflect.New(typ).Elem()
			randomValue(rng, v)
			m := Mutation{ID: MutationID{Member: alice, Seq: 1<<64 - 1}, At: -5, Op: v.Interface().(Op)}
			text, err := EncodeMutation(m)
			if err != nil {
				t.Fatalf("%#v: %v", m.Op, err)
			}
			got, err := DecodeMutation(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Fatalf("%s came back as %#v\n%s", typ, got, text)
			}
		}
	}
}

func TestUnknownOpRoundTrip(t *testing.T) {
	m := Mutation{ID: MutationID{Member: bob, Seq: 3}, At: 4, Op: OpUnknown{Kind: "of-tomorrow", Body: []byte(`{"A":[1,2]}`)}}
	text, err := EncodeMutation(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeMutation(text)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	if _, err := EncodeMutation(Mutation{Op: OpUnknown{Kind: "x", Body: []byte("{")}}); err == nil {
		t.Error("a body that is no JSON was written")
	}
}

func TestDecodeMutationErrors(t *testing.T) {
	for _, text := range []string{"", "x", "[]", `{"Kind":"vote","Op":"x"}`, `{"Kind":"vote"}`, `{"Kind":"select","Op":{"Candidate":"a b:1"}}`, `{"ID":{"Seq":-1}}`} {
		if m, err := DecodeMutation([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, m)
		}
	}
}

// TestStateRoundTrip: a document with everything in it comes back the same, and
// goes on the same.
func TestStateRoundTrip(t *testing.T) {
	for phase := range phases {
		d, _ := at(t, phase)
		d.must(OpSet{Name: "m", Options: []Option{{Name: "auth-pass", Values: []string{"\x00\xff"}}, {Name: "rename-command", Values: []string{"A", "b"}}}})
		seed := OpMonitor{Name: "seeded", Addr: Addr{"::1", 6379}, Quorum: 1, Settings: DefaultSettings(), Seed: true}
		d.must(seed)
		d.must(OpRemove{Name: "seeded"})
		text := encoded(t, d.s)
		got, err := DecodeState(text)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encoded(t, got), text) {
			t.Errorf("%s came back as %s", text, encoded(t, got))
		}
		if m, _ := got.Master("m"); m.AuthPass != "\x00\xff" || !got.Seeded("seeded") {
			t.Errorf("master %+v", m)
		}
		back := &doc{t: t, s: got, seq: d.seq}
		for _, op := range []Op{OpReset{Names: []string{"m"}}, vote(d, carol, true), OpRemove{Name: "m"}} {
			if a, b := d.do(op), back.do(op); !reflect.DeepEqual(a, b) || !bytes.Equal(encoded(t, d.s), encoded(t, back.s)) {
				t.Errorf("%s: %+v, and after a round trip %+v", Kind(op), a, b)
			}
		}
	}
	empty, err := DecodeState(encoded(t, New()))
	if err != nil || empty.Len() != 0 || empty.MemberCount() != 0 || empty.Schema != firstSchema {
		t.Errorf("the empty document came back as %+v, %v", empty, err)
	}
}

func TestDecodeStateErrors(t *testing.T) {
	for _, text := range []string{
		"", "x", "[]", `{"Schema":"x"}`, `{"Schema":1,"Masters":{}}`,
		`{"Schema":1,"Masters":[{"K":"m","V":null}]}`, `{"Schema":1,"Masters":[{"K":"m","V":{"Name":"n"}}]}`,
		`{"Schema":1,"Members":[{"K":"m","V":{"ID":"n"}}]}`,
	} {
		if s, err := DecodeState([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
	_, err := DecodeState(fmt.Appendf(nil, `{"Schema":%d,"Masters":"of tomorrow"}`, SchemaVersion+1))
	if newer := (ErrNewerSchema{}); !errors.As(err, &newer) || newer.Found != SchemaVersion+1 || !strings.Contains(err.Error(), "start the build") {
		t.Errorf("a newer document: %v", err)
	}
}

// TestSecretsAreHidden: no way of printing shows a password.
func TestSecretsAreHidden(t *testing.T) {
	const password = "tell-nobody"
	settings := DefaultSettings()
	settings.AuthPass = password
	for _, v := range []any{
		Secret(password), settings, &settings, Master{Settings: settings}, OpMonitor{Settings: settings},
		Mutation{Op: OpMonitor{Settings: settings}},
		Option{Name: "Auth-Pass", Values: []string{password}},
		OpSet{Options: []Option{{Name: "auth-pass", Values: []string{password}}}},
		OpConfig{Options: []Option{{Name: SentinelPass, Values: []string{password}}}},
		Mutation{Op: OpSet{Options: []Option{{Name: "auth-pass", Values: []string{password}}}}},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%s", v), fmt.Sprintf("%q", v), log.String()} {
			if strings.Contains(text, password) {
				t.Errorf("%T shows the password: %s", v, text)
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", Secret(password), "none", Secret(""), "option", Option{Name: "quorum", Values: []string{"3"}})
	if want := `secret=****** none="" option="quorum 3"`; !strings.Contains(log.String(), want) {
		t.Errorf("the log says %s, not %s", log.String(), want)
	}
}
