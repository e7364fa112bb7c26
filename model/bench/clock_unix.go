//go:build unix

package bench

import (
	"syscall"
	"time"
)

// clock is how long this process has run on processors: on a machine with other work
// that is what its kernels took.
func clock() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return time.Since(start)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var start = time.Now()
