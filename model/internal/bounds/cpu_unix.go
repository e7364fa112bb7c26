//go:build unix

package bounds

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used of processors; other processes on a busy
// machine, and being stopped, do not count.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
