package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"agar/activations"
	"agar/model"
	"agar/model/organism/builtin"
	"agar/sae"
	"agar/sae/internal/saetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rows is a source over rows in memory, handed out a few at a time.
type rows struct {
	x    []float32
	d    int
	step int
}

func (r *rows) Dim() int { return r.d }

func (r *rows) Next(ctx context.Context, dst *activations.Rows, max int) error {
	n := min(max, len(r.x)/r.d, r.step)
	if n == 0 {
		dst.N = 0
		return io.EOF
	}
	dst.N, dst.D, dst.X = n, r.d, append(dst.X[:0], r.x[:n*r.d]...)
	r.x = r.x[n*r.d:]
	return ctx.Err()
}

// identity rebuilds every vector of width d: a feature for each half axis.
func identity(d int) *sae.SAE {
	s := sae.New(sae.ArchStandard, d, 2*d)
	for j := range d {
		s.WEnc[j*d+j], s.WDec[j*d+j] = 1, 1
		s.WEnc[(d+j)*d+j], s.WDec[(d+j)*d+j] = -1, -1
	}
	return s
}

// Two tokens, x = (2,0) and (0,4), rebuilt as (2,1) and (0,3): residuals of 1,
// a variance of 5 about the mean (1,2).
func twoTokens() (*sae.SAE, []float32) {
	s := sae.New(sae.ArchStandard, 2, 2)
	copy(s.WEnc, []float32{1, 0, 0, 1})
	copy(s.WDec, []float32{1, 0.5, 0, 0.75})
	return s, []float32{2, 0, 0, 4}
}

