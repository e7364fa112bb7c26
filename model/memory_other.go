//go:build !linux && !darwin && !windows

package model

// systemMemory is not known here, so nothing is refused.
func systemMemory() (total, available int64) { return 0, 0 }
