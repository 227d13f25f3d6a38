package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"
)

// An ear is a subscription to the channel on which Sentinels greet each other,
// at one master. Like a link it decides nothing and never tries anything twice:
// it connects once, reports greetings, and reports its end. One goroutine,
// blocked in a read; TCP's keep-alive ends it when the host is gone, so there is
// no timer either.
type ear struct {
	cfg   linkConfig
	names names
	stop  context.CancelFunc
}

// errNotAllowed is what a subscription ends with when the server refuses it.
var errNotAllowed = errors.New("the server does not let us subscribe")

// openEar subscribes. heard takes what is published, ended why it is over; both
// are called from the ear's goroutine and must not block. After close, neither
// is called any more, except for one that is at this moment.
func openEar(cfg linkConfig, heard func(text string), ended func(error)) *ear {
	ctx, stop := context.WithCancel(context.Background())
	e := &ear{cfg: cfg, names: newNames(cfg.Addr.Host, cfg.Resolve), stop: stop}
	e.names.remember(cfg.IP)
	go func() {
		err := e.listen(ctx, func(text string) {
			if ctx.Err() == nil {
				heard(text)
			}
		})
		e.names.close()
		if ctx.Err() == nil {
			ended(err)
		}
		stop()
	}()
	return e
}

// close ends the subscription; it does not block.
func (e *ear) close() { e.stop() }

// listen returns why the subscription ended.
func (e *ear) listen(ctx context.Context, heard func(string)) error {
	dialing, done := context.WithTimeout(ctx, e.cfg.ConnectTimeout)
	conn, err := e.names.dial(dialing, e.cfg.Addr.Port, e.cfg.Dial)
	done()
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })()
	replies, err := e.subscribe(conn)
	if err != nil {
		return err
	}
	return e.read(&frames{src: conn}, replies, heard)
}

// read takes the replies to the handshake in, and then what is published.
func (e *ear) read(f *frames, replies int, heard func(string)) error {
	for ; ; replies-- {
		if err := f.wait(); err != nil {
			return closedBy(err)
		}
		value, err := receive(f)
		var refusal redis.Error
		if err != nil && !errors.As(err, &refusal) {
			return fmt.Errorf("reply cut off or unreadable: %w", err)
		}
		message, isMessage := value.([]any)
		switch {
		case replies > 1: // AUTH and CLIENT SETNAME: what follows tells whether they matter
		case !isMessage:
			return fmt.Errorf("%w: %.100q", errNotAllowed, hideIn(refusal, e.cfg.Pass))
		case replies < 1:
			hear(message, heard)
		}
	}
}

// subscribe writes the handshake and returns how many replies it has; the last
// is that to SUBSCRIBE.
func (e *ear) subscribe(conn net.Conn) (int, error) {
	w := borrowCodec()
	defer w.giveBack()
	greet(w, &e.cfg)
	w.ask(question{command: askSubscribe}, e.cfg.Rename("SUBSCRIBE"), helloChannel)
	if err := conn.SetWriteDeadline(time.Now().Add(e.cfg.WriteTimeout)); err != nil {
		return 0, err
	}
	_, err := conn.Write(w.encoded())
	return len(w.questions), err
}

// hear passes a published message on.
func hear(message []any, heard func(string)) {
	if len(message) != 3 {
		return
	}
	kind, _ := message[0].([]byte)
	text, ok := message[2].([]byte)
	if ok && string(kind) == "message" {
		heard(string(text))
	}
}