func reconstruct(t *testing.T, s *sae.SAE, x []float32, step int) *Reconstruction {
	t.Helper()
	rec, err := Reconstruct(context.Background(), s, &rows{x, s.DIn, step}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestTwoTokensExplainFourFifths(t *testing.T) {
	s, x := twoTokens()
	for _, step := range []int{1, 2} {
		rec := reconstruct(t, s, x, step)
		if math.Abs(rec.EV-0.8) > 1e-12 || math.Abs(rec.EVLegacy-0.8) > 1e-12 || rec.MSE != 1 || rec.L0 != 1 || rec.Dead != 0 {
			t.Errorf("%d rows at a time: %+v, expected both explained variances 0.8, an error of 1 and an L0 of 1", step, rec)
		}
	}
}

func TestExplainedVarianceOfKnownDictionaries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const d, n = 5, 300
	x := make([]float32, n*d)
	mean := make([]float64, d)
	for i := range x {
		x[i] = float32(r.NormFloat64()) + float32(i%d)
		mean[i%d] += float64(x[i]) / n
	}
	if rec := reconstruct(t, identity(d), x, 7); rec.EV != 1 || rec.EVLegacy != 1 || rec.MSE != 0 {
		t.Errorf("the identity explains %v", rec.EV)
	}
	predictsMean := sae.New(sae.ArchStandard, d, 3)
	for j, v := range mean {
		predictsMean.BDec[j] = float32(v)
	}
	rec := reconstruct(t, predictsMean, x, 7)
	if math.Abs(rec.EV) > 1e-6 || math.Abs(rec.EVLegacy) > 1e-6 || rec.Dead != 3 {
		t.Errorf("the mean explains %v and %v with %d dead of 3, expected 0, 0 and 3", rec.EV, rec.EVLegacy, rec.Dead)
	}
	for j, v := range rec.MeanActivation {
		if math.Abs(float64(v)-mean[j]) > 1e-6 {
			t.Errorf("mean %d is %v, expected %v", j, v, mean[j])
		}
	}
}

func TestDensityAndLimit(t *testing.T) {
	s, x := twoTokens()
	rec := reconstruct(t, s, append(x, 1, 0, -1, -1), 3)
	if rec.Density[0] != 0.5 || rec.Density[1] != 0.25 {
		t.Errorf("densities %v, expected a half and a quarter", rec.Density)
	}
	one, err := Reconstruct(context.Background(), s, &rows{x, 2, 2}, 1, nil)
	if err != nil || one.Tokens != 1 {
		t.Errorf("a limit of one token gave %+v, %v", one, err)
	}
	if _, err := Reconstruct(context.Background(), s, &rows{nil, 2, 2}, 0, nil); err == nil {
		t.Error("no rows gave no error")
	}
	if _, err := Reconstruct(context.Background(), s, &rows{x, 4, 2}, 0, nil); err == nil || !strings.Contains(err.Error(), "d_in 2") {
		t.Errorf("rows of another width gave %v", err)
	}
}

// small opens the built-in organism's model.
func small(t *testing.T) *model.Model {
	t.Helper()
	dir, err := builtin.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(filepath.Join(dir, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// someWindows draws token ids; every position but the first of a window is kept.
func someWindows(m *model.Model, n int) []Window {
	r := rand.New(rand.NewPCG(3, 4))
	var out []Window
	for range n {
		var w Window
		for i := range 2 + r.IntN(30) {
			w.IDs = append(w.IDs, r.Int32N(int32(m.Spec.Vocab)))
			w.Keep = append(w.Keep, i > 0)
		}
		out = append(out, w)
	}
	return out
}

func TestSplicedIdentityRecoversAllAndZeroNothing(t *testing.T) {
	m := small(t)
	windows := someWindows(m, 30)
	d := m.Spec.DModel
	for _, hook := range []string{"hook_embed", "blocks.0.hook_resid_mid", "blocks.1.hook_resid_post"} {
		sp := Splicing{Model: m, Hook: hook, Mean: make([]float32, d)}
		ce, err := Splice(context.Background(), identity(d), windows, sp, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(ce.Delta) > 1e-6 || ce.RecoveredZero == nil || math.Abs(*ce.RecoveredZero-1) > 1e-5 {
			t.Errorf("%s: the identity costs %v nats and recovers %v, expected 0 and 1", hook, ce.Delta, *ce.RecoveredZero)
		}
		if ce.Mean != ce.Zero {
			t.Errorf("%s: a mean of zero costs %v, zero %v", hook, ce.Mean, ce.Zero)
		}
		ce, err = Splice(context.Background(), sae.New(sae.ArchStandard, d, 4), windows, sp, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ce.Spliced != ce.Zero || *ce.RecoveredZero != 0 {
			t.Errorf("%s: a dictionary of nothing recovers %v, expected 0", hook, *ce.RecoveredZero)
		}
		if ce.Zero == ce.Clean {
			t.Errorf("%s: zero ablation changes nothing", hook)
		}
	}
}

// Cross entropies must be those of plain forwards, over kept positions with a
// next token, and left-out positions must not be replaced.
func TestSpliceAgainstPlainForwards(t *testing.T) {
	m := small(t)
	windows := someWindows(m, 9)
	const hook = "blocks.1.hook_resid_post"
	d := m.Spec.DModel
	r := rand.New(rand.NewPCG(5, 5))
	s := identity(d)
	for i := range s.BDec {
		s.BDec[i] = float32(r.NormFloat64()) / 10
	}
	s.ApplyBDecToInput = false // so that b_dec is an error of its own
	ce, err := Splice(context.Background(), s, windows, Splicing{Model: m, Hook: hook, Mean: make([]float32, d)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clean, spliced, n := 0.0, 0.0, 0
	for _, w := range windows {
		edit := model.Edit{Hook: hook, Fn: func(x []float32, rows model.Rows) {
			for i, pos := range rows.Pos {
				if pos > 0 {
					for j := range d {
						x[i*d+j] += s.BDec[j]
					}
				}
			}
		}}
		a, err := m.Loss(context.Background(), &model.Request{Seqs: [][]int32{w.IDs}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Loss(context.Background(), &model.Request{Seqs: [][]int32{w.IDs}, Edits: []model.Edit{edit}})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i+1 < len(w.IDs); i++ {
			clean += float64(a[i])
			spliced += float64(b[i])
			n++
		}
	}
	clean, spliced = clean/float64(n), spliced/float64(n)
	if ce.Positions != int64(n) || math.Abs(ce.Clean-clean) > 1e-5 || math.Abs(ce.Spliced-spliced) > 1e-5 {
		t.Errorf("found %+v, expected %d positions, %v clean and %v spliced", ce, n, clean, spliced)
	}
	if math.Abs(ce.Delta) < 1e-4 {
		t.Errorf("the splice costs %v nats: the test would not see it missing", ce.Delta)
	}
}

func TestSpliceRefusals(t *testing.T) {
	m := small(t)
	d := m.Spec.DModel
	good := someWindows(m, 1)
	for name, c := range map[string]struct {
		s    *sae.SAE
		w    []Window
		sp   Splicing
		want string
	}{
		"hook":   {identity(d), good, Splicing{Model: m, Hook: "blocks.99.hook_resid_post", Mean: make([]float32, d)}, "hook"},
		"width":  {identity(d + 1), good, Splicing{Model: m, Hook: "hook_embed", Mean: make([]float32, d)}, "d_in"},
		"marks":  {identity(d), []Window{{IDs: []int32{1, 2}}}, Splicing{Model: m, Hook: "hook_embed", Mean: make([]float32, d)}, "marks"},
		"no row": {identity(d), []Window{{IDs: []int32{1}, Keep: []bool{true}}}, Splicing{Model: m, Hook: "hook_embed", Mean: make([]float32, d)}, "next"},
	} {
		if _, err := Splice(context.Background(), c.s, c.w, c.sp, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected an error with %q", name, err, c.want)
		}
	}
}

func TestEvaluateHeldOutRows(t *testing.T) {
	p := saetest.NewPlanted(24, 40, 3, 5)
	store := p.Capture(t, 120)
	s := p.Dictionary(0.4)
	f := activations.Filter{MaxNorm: -1}
	all, err := Evaluate(context.Background(), s, store, saetest.Hook, Options{Filter: f})
	if err != nil {
		t.Fatal(err)
	}
	if all.Tokens != all.LeftOut.Kept() || all.LeftOut.Special == 0 || all.L0 <= 0 || all.CE != nil {
		t.Errorf("all rows: %+v", all)
	}
	keep, _, err := store.Kept(saetest.Hook, f)
	if err != nil {
		t.Fatal(err)
	}
	from, held := store.Len()/2, int64(0)
	for _, k := range keep[from:] {
		if k {
			held++
		}
	}
	half, err := Evaluate(context.Background(), s, store, saetest.Hook, Options{Filter: f, From: from})
	if err != nil || half.Tokens != held {
		t.Errorf("rows from %d on: %d tokens, %v, expected %d", from, half.Tokens, err, held)
	}
	checkWindows(t, store, keep, from)
}

// checkWindows holds Windows to whole windows.
func checkWindows(t *testing.T, store *activations.Store, keep []bool, from int64) {
	t.Helper()
	ws, err := Windows(store, keep, from, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, w := range ws {
		if w.IDs[0] != saetest.Special || w.Keep[0] || len(w.IDs) > 32 || len(w.IDs) != len(w.Keep) {
			t.Fatalf("a window of %d tokens begins with %d", len(w.IDs), w.IDs[0])
		}
		n += len(w.IDs)
	}
	if got, least := int64(n), store.Len()-from; got < least || got > least+32 {
		t.Errorf("windows hold %d tokens, expected %d and what the first one has before", got, least)
	}
	some, err := Windows(store, keep, from, 40)
	if err != nil || len(some) < 2 || len(some) > 40 {
		t.Errorf("a limit of 40 tokens gave %d windows, %v", len(some), err)
	}
}

func TestReportMarshalsMissingAsNull(t *testing.T) {
	b, err := json.Marshal(Report{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"ce":null`) {
		t.Errorf("found %s, expected ce to be null", b)
	}
}

func Example() {
	s, x := twoTokens()
	rec, err := Reconstruct(context.Background(), s, &rows{x, 2, 2}, 0, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("L0 %.1f, explained variance %.2f, legacy %.2f\n", rec.L0, rec.EV, rec.EVLegacy)
	// Output: L0 1.0, explained variance 0.80, legacy 0.80
}
