// Package bounds bounds what a parser may do with any bytes at all: the memory that
// it allocates and the time that it takes. Tests and fuzz targets use it.
package bounds

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// PerByte is how many bytes a parser may allocate for a byte of its file, those
// that it frees again included.
const PerByte = 8

// A function under Watch may take this many ticks. A process that is stopped or
// starved for long counts few of them.
const (
	tick  = 100 * time.Millisecond
	ticks = 300
)

// Parse runs parse, which reads a file of size bytes, and fails the test when it
// allocates more than PerByte × size + constant bytes or does not end. parse must
// be one that can run again: what is made once in a process is not counted. It
// gives what was allocated.
func Parse(t testing.TB, size int, constant uint64, parse func()) (n uint64) {
	t.Helper()
	Watch(func() {
		limit := PerByte*uint64(size) + constant
		n = Allocated(parse)
		if n > limit {
			n = min(n, Allocated(parse))
		}
		if n > limit {
			t.Fatalf("%d bytes allocated for a file of %d, expected at most %d × %d + %d", n, size, PerByte, size, constant)
		}
	})
	return n
}

// Allocated is how many bytes f allocates, more or less what other goroutines do.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Watch panics when f takes longer than 30 seconds, so that a fuzzer notices.
func Watch(f func()) {
	var n atomic.Int32
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		if n.Add(1) > ticks {
			panic(fmt.Sprintf("bounds: still running after %v", ticks*tick))
		}
		timer.Reset(tick)
	})
	timer.Reset(tick)
	defer timer.Stop()
	f()
}
