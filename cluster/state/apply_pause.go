package state

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// A pause keeps redis-failover's hands off one group: no failover begins by
// itself, no replica is sent back to its master. The group is watched and voted
// on as always, a failover that runs is finished, and one that a person asks for
// begins. It is for maintenance by hand, and for those who want a person to look
// after a failover that failed (Settings.StopAfterFailure).
//
// Its end is judged by the members' monotonic clocks, like every wait: whoever
// has seen it stand for its whole length proposes to end it. So a clock that is
// wrong ends nothing early; and if all members restart meanwhile, the length is
// counted anew.

// pauseSchema is the schema that brought in pauses.
const pauseSchema = 2

// Pause is why the hands are off.
type Pause struct {
	// Number tells this pause from later ones of the same master.
	Number uint64
	// By is who asked, for people: a user and an address, or redis-failover.
	By string
	// Why is the reason in that person's words, "" for none.
	Why string
	// Since is when it was asked for.
	Since Time
	// For is how long it lasts, in whole milliseconds; 0 is until somebody resumes.
	For time.Duration
	// Failed is the epoch of the failover whose failure brought it about, 0 if a
	// person did.
	Failed Epoch `json:",omitempty"`
}

// String is the pause in words: by whom, how long, why.
func (p *Pause) String() string {
	text := "by " + p.By
	if p.For > 0 {
		text += " for " + p.For.String()
	} else {
		text += " until resumed"
	}
	if p.Why != "" {
		text += ": " + p.Why
	}
	return text
}

// MaxPause is the longest pause that ends by itself: a month.
const MaxPause = 31 * 24 * time.Hour

// maxPauseText bounds what a person may say in a pause, in bytes.
const maxPauseText = 256

func (d *draft) pause(op OpPause) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	if fault := checkPause(op); fault != "" {
		d.refuse(RefusedInvalid, "%s", fault)
		return
	}
	d.setPause(m, Pause{By: op.By, Why: op.Why, For: op.For})
}

// checkPause says what is wrong with a pause, "" if nothing is.
func checkPause(op OpPause) string {
	switch {
	case op.For < 0 || op.For > MaxPause || op.For%time.Millisecond != 0:
		return fmt.Sprintf("a pause lasts up to %s, in whole milliseconds, or 0 for until it is resumed; not %s", MaxPause, op.For)
	case !isPauseText(op.By) || !isPauseText(op.Why):
		return fmt.Sprintf("who pauses and why is said in up to %d bytes of text on one line", maxPauseText)
	}
	return ""
}

func isPauseText(s string) bool {
	if len(s) > maxPauseText || !utf8.ValidString(s) {
		return false
	}
	for _, b := range []byte(s) {
		if b < 0x20 || b == 0x7f {
			return false
		}
	}
	return true
}

// setPause begins a pause, in place of one that stands.
func (d *draft) setPause(m *Master, p Pause) {
	p.Number, p.Since = uint64(d.Index), d.at
	m.Pause = &p
	m.dropRepairs()
	d.emit(Warning, EventPause, m.Name, d.details(m)+" "+p.String())
}

func (d *draft) resume(op OpResume) {
	m := d.edit(op.Name)
	switch {
	case m == nil:
	case m.Pause == nil && op.Number == 0:
		d.out.Unchanged = true
	case m.Pause == nil || op.Number != 0 && op.Number != m.Pause.Number:
		d.refuse(RefusedStale, "pause %d of %q does not stand", op.Number, op.Name)
	case !isPauseText(op.By):
		d.refuse(RefusedInvalid, "who resumes is said in up to %d bytes of text on one line", maxPauseText)
	default:
		if m.Pause.Failed != 0 {
			m.RetryNow = true // the person has looked
		}
		m.Pause = nil
		d.emit(Warning, EventResume, m.Name, d.details(m)+" by "+op.By)
	}
}

// stop pauses a group whose failover failed, if that is asked for.
func (d *draft) stop(m *Master, f *Failover, reason string) {
	if m.StopAfterFailure && f.Kind == Auto {
		d.setPause(m, Pause{By: "redis-failover", Failed: f.Epoch, Why: shorten(fmt.Sprintf("failover of epoch %d failed: %s", f.Epoch, reason))})
	}
}

// shorten cuts a text to what a pause may say.
func shorten(s string) string {
	if len(s) <= maxPauseText {
		return s
	}
	cut := maxPauseText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
