// Package arch holds the architecture to its word: which package may import
// which, where each outside library is at home, and which calls are forbidden
// where. The rules, each with its reason, are in rules.go; the test reads the
// source of the whole module and reports every line that breaks one.
//
// It looks at the syntax alone: without types a pass over the module takes a
// fraction of a second, files behind build tags are seen too, and source that
// does not compile yet is judged as well.
package arch
