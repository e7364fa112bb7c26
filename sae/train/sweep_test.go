package train

import (
	"os"
	"strconv"
	"testing"

	"agar/sae/internal/saetest"
)

func TestSweep(t *testing.T) {
	if os.Getenv("SWEEP") == "" {
		t.Skip()
	}
	f := func(n string, d float64) float64 {
		if v, err := strconv.ParseFloat(os.Getenv(n), 64); err == nil {
			return v
		}
		return d
	}
	w := saetest.NewPlanted(int(f("D", 128)), int(f("N", 1024)), f("L0", 4), 3)
	got, last := planted(t, w, Options{DSAE: int(f("F", f("N", 1024))), K: int(f("K", 4)), Tokens: int64(f("TOK", 3e6)), Batch: int(f("B", 2048)), LR: f("LR", 1e-3), Seed: 1, RawScale: f("RAW", 1) > 0,
		AuxK: int(f("AUXK", 0)), AuxAlpha: f("ALPHA", 0), Warmup: int(f("WARM", 0)), DeadTokens: int64(f("DEAD", 0))})
	t.Logf("recovered %+v, %+v", got, last)
}
