package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// BenchmarkLookup asks for a master's address over loopback, one question at a
// time and in pipelines.
func BenchmarkLookup(b *testing.B) {
	question := crlf("*3|$8|SENTINEL|$23|GET-MASTER-ADDR-BY-NAME|$8|mymaster|")
	answer := crlf("*2|$9|127.0.0.1|$4|6379|")
	for _, depth := range []int{1, 16, 100} {
		b.Run(fmt.Sprintf("pipeline=%d", depth), func(b *testing.B) {
			s := start(b, nil)
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				w, r := bufio.NewWriter(c), bufio.NewReader(c)
				got := make([]byte, len(answer))
				for asked := 0; ; {
					more := pb.Next()
					if more {
						_, _ = w.WriteString(question) // Flush reports it
						asked++
					}
					if more && asked < depth {
						continue
					}
					if err := w.Flush(); err != nil {
						b.Error(err)
						return
					}
					for ; asked > 0; asked-- {
						if _, err := io.ReadFull(r, got); err != nil || string(got) != answer {
							b.Errorf("%q, %v", got, err)
							return
						}
					}
					if !more {
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
		})
	}
}

// BenchmarkFanOut publishes events to 1,000 subscribers until all have all.
// "publish" is what the publisher waits.
func BenchmarkFanOut(b *testing.B) {
	const count = 1000
	s := start(b, nil)
	e := event("+switch-master", "mymaster 127.0.0.1 6379 127.0.0.1 6380")
	size := len(newMessage("message", e.Name, e.Payload).encoded(2))
	var heard sync.WaitGroup
	for range count {
		c := dial(b, s)
		if err := c.SetDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
		c.do("SUBSCRIBE +switch-master", "*3|$9|subscribe|$14|+switch-master|:1|")
		heard.Go(func() {
			if _, err := io.CopyN(io.Discard, c.r, int64(size)*int64(b.N)); err != nil {
				b.Error(err)
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		s.Publish(e)
	}
	published := b.Elapsed()
	heard.Wait()
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(published.Nanoseconds())/float64(b.N), "publish-ns/op")
}
