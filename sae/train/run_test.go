package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agar/activations"
	"agar/activations/job"
	"agar/model/progress"
	"agar/sae"
	"agar/sae/formats"
)

// contents reads what a finished run leaves, all but the empty lock.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if e.Name() == job.LockFile {
			continue
		}
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func same(t *testing.T, what string, got, want map[string][]byte) {
	t.Helper()
	for name, b := range want {
		if !bytes.Equal(got[name], b) {
			t.Errorf("%s: %s differs from the unbroken run's", what, name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: found %d files, expected %d", what, len(got), len(want))
	}
}

func unbroken(t *testing.T) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	rep, err := Run(context.Background(), smallData(), dir, smallOptions(), smallRun(nil))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Tokens != 6400 || rep.Epochs < 2 || rep.Resumed || rep.Finished {
		t.Errorf("report %+v, expected 6400 tokens in over two epochs of a fresh run", rep)
	}
	return contents(t, dir)
}

func TestInterruptedTrainingEndsByteIdentical(t *testing.T) {
	want := unbroken(t)
	dir := filepath.Join(t.TempDir(), "run")
	for _, stop := range []int64{0, 7, 49, 50, 98} {
		ctx, cancel := context.WithCancel(context.Background())
		ro := smallRun(func(e progress.Event) {
			if e.Step == stop {
				cancel()
			}
		})
		ro.SnapshotEvery = time.Hour // the interruption alone saves
		if _, err := Run(ctx, smallData(), dir, smallOptions(), ro); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopping at step %d: found %v, expected context.Canceled", stop, err)
		}
		cancel()
	}
	rep, err := Run(context.Background(), smallData(), dir, smallOptions(), smallRun(nil))
	if err != nil || !rep.Resumed {
		t.Fatalf("report %+v, error %v, expected a resumed run", rep, err)
	}
	same(t, "interrupted", contents(t, dir), want)

	rep, err = Run(context.Background(), smallData(), dir, smallOptions(), smallRun(nil))
	if err != nil || !rep.Finished {
		t.Errorf("resuming a finished run: %+v, %v", rep, err)
	}
	same(t, "resumed when finished", contents(t, dir), want)
}

// Processes are killed outright, wherever that hits.
func TestKilledTrainingEndsByteIdentical(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	want := unbroken(t)
	dir := filepath.Join(t.TempDir(), "run")
	for _, lines := range []int{1, 20, 45} {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		waitForLines(t, filepath.Join(dir, EventsFile), lines)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child finished before it was killed")
		}
	}
	if _, err := Run(context.Background(), smallData(), dir, smallOptions(), smallRun(nil)); err != nil {
		t.Fatal(err)
	}
	got := contents(t, dir)
	delete(got, "x.tmp")
	same(t, "killed", got, want)
}

// waitForLines returns when the file has so many lines.
func waitForLines(t *testing.T, path string, lines int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Count(b, []byte("\n")) >= lines {
			return
		}
	}
	t.Fatalf("%s has fewer than %d lines after half a minute", path, lines)
}

func TestOtherOptionsDoNotResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Run(ctx, smallData(), dir, smallOptions(), smallRun(func(progress.Event) { cancel() }))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o := smallOptions()
	o.K = 4
	if _, err := Run(context.Background(), smallData(), dir, o, smallRun(nil)); err == nil || !strings.Contains(err.Error(), `"k":4`) {
		t.Errorf("resuming with another k gave %v", err)
	}
	fresh := smallRun(nil)
	fresh.Resume = false
	if _, err := Run(context.Background(), smallData(), dir, smallOptions(), fresh); !errors.Is(err, job.ErrNotEmpty) {
		t.Errorf("starting anew in a directory in use gave %v, expected job.ErrNotEmpty", err)
	}
}

func TestFinishedDictionary(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ro := smallRun(nil)
	ro.Evaluate = func(_ context.Context, s *sae.SAE, split Split) (Judgement, error) {
		if split.HeldOut != 300 || split.Cut != 2700 {
			t.Errorf("split %+v, expected the last 300 of 3000 rows held out", split)
		}
		return Judgement{Metadata: map[string]any{"l0": 2.5}, Density: make([]float32, s.DSAE)}, nil
	}
	rep, err := Run(context.Background(), smallData(), dir, smallOptions(), ro)
	if err != nil {
		t.Fatal(err)
	}
	s, err := formats.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"model_name", "l0", "num_dead_features", "seed", "kernel", "training_architecture"} {
		if s.Metadata[key] == nil {
			t.Errorf("cfg.json has no %s", key)
		}
	}
	for i, n := range s.DecoderNorms() {
		if math.Abs(float64(n)-1) > 1e-6 {
			t.Errorf("decoder row %d has norm %v", i, n)
		}
	}
	if s.Arch != sae.ArchJumpReLU || s.Threshold[0] <= 0 {
		t.Errorf("found %s with threshold %v, expected jumprelu above 0", s.Arch, s.Threshold[0])
	}
	if _, err := formats.LoadSparsity(dir); err != nil {
		t.Error(err)
	}
	checkL0(t, s, rep)
}

