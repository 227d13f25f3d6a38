//go:build !linux

package spawn

import (
	"io"
	"syscall"
)

// attributes has no "kill it when the parent dies" here: a parent that is
// killed leaves its children behind.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Claim claims nothing here; the check by binding a port has to do.
func Claim(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// firstEphemeral is where the range begins that the IANA suggests, which the
// other systems use.
func firstEphemeral() int { return 49152 }
