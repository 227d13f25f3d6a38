package commands

// Match reports whether s matches a glob pattern of Redis: * and ? stand for
// any bytes and any byte, [ab], [a-c] and [^a] for classes, \ takes the
// meaning from the next byte. Case matters. It is Redis's own dialect to the
// last corner (an unclosed class ends with the pattern, "*" does not match the
// empty string), because patterns are part of what clients rely on.
//
// Redis tries every position for every star; this looks back to the last star
// only, which finds the same matches because every other element stands for
// exactly one byte. So the work is at most len(pattern)*len(s), however the
// pattern was made.
func Match(pattern, s string) bool {
	if s == "" {
		return pattern == ""
	}
	p, i := 0, 0
	star, resume := -1, 0 // the element after the last star, and where it was tried
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, resume = p, i
			continue
		}
		if p < len(pattern) {
			if next, ok := matchByte(pattern, p, s[i]); ok {
				p, i = next, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume++
		p, i = star, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte matches the element at pattern[p], which is no star, and returns
// where the next one begins.
func matchByte(pattern string, p int, b byte) (next int, ok bool) {
	switch {
	case pattern[p] == '?':
		return p + 1, true
	case pattern[p] == '[':
		return matchClass(pattern, p+1, b)
	case pattern[p] == '\\' && p+1 < len(pattern):
		p++
	}
	return p + 1, pattern[p] == b
}

// matchClass matches a class whose inside begins at pattern[p].
func matchClass(pattern string, p int, b byte) (next int, ok bool) {
	negated := p < len(pattern) && pattern[p] == '^'
	if negated {
		p++
	}
	for p < len(pattern) && pattern[p] != ']' {
		low, high := pattern[p], pattern[p]
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			low, high = pattern[p], pattern[p]
		case p+2 < len(pattern) && pattern[p+1] == '-':
			high = pattern[p+2]
			p += 2
		}
		if min(low, high) <= b && b <= max(low, high) {
			ok = true
		}
		p++
	}
	return min(p+1, len(pattern)), ok != negated
}
