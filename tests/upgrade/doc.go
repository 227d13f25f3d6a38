// Package upgrade tests that nodes of two versions work together: this one, and
// a pretended next one. That is this source with a kind of mutation, an option, a
// field of the document and a command more, which the Go command lays over it
// (go help build, -overlay); see next_test.go and testdata/next.
//
// The tests of replay run the same log through both builds and compare the
// documents after each entry. The others replace the nodes of a group one by one.
package upgrade
