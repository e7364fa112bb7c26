package model

import "golang.org/x/sys/unix"

// systemMemory asks sysctl; macOS frees its caches on demand, so three quarters
// of the memory count as available.
func systemMemory() (total, available int64) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0, 0
	}
	return int64(n), int64(n) / 4 * 3
}
