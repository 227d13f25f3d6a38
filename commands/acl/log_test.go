package acl

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	start := time.Unix(1000, 0)
	l := NewLog(12)
	add := func(after time.Duration, object string) {
		l.Add(start.Add(after), Entry{Reason: "command", Object: object, User: "bob", Client: after.String()})
	}
	show := func() string {
		var texts []string
		for _, e := range l.Last(100) {
			texts = append(texts, fmt.Sprintf("%d:%s*%d(%v-%v %s)", e.ID, e.Object, e.Count, e.Created.Sub(start), e.Updated.Sub(start), e.Client))
		}
		return strings.Join(texts, " ")
	}
	add(0, "a")
	add(time.Second, "b")
	add(2*time.Second, "a")
	if got, want := show(), "0:a*2(0s-2s 2s) 1:b*1(1s-1s 1s)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	add(62*time.Second, "a") // within a minute of the last time
	add(62*time.Second, "b") // and not
	if got, want := show(), "2:b*1(1m2s-1m2s 1m2s) 0:a*3(0s-1m2s 1m2s) 1:b*1(1s-1s 1s)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	l.Reset()
	for i := range 13 {
		add(time.Hour, fmt.Sprint("x", i))
	}
	add(time.Hour, "x2") // eleventh from the top: too far down to be found
	add(time.Hour, "x5") // the tenth
	entries := l.Last(100)
	if len(entries) != 12 || entries[0].Object != "x5" || entries[0].Count != 2 || entries[1].Object != "x2" || entries[1].Count != 1 {
		t.Errorf("%d entries: %s", len(entries), show())
	}
	if len(l.Last(-1)) != 0 || len(l.Last(2)) != 2 {
		t.Error("Last returns a wrong number")
	}
	none := NewLog(0)
	if none.Add(start, Entry{}); len(none.Last(1)) != 0 {
		t.Error("a log for nothing keeps something")
	}
}
