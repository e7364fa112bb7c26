package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"agar/model/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small takes a moment on the portable path too.
var small = sizes{1 << 20, [][3]int{{64, 192, 192}}, [2]int{64, 64}}

// TestRun: every path but the portable one is measured beside its limit, and afterwards
// the path in use is the one from before.
func TestRun(t *testing.T) {
	before := tensor.Kernel()
	rep, err := run(context.Background(), Options{Time: time.Millisecond}, small)
	if err != nil {
		t.Fatal(err)
	}
	if tensor.Kernel() != before || rep.Machine.Path != before || rep.Machine.Read <= 0 {
		t.Errorf("path %s, %+v", tensor.Kernel(), rep.Machine)
	}
	products := map[string]int{}
	for _, r := range rep.Results {
		if r.Value <= 0 {
			t.Errorf("%s on %s: %g", r.Name, r.Path, r.Value)
		}
		if r.Unit == "GFLOP/s" && r.Share != nil {
			products[r.Path]++
		}
	}
	for _, k := range tensor.Kernels() {
		if want := len(small.shapes) + 1; k != "generic" && products[k] != want {
			t.Errorf("%s: %d figures with a share of the limit, expected %d", k, products[k], want)
		}
	}
}

// TestRunStops: a cancelled measurement ends at once.
func TestRunStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Run(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
