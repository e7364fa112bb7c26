package tensor

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Parallel calls f(0) … f(n−1), each once, on up to GOMAXPROCS goroutines, the
// caller's among them, and returns when all are done. Indices are handed out in
// rising order. A panic in f stops the handing out and is raised again on the
// calling goroutine. Calls may nest; inside f prefer MatMulSerial.
func Parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	t := teams.Get().(*team)
	t.f, t.n = f, int64(n)
	t.next.Store(0)
	t.failed.Store(nil)
	t.wg.Add(workers)
	for range workers - 1 {
		go t.body()
	}
	t.body()
	t.wg.Wait()
	t.f = nil
	failed := t.failed.Load()
	teams.Put(t)
	if failed != nil {
		panic(failed.value)
	}
}

// team is the shared state of one Parallel call. body is bound once, so that
// starting a goroutine on a pooled team allocates nothing.
type team struct {
	f      func(i int)
	n      int64
	next   atomic.Int64
	failed atomic.Pointer[failure]
	wg     sync.WaitGroup
	body   func()
}

// failure holds the value of a panic.
type failure struct{ value any }

var teams = sync.Pool{New: func() any {
	t := new(team)
	t.body = t.work
	return t
}}

// work takes indices until there are no more or another worker has panicked.
func (t *team) work() {
	defer t.wg.Done()
	defer func() {
		if v := recover(); v != nil {
			t.failed.CompareAndSwap(nil, &failure{v})
			t.next.Store(t.n)
		}
	}()
	for {
		i := t.next.Add(1) - 1
		if i >= t.n {
			return
		}
		t.f(int(i))
	}
}
