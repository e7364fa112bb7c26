package activations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agar/activations/blob"
	"agar/activations/job"
	"agar/activations/manifest"
)

// killDocs and killOptions are the capture that the kill tests interrupt: some
// 50 forwards of 2 ms into 20 shards.
const killDocs = 120

func killRunner() *fakeRunner {
	r := newFake()
	r.pause = 2 * time.Millisecond
	return r
}

// captureUntilKilled is the process that the kill tests start.
func captureUntilKilled(dir string) {
	o := fakeOptions(dir)
	o.Resume = true
	if _, err := Capture(context.Background(), killRunner(), fakeDocs(killDocs), o); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func TestKilledAndResumedIsIdentical(t *testing.T) {
	killAndResume(t, 4)
}

func TestLiveTwentyKills(t *testing.T) {
	if os.Getenv("AGAR_MODELS") == "" {
		t.Skip("AGAR_MODELS is not set: four kills have to do")
	}
	killAndResume(t, 20)
}

// killAndResume kills the capture n times at random moments, each in a fresh
// directory, resumes it, and compares all bytes with those of an unbroken one.
func killAndResume(t *testing.T, n int) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(t.TempDir(), "want")
	began := time.Now()
	mustCapture(t, fakeOptions(want), killRunner(), fakeDocs(killDocs))
	whole := time.Since(began)
	rng := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	stages := map[string]int{}
	for range n {
		dir := filepath.Join(t.TempDir(), "out")
		c := exec.Command(exe)
		c.Env = append(os.Environ(), "ACTIVATIONS_TEST_CAPTURE="+dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Float64() * 1.2 * float64(whole)))
		_ = c.Process.Kill()
		_ = c.Wait()
		stages[stage(dir)]++
		o := fakeOptions(dir)
		o.Resume = true
		mustCapture(t, o, newFake(), fakeDocs(killDocs))
		sameFiles(t, want, dir)
	}
	t.Logf("killed at: %v", stages)
}

// stage says how far a killed capture was.
func stage(dir string) string {
	shards, _ := blob.Dir(dir).List("shard-")
	tmp, _ := filepath.Glob(filepath.Join(dir, "shard-*.tmp"))
	_, unstarted := os.Stat(filepath.Join(dir, stateName))
	_, unfinished := os.Stat(filepath.Join(dir, manifest.Name))
	switch {
	case unfinished == nil:
		return "end"
	case unstarted != nil:
		return "start"
	case len(tmp) > 0:
		return fmt.Sprintf("inside a shard after %d", len(shards)/5*5)
	}
	return fmt.Sprintf("between shards after %d", len(shards)/5*5)
}

// TestDeadAtEveryStep stands for kills at moments too short to hit: it stops the
// capture at every commit, before it and behind it, leaves the files as a dead
// process would, and resumes.
func TestDeadAtEveryStep(t *testing.T) {
	want := filepath.Join(t.TempDir(), "want")
	mustCapture(t, fakeOptions(want), newFake(), fakeDocs(20))
	for step := 0; ; step++ {
		dir := filepath.Join(t.TempDir(), "out")
		o := fakeOptions(dir)
		d := &deadly{Store: blob.Dir(dir), left: step}
		o.Blob = d
		_, err := Capture(context.Background(), newFake(), fakeDocs(20), o)
		if err == nil {
			if step < 8 {
				t.Errorf("found only %d steps", step)
			}
			return
		}
		if !errors.Is(err, errDead) {
			t.Fatal(err)
		}
		o.Blob, o.Resume = nil, true
		mustCapture(t, o, newFake(), fakeDocs(20))
		sameFiles(t, want, dir)
	}
}

var errDead = errors.New("dead")

// deadly is a store whose process dies after some changes: from then on nothing
// changes any more, not even by cleaning up.
type deadly struct {
	blob.Store
	left int
}

func (d *deadly) step() error {
	if d.left == 0 {
		return errDead
	}
	d.left--
	return nil
}

func (d *deadly) Create(name string) (blob.Writer, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	w, err := d.Store.Create(name)
	return &deadlyWriter{w, d}, err
}

func (d *deadly) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Store.Remove(name)
}

type deadlyWriter struct {
	blob.Writer
	d *deadly
}

func (w *deadlyWriter) Commit() error {
	if err := w.d.step(); err != nil {
		return err
	}
	return w.Writer.Commit()
}

func (w *deadlyWriter) Abort() error { return nil } // the .tmp file stays

