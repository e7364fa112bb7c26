package features

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"agar/activations"
	"agar/activations/job"
	"agar/activations/manifest"
	"agar/sae"
	"agar/sae/internal/saetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a small capture with a dictionary and what the dictionary does on it.
type world struct {
	s     *sae.SAE
	store *activations.Store
	rows  activations.Rows // provenance of all rows
	acts  []float32        // [rows, DSAE]; zero where left out
	kept  []bool
	n     int // rows kept
}

// filter leaves out special tokens only.
var filter = activations.Filter{MaxNorm: -1}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := saetest.NewPlanted(24, 40, 3, 5)
	w := &world{s: p.Dictionary(0.4), store: p.Capture(t, 250)}
	copy(w.s.WDec[w.s.DIn:2*w.s.DIn], make([]float32, w.s.DIn)) // a feature that writes nothing
	for j := range w.s.DIn {
		w.s.WEnc[2*w.s.DIn+j] = 0 // and one that never fires
	}
	src, err := w.store.Source(saetest.Hook, activations.Filter{KeepSpecial: true, MaxNorm: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Next(context.Background(), &w.rows, int(w.store.Len())); err != nil {
		t.Fatal(err)
	}
	if w.kept, _, err = w.store.Kept(saetest.Hook, filter); err != nil {
		t.Fatal(err)
	}
	var c sae.Codes
	w.s.Encode(&c, w.rows.X, w.rows.N)
	w.acts = make([]float32, w.rows.N*w.s.DSAE)
	c.Dense(w.acts, w.s.DSAE)
	for i, k := range w.kept {
		if k {
			w.n++
		} else {
			clear(w.acts[i*w.s.DSAE : (i+1)*w.s.DSAE])
		}
	}
	return w
}

func (w *world) act(row, f int) float32 { return w.acts[row*w.s.DSAE+f] }

// lens promotes token t by the t-th coordinate.
type lens struct{}

func (lens) LogitLens(d []float32) []float32 { return slices.Clone(d) }

func (w *world) build(t testing.TB, o BuildOptions) *Index {
	t.Helper()
	o.Hook, o.Filter = saetest.Hook, filter
	if o.Out == "" {
		o.Out = filepath.Join(t.TempDir(), "index")
	}
	o.Piece = func(id int32) string { return fmt.Sprintf("t%d", id) }
	if err := Build(context.Background(), w.s, w.store, o); err != nil {
		t.Fatal(err)
	}
	x, err := Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestFiguresEqualABruteForceCount(t *testing.T) {
	w := newWorld(t)
	x := w.build(t, BuildOptions{Lens: lens{}})
	if x.Len() != w.s.DSAE || x.Tokens() != int64(w.n) {
		t.Fatalf("%d features over %d tokens, expected %d over %d", x.Len(), x.Tokens(), w.s.DSAE, w.n)
	}
	for f := range x.Len() {
		got, err := x.Feature(f)
		if err != nil {
			t.Fatal(err)
		}
		fires, sum, top := 0, 0.0, float32(0)
		hist := make([]uint32, histBins)
		for row := range w.rows.N {
			if v := w.act(row, f); v > 0 {
				fires++
				sum += float64(v)
				top = max(top, v)
				hist[int(v/got.HistMax*histBins)]++
			}
		}
		if got.Density != float32(float64(fires)/float64(w.n)) || got.Max != top {
			t.Errorf("feature %d: density %v and max %v, expected %v and %v", f, got.Density, got.Max, float64(fires)/float64(w.n), top)
		}
		mean := float32(sum / float64(max(fires, 1)))
		if math.Abs(float64(got.Mean-mean)) > 1e-6 || math.Abs(float64(got.MeanAll)-sum/float64(w.n)) > 1e-6 {
			t.Errorf("feature %d: mean %v and %v over all, expected %v and %v", f, got.Mean, got.MeanAll, mean, sum/float64(w.n))
		}
		if !slices.Equal(got.Hist, hist) {
			t.Errorf("feature %d: histogram %v, expected %v", f, got.Hist, hist)
		}
		if fires > 0 && !(got.HistMax > top && got.HistMax <= 2*top) {
			t.Errorf("feature %d: histogram to %v, expected a power of two just above %v", f, got.HistMax, top)
		}
	}
}

func TestTopExamplesAreTheStrongestOfTheirWindows(t *testing.T) {
	w := newWorld(t)
	x := w.build(t, BuildOptions{Top: 7})
	for f := range x.Len() {
		type best struct {
			row   int
			value float32
		}
		var want []best
		for row := range w.rows.N {
			v := w.act(row, f)
			if w.rows.Pos[row] == 0 {
				want = append(want, best{row, v})
			} else if last := &want[len(want)-1]; v > last.value {
				*last = best{row, v}
			}
		}
		want = slices.DeleteFunc(want, func(b best) bool { return b.value == 0 })
		slices.SortStableFunc(want, func(a, b best) int { return cmp.Compare(b.value, a.value) })
		want = want[:min(len(want), 7)]
		got := kind(t, x, f, KindTop)
		if len(got) != len(want) {
			t.Fatalf("feature %d: %d top examples, expected %d", f, len(got), len(want))
		}
		for i, b := range want {
			if got[i].Row != int64(b.row) || got[i].Max != b.value {
				t.Errorf("feature %d: top example %d is row %d at %v, expected %d at %v", f, i, got[i].Row, got[i].Max, b.row, b.value)
			}
		}
	}
}

// kind returns the examples of one kind.
func kind(t testing.TB, x *Index, f int, kind string) []Example {
	t.Helper()
	all, err := x.Examples(f)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e Example) bool { return e.Kind != kind })
}