// The threshold must stand for k: on the data that was trained on, the mean
// number of features is within a tenth of it.
func checkL0(t *testing.T, s *sae.SAE, rep *Report) {
	t.Helper()
	src, err := smallData().Ordered()
	if err != nil {
		t.Fatal(err)
	}
	var rows activations.Rows
	if err := src.Next(context.Background(), &rows, 2700); err != nil {
		t.Fatal(err)
	}
	var c sae.Codes
	s.Encode(&c, rows.X, rows.N)
	if k := float64(rep.Config.K); math.Abs(c.L0()-k) > 0.1*k {
		t.Errorf("L0 %v with a threshold trained for %v", c.L0(), k)
	}
}

func TestLogHasAllSteps(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ro := smallRun(nil)
	ro.LogEvery = 0
	if _, err := Run(context.Background(), smallData(), dir, smallOptions(), ro); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	var first, last progress.Event
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &first), json.Unmarshal([]byte(lines[len(lines)-1]), &last)); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 100 || last.Step != 99 || last.Total != 100 || !(last.Values["loss"] < first.Values["loss"]) {
		t.Errorf("%d lines, the last %+v, expected 100 with a loss below %v", len(lines), last, first.Values["loss"])
	}
}

func TestPermutedSourceSeeks(t *testing.T) {
	d := smallData()
	read := func(from int64) []int64 {
		src, err := d.Shuffled(4)
		if err != nil {
			t.Fatal(err)
		}
		if err := src.(activations.Seeker).SeekRow(from); err != nil {
			t.Fatal(err)
		}
		var rows activations.Rows
		var out []int64
		for {
			err := src.Next(context.Background(), &rows, 700)
			if errors.Is(err, io.EOF) {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, rows.Index...)
		}
	}
	all := read(0)
	if !slices.Equal(read(1234), all[1234:]) {
		t.Error("seeking gives another order")
	}
	slices.Sort(all)
	for i, v := range all {
		if int64(i) != v {
			t.Fatalf("an epoch holds row %d in place %d", v, i)
		}
	}
}

func TestSplitByDocuments(t *testing.T) {
	docs := []int64{0, 0, 0, 1, 1, 2, 3, 3, 3, 4} // of ten rows, stored with index 10·row
	at := func(row int64) (int64, int64, error) { return docs[row], 10 * row, nil }
	for share, want := range map[float64]Split{
		0.2:  {Cut: 90, Trained: 9, HeldOut: 1, Documents: 5, HeldDocs: 1, ordered: 9},
		0.4:  {Cut: 60, Trained: 6, HeldOut: 4, Documents: 5, HeldDocs: 2, ordered: 6},
		0.01: {Cut: 90, Trained: 9, HeldOut: 1, Documents: 5, HeldDocs: 1, ordered: 9},
		-1:   {Cut: 91, Trained: 10, Documents: 5, ordered: 10},
	} {
		got, err := splitBy(10, share, at)
		if err != nil || got != want {
			t.Errorf("holding out %v: %+v, %v, expected %+v", share, got, err, want)
		}
	}
	if _, err := splitBy(10, 1, at); err == nil {
		t.Error("holding out everything gave no error")
	}
}

func TestDefaults(t *testing.T) {
	c, err := Options{DSAE: 4608, K: 32, Tokens: 1_000_000}.Resolve(576)
	if err != nil {
		t.Fatal(err)
	}
	if c.Steps*c.Batch > 1_000_000 || c.Steps < 900 || c.Warmup < 10 || c.DecayStart <= c.Warmup || c.DeadSteps < 8 ||
		c.ThresholdStart >= c.Steps || c.ThresholdBeta <= 0.9 || c.ThresholdBeta > 0.999 {
		t.Errorf("a million tokens give %+v", c)
	}
	long, err := Options{DSAE: 16384, K: 32, Tokens: 1_000_000_000}.Resolve(576)
	if err != nil {
		t.Fatal(err)
	}
	if long.Warmup != 1000 || long.ThresholdStart != 1000 || long.ThresholdBeta != 0.999 || long.LR != 2e-4 || long.DeadSteps != (10_000_000+4095)/4096 {
		t.Errorf("a billion tokens give %+v, expected the reference's defaults", long)
	}
	for name, o := range map[string]Options{
		"no features": {K: 1, Tokens: 1e6}, "k": {DSAE: 4, K: 5, Tokens: 1e6}, "tokens": {DSAE: 4, K: 1, Tokens: 10},
		"batch": {DSAE: 4, K: 1, Tokens: 100, Batch: 1}, "lr": {DSAE: 4, K: 1, Tokens: 1e6, LR: -1},
	} {
		if _, err := o.Resolve(8); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBoundDoesNotChangeTheSelection(t *testing.T) {
	get := golden(t)
	c := goldenConfig()
	x := get("x")[:c.Batch*c.DIn]
	var want sae.Codes
	for i, bound := range []float32{0, 1e-3, 0.5, 100} {
		tr := start(get, c)
		tr.bound = bound
		tr.centre(x)
		tr.choose()
		if i == 0 {
			want = tr.codes
		}
		if !slices.Equal(tr.codes.Index, want.Index) || !slices.Equal(tr.codes.Value, want.Value) {
			t.Errorf("a bound of %v changes what is kept", bound)
		}
	}
}
