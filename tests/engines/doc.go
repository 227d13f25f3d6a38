// Package engines shows that servers which speak Redis's protocol and are not
// Redis are watched and failed over too. docs/ENGINES.md is its summary.
package engines