func TestExamplesShowTheirContext(t *testing.T) {
	w := newWorld(t)
	const around = 4
	x := w.build(t, BuildOptions{Around: around})
	seen := 0
	for f := range x.Len() {
		all, err := x.Examples(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			seen++
			w.checkContext(t, f, e, around)
		}
	}
	if seen < 500 {
		t.Errorf("saw %d examples, expected hundreds", seen)
	}
}

func (w *world) checkContext(t *testing.T, f int, e Example, around int) {
	t.Helper()
	row := int(e.Row)
	if e.Doc != w.rows.Doc[row] || e.Window != w.rows.Window[row] || e.Pos != w.rows.Pos[row] || e.Max != w.act(row, f) {
		t.Fatalf("feature %d: example %+v is not of row %d", f, e, row)
	}
	lo := row - min(around, int(e.Pos))
	hi := row + 1
	for hi < w.rows.N && hi <= row+around && w.rows.Pos[hi] > 0 {
		hi++
	}
	if int(e.Start) != int(w.rows.Pos[lo]) || len(e.Tokens) != hi-lo || len(e.Acts) != hi-lo {
		t.Fatalf("feature %d, row %d: context of %d from %d, expected %d from %d", f, row, len(e.Tokens), e.Start, hi-lo, w.rows.Pos[lo])
	}
	for i := lo; i < hi; i++ {
		if got, want := e.Tokens[i-lo], fmt.Sprintf("t%d", w.rows.Token[i]); got != want {
			t.Fatalf("feature %d, row %d: token %d is %s, expected %s", f, row, i-lo, got, want)
		}
		got := e.Acts[i-lo]
		if nan := math.IsNaN(float64(got)); nan == w.kept[i] || !nan && got != w.act(i, f) {
			t.Fatalf("feature %d, row %d: activation %d is %v, expected %v (kept %v)", f, row, i-lo, got, w.act(i, f), w.kept[i])
		}
	}
}

func TestIntervalExamplesLieInTheirTenth(t *testing.T) {
	w := newWorld(t)
	const per = 3
	x := w.build(t, BuildOptions{PerInterval: per})
	for f := range x.Len() {
		feature, err := x.Feature(f)
		if err != nil {
			t.Fatal(err)
		}
		tenth := func(v float32) int { return min(int(v/feature.Max*intervals), intervals-1) }
		shown, all, sure := [intervals]int{}, [intervals]int{}, [intervals]int{}
		for _, e := range kind(t, x, f, KindInterval) {
			shown[tenth(e.Max)]++
		}
		width := feature.HistMax / histBins
		for row := range w.rows.N {
			v := w.act(row, f)
			if v == 0 {
				continue
			}
			all[tenth(v)]++
			// In a bin that lies in one tenth only, nothing can be missing.
			if lo := float32(math.Floor(float64(v/width))) * width; tenth(lo) == tenth(lo+width) {
				sure[tenth(v)]++
			}
		}
		for i := range intervals {
			if shown[i] > min(all[i], per) || shown[i] < min(sure[i], per) {
				t.Errorf("feature %d: tenth %d holds %d firings, %d of them sure, and shows %d", f, i, all[i], sure[i], shown[i])
			}
		}
	}
}

// Every firing is as likely as any other to be a random example: over many seeds
// the mean place of a pick is the middle.
func TestRandomExamplesAreUniform(t *testing.T) {
	l, o := line(200)
	sum, n := 0.0, 0
	for seed := range uint64(400) {
		var s summary
		o.Seed = seed
		s.add(0, l, &o)
		for _, f := range s.random.kept {
			sum += float64(f.row)
			n++
		}
	}
	// The mean of n uniform draws from 0…199 has a standard error of 57.7/√n;
	// five of them is one failure in a million.
	if mean, err := sum/float64(n), 57.7/math.Sqrt(float64(n)); n != 4*400 || math.Abs(mean-99.5) > 5*err {
		t.Errorf("%d picks with a mean of %v, expected %d around 99.5 ± %.2f", n, mean, 4*400, err)
	}
}

// line is a block of n rows in windows of one on each of which a feature fires,
// ever more strongly, so that the bins double again and again.
func line(n int) (list, BuildOptions) {
	b := &block{n: n}
	l := list{b: b, around: 0}
	for i := range n {
		b.keep, b.window = append(b.keep, true), append(b.window, int32(i))
		l.entries = append(l.entries, entry{int32(i), float32(i+1) / 8})
	}
	return l, BuildOptions{Top: 3, PerInterval: 2, Random: 4}
}

