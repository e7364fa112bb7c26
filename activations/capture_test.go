package activations

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agar/activations/blob"
	"agar/activations/blob/blobtest"
	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model/progress"
)

// files reads a directory, names to contents.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// sameFiles compares two directories byte by byte; the directory's name in the
// manifest's command is made equal first.
func sameFiles(t testing.TB, a, b string) {
	t.Helper()
	x, y := files(t, a), files(t, b)
	for name := range x {
		if _, ok := y[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name, want := range x {
		want = strings.ReplaceAll(want, a, "DIR")
		if got := strings.ReplaceAll(y[name], b, "DIR"); got != want {
			t.Errorf("%s: found %d bytes, expected %d equal ones", name, len(got), len(want))
			if strings.HasSuffix(name, ".json") {
				t.Errorf("found %s\nexpected %s", got, want)
			}
		}
	}
	for name := range y {
		if _, ok := x[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

func TestCaptureStoresWhatTheRunnerSays(t *testing.T) {
	dir := t.TempDir()
	fake, docs := newFake(), fakeDocs(40)
	o := fakeOptions(dir)
	var events []progress.Event
	o.Progress = func(e progress.Event) { events = append(events, e) }
	report := mustCapture(t, o, fake, docs)
	s := mustOpen(t, dir)
	if report.Tokens != s.Len() || report.Documents != int64(len(docs.docs)) || report.Empty != 6 || report.DType != F16 || report.Resumed || report.TokensPerSec == nil {
		t.Errorf("report %+v", report)
	}
	if len(s.content.Shards) < 3 {
		t.Fatalf("found %d shards, expected several", len(s.content.Shards))
	}
	last := events[len(events)-1]
	if last.Step != s.Len() || last.Unit != "tokens" || last.Values["tokens_per_sec"] <= 0 {
		t.Errorf("last event %+v", last)
	}
	for _, hook := range o.Hooks {
		src, err := s.Source(hook, Filter{KeepSpecial: true, MaxNorm: -1})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, readAll(t, src, 37), fake, hook, docs.docs, o.Context)
	}
	v, err := Verify(context.Background(), dir)
	if err != nil || !v.OK() || v.Rows != s.Len() || v.Shards != len(s.content.Shards) {
		t.Errorf("Verify = %+v, %v", v, err)
	}
}

// compare holds all rows of a store to the runner and the documents.
func compare(t *testing.T, rows *Rows, fake *fakeRunner, hook string, docs []Document, context int) {
	t.Helper()
	at := 0
	for _, d := range docs {
		ws, err := cut(d, context)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range ws {
			for p := range w.ids {
				if rows.Token[at] != w.ids[p] || rows.Doc[at] != d.Index || rows.Window[at] != w.index || rows.Pos[at] != int32(p) || rows.Role[at] != w.role(p) || rows.Index[at] != int64(at) {
					t.Fatalf("row %d is not document %d, window %d, position %d", at, d.Index, w.index, p)
				}
				for i, want := range fake.value(hook, w.ids[:p+1]) {
					if got := rows.X[at*rows.D+i]; !nearHalf(got, want) {
						t.Fatalf("row %d of %s, value %d: found %v, expected %v", at, hook, i, got, want)
					}
				}
				at++
			}
		}
	}
	if at != rows.N {
		t.Errorf("found %d rows, expected %d", rows.N, at)
	}
}

func TestCutRepeatsThePrefix(t *testing.T) {
	for _, c := range []struct {
		ids    []int32
		prefix int
		want   string
	}{
		{[]int32{1, 2, 3, 4}, 0, "[[1,2,3],[4]]"},
		{[]int32{1, 2, 3, 4}, 1, "[[1,2,3],[1,4]]"},
		{[]int32{1, 2, 3, 4, 5, 6}, 2, "[[1,2,3],[1,2,4],[1,2,5],[1,2,6]]"},
		{[]int32{1, 2, 3}, 1, "[[1,2,3]]"},
	} {
		ws, err := cut(Document{IDs: c.ids, Prefix: c.prefix}, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]int32
		for i, w := range ws {
			got = append(got, w.ids)
			if w.index != int32(i) || w.last != (i == len(ws)-1) {
				t.Errorf("%v: window %d says %d, last %v", c.ids, i, w.index, w.last)
			}
		}
		if b, _ := json.Marshal(got); string(b) != c.want {
			t.Errorf("cut %v with prefix %d: found %s, expected %s", c.ids, c.prefix, b, c.want)
		}
	}
	for _, d := range []Document{{}, {IDs: []int32{1}, Roles: []uint8{0, 0}}, {IDs: []int32{1, 2, 3, 4}, Prefix: 3}, {IDs: []int32{1}, Prefix: 2}} {
		if _, err := cut(d, 3); err == nil {
			t.Errorf("cut %+v", d)
		}
	}
}

func TestBatchingLeavesNoTrace(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	mustCapture(t, fakeOptions(a), newFake(), fakeDocs(60))
	o := fakeOptions(b)
	o.BatchRows = 1000
	mustCapture(t, o, newFake(), fakeDocs(60))
	sameFiles(t, a, b)
}

func TestTokensStopsAfterTheDocument(t *testing.T) {
	docs := fakeDocs(40)
	for _, n := range []int64{1, 50, 333, 1 << 40} {
		dir := t.TempDir()
		o := fakeOptions(dir)
		o.Tokens = n
		report := mustCapture(t, o, newFake(), &sliceDocs{docs: docs.docs})
		want, used := int64(0), int64(0)
		for _, d := range docs.docs {
			if want >= n {
				break
			}
			ws, _ := cut(d, o.Context)
			for _, w := range ws {
				want += int64(len(w.ids))
			}
			used++
		}
		if report.Tokens != want || report.Documents != used {
			t.Errorf("--tokens %d: found %d tokens of %d documents, expected %d of %d", n, report.Tokens, report.Documents, want, used)
		}
	}
}

func TestDTypeRule(t *testing.T) {
	for _, c := range []struct {
		scale float32
		ask   DType
		want  DType
	}{{2, Auto, F16}, {8100, Auto, F16}, {8400, Auto, F32}, {8400, F16, F16}, {2, F32, F32}} {
		o := fakeOptions(t.TempDir())
		o.DType = c.ask
		fake := newFake()
		fake.scale = c.scale
		// 8·8100 is below 65,504; 1,500 draws come within 1 % of 8,400, and 8 times
		// that is above.
		if got := mustCapture(t, o, fake, fakeDocs(40)).DType; got != c.want {
			t.Errorf("dtype %s with values up to %v: found %s, expected %s", c.ask, c.scale, got, c.want)
		}
	}
}

// spike is a runner with one extreme value in one place.
type spike struct {
	*fakeRunner
	doc   int32 // whose third token is the place
	first int32 // its second token tells it
	value float32
}

func (r *spike) Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	out, err := r.fakeRunner.Run(ctx, seqs, hooks)
	at := 0
	for _, s := range seqs {
		if len(s) > 2 && s[1] == r.first {
			out["blocks.1.hook_mlp_out"][(at+2)*3+1] = r.value
		}
		at += len(s)
	}
	return out, err
}

// spikeDocs are fake documents, the 70th with a token that no other has.
func spikeDocs() *sliceDocs {
	docs := fakeDocs(100)
	docs.docs[70].IDs = []int32{1, 99, 5, 6}
	docs.docs[70].Roles = nil
	return docs
}

func TestExtremeValueStops(t *testing.T) {
	for _, c := range []struct {
		value    float32
		dtype    DType
		overflow bool
	}{
		{70000, Auto, true}, {-65520, F16, true}, {float32(math.Inf(1)), Auto, false}, {float32(math.NaN()), F32, false},
		{float32(math.Inf(-1)), F32, false},
	} {
		dir := filepath.Join(t.TempDir(), "it's")
		o := fakeOptions(dir)
		o.DType = c.dtype
		o.Command = append(o.Command, "--dtype", string(c.dtype))
		docs := spikeDocs()
		_, err := Capture(context.Background(), &spike{newFake(), 70, 99, c.value}, docs, o)
		var v *ValueError
		if !errors.As(err, &v) || v.Doc != docs.docs[70].Index || v.Window != 0 || v.Pos != 2 || v.Hook != "blocks.1.hook_mlp_out" || v.Overflow() != c.overflow {
			t.Fatalf("%v in %s: found %v", c.value, c.dtype, err)
		}
		if c.overflow != strings.Contains(err.Error(), `agar capture 'a model' --out '`) || c.overflow != strings.HasSuffix(err.Error(), "it'\\''s' --dtype f32 --resume") {
			t.Errorf("%v in %s: found %q", c.value, c.dtype, err)
		}
		for name := range files(t, dir) {
			if strings.HasSuffix(name, ".tmp") || name == manifest.Name || name == job.InfoFile {
				t.Errorf("%v in %s: left %s", c.value, c.dtype, name)
			}
		}
	}
}

func TestLargestFloat16IsKept(t *testing.T) {
	dir := t.TempDir()
	o := fakeOptions(dir)
	docs := spikeDocs()
	mustCapture(t, o, &spike{newFake(), 70, 99, 65519}, docs)
	src, err := mustOpen(t, dir).Source("blocks.1.hook_mlp_out", Filter{KeepSpecial: true, MaxNorm: -1})
	if err != nil {
		t.Fatal(err)
	}
	rows, found := readAll(t, src, 100), false
	for _, v := range rows.X {
		found = found || v == maxF16
	}
	if !found {
		t.Error("found no 65504")
	}
}

func TestGoingOnInFloat32(t *testing.T) {
	dir := t.TempDir()
	o := fakeOptions(dir)
	run := func() (*CaptureReport, error) {
		return Capture(context.Background(), &spike{newFake(), 70, 99, 1e6}, spikeDocs(), o)
	}
	if _, err := run(); err == nil {
		t.Fatal("stored 10⁶ in float16")
	}
	whole, err := blob.Dir(dir).List("shard-")
	if err != nil || len(whole) == 0 {
		t.Fatalf("found %d shards before the overflow, %v", len(whole), err)
	}
	o.Resume, o.DType = true, F32
	o.Command = append(o.Command, "--dtype", "f32", "--resume")
	report, err := run()
	if err != nil || report.DType != F32 || !report.Resumed {
		t.Fatalf("%+v, %v", report, err)
	}
	s := mustOpen(t, dir)
	c := s.Content()
	widened := int64(0)
	for _, sh := range c.Shards[:len(whole)] {
		widened += sh.Rows
	}
	if c.Widened != widened || c.Columns[0].DType != F32 {
		t.Errorf("found %d widened rows, expected %d", c.Widened, widened)
	}
	v, err := Verify(context.Background(), dir)
	if err != nil || !v.OK() {
		t.Errorf("Verify = %+v, %v", v, err)
	}
	src, err := s.Source("blocks.0.hook_resid_post", Filter{KeepSpecial: true, MaxNorm: -1})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, readAll(t, src, 64), newFake(), "blocks.0.hook_resid_post", spikeDocs().docs, o.Context)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*CaptureOptions)
	}{
		{"no directory", "no directory", func(o *CaptureOptions) { o.Dir = "" }},
		{"no hooks", "no hook", func(o *CaptureOptions) { o.Hooks = nil }},
		{"unknown hook", `no hook "blocks.0.hook_resid_pos", did you mean blocks.0.hook_resid_post?`, func(o *CaptureOptions) { o.Hooks = []string{"blocks.0.hook_resid_pos"} }},
		{"hook twice", "asked for twice", func(o *CaptureOptions) { o.Hooks = append(o.Hooks, o.Hooks[0]) }},
		{"difference", "differences need an adapter", func(o *CaptureOptions) { o.Difference = true }},
		{"context", "found a context of 1 tokens", func(o *CaptureOptions) { o.Context = 1 }},
		{"dtype", `found dtype "bf16", expected auto, f16 or f32`, func(o *CaptureOptions) { o.DType = "bf16" }},
		{"tokens", "found tokens -1", func(o *CaptureOptions) { o.Tokens = -1 }},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		o := fakeOptions(dir)
		c.change(&o)
		_, err := Capture(context.Background(), newFake(), fakeDocs(5), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: left something behind", c.name)
		}
	}
}

func TestEmptyDataLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	_, err := Capture(context.Background(), newFake(), &sliceDocs{}, fakeOptions(dir))
	if !errors.Is(err, ErrNoDocuments) {
		t.Errorf("found %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("left something behind")
	}
}

func TestWontFit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	o := fakeOptions(dir)
	o.Tokens = 1e9
	o.Blob = &blobtest.Faulty{Store: blob.Dir(dir), FreeBytes: 1 << 30}
	fake := newFake()
	_, err := Capture(context.Background(), fake, fakeDocs(400), o)
	// A row takes 17 bytes and nine float16: 35 GB.
	var w *WontFitError
	if !errors.Is(err, ErrWontFit) || !errors.As(err, &w) || w.Need < 35e9 || w.Need > 36e9 || w.Have != 1<<30 || w.Fits < 2.9e7 || w.Fits > 3.1e7 {
		// The data holds fewer documents than that, which the plan cannot know
		// from documents without a position.
		t.Fatalf("found %v", err)
	}
	if fake.calls > 0 {
		t.Errorf("%d forwards before the refusal", fake.calls)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("left something behind")
	}
}

func TestFullDiskIsResumable(t *testing.T) {
	want := filepath.Join(t.TempDir(), "want")
	mustCapture(t, fakeOptions(want), newFake(), fakeDocs(60))
	for _, after := range []int64{1, 3000, 20000, 45000} {
		dir := filepath.Join(t.TempDir(), "out")
		o := fakeOptions(dir)
		o.Blob = &blobtest.Faulty{Store: blob.Dir(dir), FullAfter: after}
		if _, err := Capture(context.Background(), newFake(), fakeDocs(60), o); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("after %d bytes: found %v, expected ENOSPC", after, err)
		}
		for name := range files(t, dir) {
			if strings.HasSuffix(name, ".tmp") || name == manifest.Name {
				t.Errorf("after %d bytes: left %s", after, name)
			}
		}
		o.Blob, o.Resume = nil, true
		mustCapture(t, o, newFake(), fakeDocs(60))
		sameFiles(t, want, dir)
	}
}

