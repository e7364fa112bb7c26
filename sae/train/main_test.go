package train

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"agar/activations"
	"agar/model/progress"
	"agar/sae/internal/saetest"
)

// childEnv makes the test binary a training process for tests that kill it.
const childEnv = "AGAR_TRAIN_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		slow := func(progress.Event) { time.Sleep(2 * time.Millisecond) }
		if _, err := Run(context.Background(), smallData(), dir, smallOptions(), smallRun(slow)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// smallRows is less than an epoch and a half of smallOptions, so that training
// goes round.
const smallRows = 3000

func smallData() Data {
	w := saetest.NewPlanted(16, 48, 3, 1)
	return FromSeeker(func() (activations.Source, error) { return w.Source(smallRows), nil })
}

func smallOptions() Options {
	return Options{DSAE: 64, K: 3, Tokens: 6400, Batch: 64, LR: 2e-3, Seed: 9, DeadTokens: 200}
}

func smallRun(p progress.Func) RunOptions {
	return RunOptions{Resume: true, HeldOut: 0.1, LogEvery: 1, SnapshotEvery: -1, Progress: p, Metadata: map[string]any{"model_name": "planted"}}
}