// What bins keep after doubling is what they would have kept had M been final
// from the start: the lowest priorities of the bin.
func TestBinsMergeToAUniformSample(t *testing.T) {
	l, o := line(500)
	var s summary
	s.add(3, l, &o)
	for b := range sampleBins {
		var want []uint64
		for _, e := range l.entries {
			if s.end.bin(e.value, sampleBins) == b {
				want = append(want, priority(o.Seed, forInterval, 3, int64(e.row)))
			}
		}
		slices.Sort(want)
		var got []uint64
		for _, f := range s.bins[b].kept {
			got = append(got, f.priority)
		}
		if !slices.Equal(got, want[:min(len(want), o.PerInterval)]) {
			t.Errorf("bin %d kept %v, expected the lowest of %d", b, got, len(want))
		}
	}
}

func TestThreadsDoNotChangeTheIndex(t *testing.T) {
	w := newWorld(t)
	var first map[string][]byte
	for _, threads := range []int{1, 3} {
		old := runtime.GOMAXPROCS(threads)
		dir := filepath.Join(t.TempDir(), "index")
		w.build(t, BuildOptions{Out: dir, Lens: lens{}})
		runtime.GOMAXPROCS(old)
		got := map[string][]byte{}
		for _, name := range []string{FeaturesFile, ExamplesFile, manifest.Name} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = b
		}
		for name := range first {
			if !bytes.Equal(first[name], got[name]) {
				t.Errorf("%s differs between 1 and %d threads", name, threads)
			}
		}
		first = got
	}
}

func TestLogitLensAndNeighbours(t *testing.T) {
	w := newWorld(t)
	x := w.build(t, BuildOptions{Lens: lens{}})
	for f := range x.Len() {
		got, err := x.Feature(f)
		if err != nil {
			t.Fatal(err)
		}
		d := slices.Clone(w.s.Decoder(f))
		slices.Sort(d)
		if len(got.Top) != lensTokens || got.Top[0].Logit != d[len(d)-1] || got.Bottom[0].Logit != d[0] ||
			got.Top[0].Text != fmt.Sprintf("t%d", got.Top[0].ID) || w.s.Decoder(f)[got.Top[0].ID] != got.Top[0].Logit {
			t.Errorf("feature %d: lens %v … %v, expected %v and %v first", f, got.Top, got.Bottom, d[len(d)-1], d[0])
		}
		w.checkNeighbours(t, f, got.Neighbours)
	}
}

func (w *world) checkNeighbours(t *testing.T, f int, got []Neighbour) {
	t.Helper()
	if f == 1 { // its decoder row is zero
		if len(got) != 0 {
			t.Errorf("a feature without direction has neighbours %v", got)
		}
		return
	}
	best := -1.0
	for i := range w.s.DSAE {
		if i == f || i == 1 {
			continue
		}
		dot := 0.0
		for j, v := range w.s.Decoder(f) {
			dot += float64(v) * float64(w.s.Decoder(i)[j])
		}
		best = max(best, dot)
	}
	if len(got) != neighbours || math.Abs(float64(got[0].Cos)-best) > 1e-5 {
		t.Errorf("feature %d: nearest %v, expected a cosine of %v first", f, got, best)
	}
	if !slices.IsSortedFunc(got, func(a, b Neighbour) int { return cmp.Compare(b.Cos, a.Cos) }) {
		t.Errorf("feature %d: neighbours %v are out of order", f, got)
	}
}

func TestWithoutAModelTheLensIsNull(t *testing.T) {
	x := newWorld(t).build(t, BuildOptions{})
	f, err := x.Feature(0)
	if err != nil || f.Top != nil || f.Bottom != nil || f.Label != "" {
		t.Errorf("feature %+v, error %v, expected no lens and no label", f, err)
	}
	counts, lo, silent := x.DensityHistogram(10)
	total := silent
	for _, c := range counts {
		total += c
	}
	if total != x.Len() || silent < 1 || lo > -2 {
		t.Errorf("histogram %v from %v with %d silent of %d", counts, lo, silent, x.Len())
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	x := w.build(t, BuildOptions{})
	if _, err := x.Feature(-1); err == nil {
		t.Error("feature −1 gave no error")
	}
	if _, err := x.Examples(x.Len()); err == nil {
		t.Error("a feature beyond the last gave no error")
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), manifest.Name) {
		t.Errorf("an empty directory gave %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	err := Build(context.Background(), w.s, w.store, BuildOptions{Out: dir, Hook: saetest.Hook})
	if !errors.Is(err, job.ErrNotEmpty) {
		t.Errorf("a directory in use gave %v, expected job.ErrNotEmpty", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := filepath.Join(t.TempDir(), "index")
	if err := Build(ctx, w.s, w.store, BuildOptions{Out: out, Hook: saetest.Hook}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build gave %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a cancelled build left its directory")
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "index")
	w.build(t, BuildOptions{Out: dir})
	path := filepath.Join(dir, FeaturesFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, len(good) / 2, len(good) - 1} {
		if err := os.WriteFile(path, good[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), FeaturesFile) {
			t.Errorf("cut to %d bytes: found %v, expected an error with %s", n, err, FeaturesFile)
		}
	}
}
