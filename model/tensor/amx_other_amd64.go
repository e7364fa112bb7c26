//go:build !noasm && !linux

package tensor

// hasAMX is false where it is not known how a process gets to use tiles.
func hasAMX() bool { return false }