func TestCancelIsResumable(t *testing.T) {
	want, dir := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "out")
	mustCapture(t, fakeOptions(want), newFake(), fakeDocs(60))
	ctx, cancel := context.WithCancel(context.Background())
	fake := newFake()
	fake.after = func(call int) error {
		if call == 20 {
			cancel()
		}
		return nil
	}
	o := fakeOptions(dir)
	o.DType = F16 // or all forwards would be over before the first row is stored
	if _, err := Capture(ctx, fake, fakeDocs(60), o); !errors.Is(err, context.Canceled) {
		t.Fatalf("found %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrUnfinished) {
		t.Errorf("Open = %v", err)
	}
	o.Resume = true
	report := mustCapture(t, o, newFake(), fakeDocs(60))
	if !report.Resumed {
		t.Error("the report does not say that it resumed")
	}
	v, err := Verify(context.Background(), dir)
	if err != nil || !v.OK() {
		t.Errorf("Verify = %+v, %v", v, err)
	}
}

func TestPlannedCanRefuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	o := fakeOptions(dir)
	no := errors.New("no")
	var plan Plan
	o.Planned = func(p Plan) error { plan = p; return no }
	if _, err := Capture(context.Background(), newFake(), fakeDocs(10), o); !errors.Is(err, no) {
		t.Fatalf("found %v", err)
	}
	if plan.BytesPerRow != 17+2*9 || plan.DType != F16 || plan.TokensPerSec <= 0 || plan.Rows == 0 || plan.Bytes != plan.Rows*plan.BytesPerRow {
		t.Errorf("plan %+v", plan)
	}
}
