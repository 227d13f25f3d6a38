package state

const (
	windowWords = 16
	// windowReach is how far apart two mutations of one member may arrive out
	// of order. It is a word less than the bitmap: Top's own word is only
	// partly filled, and the numbers one whole bitmap below it would share it.
	windowReach = (windowWords - 1) * 64
)

// window remembers which of a member's mutation numbers were applied: all up to
// Top are within the bitmap or too old to be accepted. (The sliding window of
// RFC 6479.)
type window struct {
	Top  uint64
	Bits [windowWords]uint64
}

// add records seq and reports whether it is new.
func (w *window) add(seq uint64) bool {
	if seq == 0 || w.Top >= windowReach && seq <= w.Top-windowReach {
		return false
	}
	if seq > w.Top {
		w.advance(seq)
	}
	word, bit := seq/64%windowWords, uint64(1)<<(seq%64)
	fresh := w.Bits[word]&bit == 0
	w.Bits[word] |= bit
	return fresh
}

// advance moves Top up to seq and clears the words that come into reach.
func (w *window) advance(seq uint64) {
	for word := w.Top/64 + 1; word <= seq/64; word++ {
		w.Bits[word%windowWords] = 0
		if word-w.Top/64 >= windowWords {
			break // all cleared
		}
	}
	w.Top = seq
}

// remember files a mutation's id and reports whether it is new.
func (d *draft) remember(id MutationID) bool {
	w, _ := d.seen.get(string(id.Member))
	if id.Member == "" || !w.add(id.Seq) {
		return false
	}
	d.seen = d.seen.with(string(id.Member), w)
	return true
}
