package fault

import "strings"

// maxNameLength bounds the work of Nearest; no known name is nearly as long.
const maxNameLength = 64

// minPrefix is how much of a name must be there for a guess by its beginning.
const minPrefix = 4

// Nearest returns the known name that a mistyped one most likely stands for:
// few letters differ, or it is the beginning of the known one. It is "" if none
// is close. Upper case, '-' and '_' make no difference.
func Nearest(name string, known []string) string {
	if len(name) > maxNameLength {
		return ""
	}
	name = fold(name)
	allowed := min(1+len(name)/4, 4)
	best, bestDistance := "", allowed+1
	for _, k := range known {
		if d := likeness(name, fold(k), allowed); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// likeness is the distance of two names, above allowed if it is more than that.
// The beginning of a name is at most allowed away from it.
func likeness(name, known string, allowed int) int {
	switch {
	case len(name) >= minPrefix && strings.HasPrefix(known, name):
		return min(len(known)-len(name), allowed)
	case max(len(name)-len(known), len(known)-len(name)) > allowed:
		return allowed + 1
	}
	return distance(name, known)
}

// DidYouMean is the remedy for an unknown name: the nearest known one, or
// otherwise what the caller says instead.
func DidYouMean(name string, known []string, otherwise string) string {
	if n := Nearest(name, known); n != "" {
		return "Did you mean " + n + "?"
	}
	return otherwise
}

func fold(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// distance is how many bytes must be inserted, removed, replaced or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row = old, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := old[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, old[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
