package train

import (
	"context"
	"os"
	"testing"

	"agar/activations"
	"agar/sae/internal/saetest"
)

// planted trains on a world and says how much of it was found.
func planted(t *testing.T, w *saetest.Planted, o Options) (saetest.Recovery, Stats) {
	t.Helper()
	c, err := o.Resolve(w.D)
	if err != nil {
		t.Fatal(err)
	}
	tr := New(c)
	src := w.Source(int64(c.Steps) * int64(c.Batch))
	var rows activations.Rows
	var last Stats
	for range c.Steps {
		if err := src.Next(context.Background(), &rows, c.Batch); err != nil {
			t.Fatal(err)
		}
		last = tr.Step(rows.X)
		if last.Step%max(c.Steps/10, 1) == 0 {
			t.Logf("step %d: mse %.4f ev %.4f dead %d grad %.3f threshold %.4f", last.Step, last.MSE, last.EV, last.Dead, last.GradNorm, last.Threshold)
		}
	}
	return w.Recovered(tr.wDec, 1e-4), last
}

// The full world of a million-token run: AGAR_PLANTED=full, some minutes.
func TestPlantedDictionaryFull(t *testing.T) {
	if os.Getenv("AGAR_PLANTED") != "full" {
		t.Skip("AGAR_PLANTED is not set to full")
	}
	w := saetest.NewPlanted(128, 1024, 8, 3)
	got, last := planted(t, w, Options{DSAE: 1024, K: 8, Tokens: 6_000_000, Batch: 2048, LR: 1e-3, Seed: 1, RawScale: true})
	t.Logf("recovered %+v, %+v", got, last)
}