func TestResumeOfAbsentStartsAndOfFinishedChangesNothing(t *testing.T) {
	want, dir := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "out")
	mustCapture(t, fakeOptions(want), newFake(), fakeDocs(20))
	o := fakeOptions(dir)
	o.Resume = true
	if r := mustCapture(t, o, newFake(), fakeDocs(20)); r.Resumed {
		t.Error("a start says that it resumed")
	}
	sameFiles(t, want, dir)
	before, err := os.Stat(filepath.Join(dir, manifest.Name))
	if err != nil {
		t.Fatal(err)
	}
	fake := newFake()
	r := mustCapture(t, o, fake, fakeDocs(20))
	after, err := os.Stat(filepath.Join(dir, manifest.Name))
	if err != nil || !after.ModTime().Equal(before.ModTime()) || fake.calls > 0 || !r.Resumed || r.TokensPerSec != nil || r.Bytes == 0 {
		t.Errorf("a finished capture was touched: %d forwards, %+v, %v", fake.calls, r, err)
	}
	sameFiles(t, want, dir)
	o.Resume = false
	if _, err := Capture(context.Background(), newFake(), fakeDocs(20), o); !errors.Is(err, job.ErrNotEmpty) {
		t.Errorf("without --resume: found %v", err)
	}
	sameFiles(t, want, dir)
}

func TestResumeNamesWhatDiffers(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	o := fakeOptions(base)
	fake := newFake()
	fake.after = func(call int) error {
		if call == 20 {
			return errDead
		}
		return nil
	}
	o.DType = F16
	if _, err := Capture(context.Background(), fake, fakeDocs(60), o); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	if found, _ := blob.Dir(base).List("shard-"); len(found) < 2 {
		t.Fatalf("found %v, expected some shards", found)
	}
	for _, c := range []struct {
		name, want string
		change     func(*CaptureOptions, *sliceDocs)
	}{
		{"context", "config ctx: 16 there, 20 here", func(o *CaptureOptions, _ *sliceDocs) { o.Context = 20 }},
		{"hooks", `config hooks: ["blocks.0.hook_resid_post","blocks.1.hook_mlp_out"] there`, func(o *CaptureOptions, _ *sliceDocs) { o.Hooks = []string{o.Hooks[1], o.Hooks[0]} }},
		{"dtype", `config dtype: "f16" there, "auto" here`, func(o *CaptureOptions, _ *sliceDocs) { o.DType = Auto }},
		{"model", "model: none there", func(o *CaptureOptions, _ *sliceDocs) { o.Model = manifest.Ref{Path: "/m", SHA256: "1"} }},
		{"kernel", `kernel: "fake" there, "other" here (--force`, func(o *CaptureOptions, _ *sliceDocs) { o.Kernel = "other" }},
		{"option of the caller", "config chat: null there, true here", func(o *CaptureOptions, _ *sliceDocs) { o.Config = map[string]any{"chat": true} }},
		{"data", "not the data that was captured", func(_ *CaptureOptions, d *sliceDocs) { d.docs[2].IDs[0] = 49 }},
		{"less data", "the data ends before", func(_ *CaptureOptions, d *sliceDocs) { d.docs = d.docs[:2] }},
		{"damage", "shard-000001.arrow", func(o *CaptureOptions, _ *sliceDocs) {
			if err := os.Truncate(filepath.Join(o.Dir, "shard-000001.arrow"), 1000); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		o, docs := fakeOptions(dir), fakeDocs(60)
		o.Resume, o.DType = true, F16
		c.change(&o, docs)
		_, err := Capture(context.Background(), newFake(), docs, o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
	}
}

func TestForceGoesOnWithAnotherKernel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	o := fakeOptions(dir)
	fake := newFake()
	fake.after = func(call int) error {
		if call == 20 {
			return errDead
		}
		return nil
	}
	o.DType = F16
	if _, err := Capture(context.Background(), fake, fakeDocs(40), o); !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	o.Resume, o.Force, o.Kernel = true, true, "other"
	mustCapture(t, o, newFake(), fakeDocs(40))
	if k := mustOpen(t, dir).Manifest().Kernel; k != "fake,other" {
		t.Errorf("the manifest names the kernel %q, expected fake,other", k)
	}
}

func TestForeignDirectoryIsNotResumed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	o := fakeOptions(dir)
	o.Resume = true
	if _, err := Capture(context.Background(), newFake(), fakeDocs(5), o); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("found %v", err)
	}
}

func TestStopThroughControl(t *testing.T) {
	want, dir := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "out")
	mustCapture(t, fakeOptions(want), newFake(), fakeDocs(40))
	o := fakeOptions(dir)
	stop := func() {
		if err := os.WriteFile(filepath.Join(dir, job.ControlFile), []byte(`{"op":"stop"}`+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o.Planned = func(Plan) error { stop(); return nil }
	if _, err := Capture(context.Background(), newFake(), fakeDocs(40), o); !errors.Is(err, job.ErrStopped) {
		t.Fatalf("found %v", err)
	}
	o.Planned, o.Resume = nil, true
	mustCapture(t, o, newFake(), fakeDocs(40))
	sameFiles(t, want, dir)
}
