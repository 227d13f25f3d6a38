package commands

import "strings"

// Class is what kind of answer an error is, for protocols that have a code for
// each kind. RESP has only the text.
type Class int8

const (
	// Invalid: the command or its arguments are wrong; the same again is refused
	// again.
	Invalid Class = iota
	// NotFound: there is no master, or no member, of that name.
	NotFound
	// Conflict: the command is right, and what there is at present does not allow
	// it.
	Conflict
	// Unavailable: nothing was done, for want of a majority or of knowledge that is
	// current. The same again may succeed later, or on another node.
	Unavailable
	// Uncertain: a change may have taken effect or may still do so.
	Uncertain
	// Unauthenticated: the client must log in first, or did so wrongly.
	Unauthenticated
	// Forbidden: the client's user may not do this.
	Forbidden
)

// Code is the first word of an error, "ERR" if it has none of its own.
func (e Error) Code() string {
	code, _, _ := strings.Cut(string(e), " ")
	return code
}

// Text is an error without its code.
func (e Error) Text() string {
	_, text, _ := strings.Cut(string(e), " ")
	return text
}

// Class is the kind of the error.
func (e Error) Class() Class {
	switch e.Code() {
	case "NOQUORUM", "IDONTKNOW", "LOADING":
		return Unavailable
	case "UNKNOWN":
		return Uncertain
	case "INPROG", "NOGOODSLAVE":
		return Conflict
	case "NOAUTH", "WRONGPASS":
		return Unauthenticated
	case "NOPERM":
		return Forbidden
	}
	switch {
	case e == errNoSuchMaster || strings.HasPrefix(string(e), noSuchMember):
		return NotFound
	case e == errDuplicate || e == errRemoveSelf || e == errNoMembership || strings.HasPrefix(string(e), nothingChanged):
		return Conflict
	}
	return Invalid
}
