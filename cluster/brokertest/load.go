package brokertest

func testConcurrent(f *fixture) {
	const writers, each = 64, 20
	start := f.broker().State()
	f.concurrently(writers, each)
	s := f.barrierState(0) // some writers were answered by other nodes
	if s.Len() != writers*each {
		f.Fatalf("%d masters, %d were acknowledged", s.Len(), writers*each)
	}
	// Every change has a place of its own, and they are all there.
	r := reader{t: f, doc: start}
	for c := range f.broker().Applied(f.ctx(), start.Index) {
		if r.take(c); c.Index >= s.Index {
			break
		}
	}
	f.sameDocument("what a reader carried along", document(f, r.doc), document(f, s))
}

func testTenThousand(f *fixture) {
	const writers, each = 64, 157 // 10,048
	f.concurrently(writers, each)
	s := f.barrierState(0) // some writers were answered by other nodes
	if s.Len() != writers*each {
		f.Fatalf("%d masters instead of %d", s.Len(), writers*each)
	}
	before := document(f, s)
	f.restartAll()
	f.sameDocument("ten thousand masters after a restart", document(f, f.broker().State()), before)
}
