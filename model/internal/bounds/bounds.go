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

// limit is the processor time that a function under Watch may take.
const limit = 30 * time.Second

// Parse runs parse, which reads a file of size bytes, and fails the test when it
// allocates more than PerByte × size + constant bytes or does not end. parse must
// be one that can run again: what is made once in a process is not counted. It
// gives what was allocated.
func Parse(t testing.TB, size int, constant uint64, parse func()) (n uint64) {
	t.Helper()
	Watch(func() {
		most := PerByte*uint64(size) + constant
		n = Allocated(parse)
		if n > most {
			n = min(n, Allocated(parse))
		}
		if n > most {
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

// Watch panics when f takes more than 30 seconds of processor time, so that a fuzzer
// notices.
func Watch(f func()) {
	watch(f, time.Second, limit, func(used time.Duration) {
		panic(fmt.Sprintf("bounds: still running after %v of processor time", used))
	})
}

// watch looks every tick whether f, which has not ended, has used more than most.
func watch(f func(), tick, most time.Duration, stuck func(used time.Duration)) {
	start := cpuTime()
	var ended atomic.Bool
	var timer *time.Timer
	timer = time.AfterFunc(time.Hour, func() {
		switch used := cpuTime() - start; {
		case ended.Load():
			return
		case used > most:
			stuck(used)
		}
		timer.Reset(tick) // may come after Stop, hence ended
	})
	timer.Reset(tick)
	defer func() {
		ended.Store(true)
		timer.Stop()
	}()
	f()
}
