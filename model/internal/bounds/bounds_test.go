package bounds

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// recorder is a test that is allowed to fail.
type recorder struct {
	testing.TB
	failed string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = format
}

var sink []byte

// TestParse: twice the bound is noticed, half of it is not.
func TestParse(t *testing.T) {
	for size, bad := range map[int]bool{1 << 10: true, 1 << 14: false} {
		r := &recorder{TB: t}
		n := Parse(r, size, 1<<14, func() { sink = make([]byte, 64<<10) })
		if n < 64<<10 || n > 128<<10 || strings.Contains(r.failed, "allocated") != bad {
			t.Errorf("%d bytes for a file of %d: %q", n, size, r.failed)
		}
	}
}

// TestCPUTime: it grows with work.
func TestCPUTime(t *testing.T) {
	start, x := cpuTime(), uint64(1)
	for cpuTime() == start {
		for range 1 << 20 {
			x = x*6364136223846793005 + 1
		}
	}
	if cpuTime() < start || x == 0 {
		t.Errorf("from %v to %v", start, cpuTime())
	}
}

// burn uses d of the processor.
func burn(d time.Duration) {
	for start := cpuTime(); cpuTime()-start < d; {
	}
}

// TestWatch: what takes too long is noticed; what ended just when it was looked at
// is left alone, however long the process goes on.
func TestWatch(t *testing.T) {
	var n atomic.Int32
	stuck := func(time.Duration) { n.Add(1) }
	const tick, most = time.Millisecond, 10 * time.Millisecond
	if watch(func() { burn(5 * most) }, tick, most, stuck); n.Load() == 0 {
		t.Error("not noticed")
	}
	n.Store(0)
	for range 200 {
		watch(func() { time.Sleep(tick) }, tick, most, stuck)
	}
	if burn(5 * most); n.Load() != 0 {
		t.Errorf("noticed %d times after the end", n.Load())
	}
}
