package phase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/activations"
	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
	"agar/sae"
	"agar/sae/eval"
)

// tiny opens the three-block test model of package model.
func tiny(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.Open(filepath.Join("..", "model", "testdata", "tied"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// fixed is documents in memory, given out again by each use.
type fixed struct {
	docs []activations.Document
	next int
}

func (f *fixed) Next() (activations.Document, error) {
	if f.next == len(f.docs) {
		return activations.Document{}, io.EOF
	}
	f.next++
	return f.docs[f.next-1], nil
}

// conversations draws documents of tokens 6 …, a question and an answer each,
// with a special token at the start.
func conversations(n, length int) *fixed {
	rng := rand.New(rand.NewPCG(1, 1))
	f := &fixed{}
	for i := range n {
		d := activations.Document{Index: int32(i), IDs: []int32{0}, Roles: []uint8{chat.RoleTemplate}, Prefix: 1}
		for j := 1; j < length; j++ {
			d.IDs = append(d.IDs, int32(6+rng.IntN(58)))
			role := uint8(chat.RoleUser)
			if j > length/2 {
				role = chat.RoleAssistant
			}
			d.Roles = append(d.Roles, role)
		}
		f.docs = append(f.docs, d)
	}
	return f
}

// dictionary draws an SAE whose features fire on a tenth of the tokens or so.
func dictionary(arch string, d, features int) *sae.SAE {
	rng := rand.New(rand.NewPCG(2, 2))
	s := sae.New(arch, d, features)
	for i := range s.WEnc {
		s.WEnc[i] = float32(rng.NormFloat64() / math.Sqrt(float64(d)))
		s.WDec[i] = s.WEnc[i] / 2
	}
	for i := range s.BDec {
		s.BDec[i] = float32(rng.NormFloat64()) / 4
	}
	for i := range s.BEnc {
		s.BEnc[i] = float32(rng.NormFloat64())/4 - 1
		if arch == sae.ArchJumpReLU {
			s.Threshold[i] = float32(rng.Float64()) / 2
		}
	}
	s.K = 7
	return s
}

// downSeries writes a rank-r series on one module of the tiny model; B is zero at
// step 1 and grows after.
func downSeries(t testing.TB, module string, r, in, out int, steps ...int) *lora.Series {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, uint64(r)))
	draw := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(scale * rng.NormFloat64())
		}
		return x
	}
	a, b := draw(r*in, .3), draw(r*out, .1)
	run := writeRun(t, 4, false, steps, func(step int) map[string]state {
		now := make([]float32, len(b))
		for i := range b {
			now[i] = b[i] * float32(step-1)
		}
		return map[string]state{module: {r, in, out, a, now}}
	})
	s, err := lora.OpenSeries(run)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const block1 = "model.layers.1.mlp.down_proj"

func follow(t testing.TB, o FollowOptions) *Trajectory {
	t.Helper()
	tr, err := Follow(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// brute is one checkpoint at one λ by a whole forward and plain loops.
func brute(t *testing.T, m *model.Model, s *sae.SAE, hook string, docs []activations.Document, a *model.Adapter, lambda float64) (Snapshot, [][]float32) {
	t.Helper()
	x := newSnapshot(make([]float32, s.DSAE), make([]float32, s.DSAE))
	var h, errs [][]float32
	for _, d := range docs {
		res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{d.IDs}, Reads: []string{hook}, Adapter: a, Lambda: float32(lambda)})
		if err != nil {
			t.Fatal(err)
		}
		for i, role := range d.Roles {
			if role == chat.RoleAssistant {
				h = append(h, res.Hooks[hook][i*s.DIn:(i+1)*s.DIn])
			}
		}
	}
	n := float64(len(h))
	mean, square, miss := make([]float64, s.DIn), 0.0, 0.0
	x.L0 = 0
	for _, row := range h {
		var c sae.Codes
		s.Encode(&c, row, 1)
		xhat := make([]float32, s.DIn)
		s.Decode(xhat, &c)
		e := make([]float32, s.DIn)
		for j := range row {
			e[j] = row[j] - xhat[j]
			mean[j] += float64(row[j]) / n
			square += float64(row[j]) * float64(row[j]) / n
			miss += float64(e[j]) * float64(e[j]) / n
		}
		errs = append(errs, e, row)
		for j, f := range c.Index {
			x.Mean[f] += c.Value[j] / float32(n)
			x.Density[f] += 1 / float32(n)
			x.L0 += 1 / n
		}
	}
	for _, v := range mean {
		square -= v * v
	}
	x.EV = 1 - miss/square
	return x, errs
}

// changeSeen is 1 − Σ‖Δh − Δx̂‖²/Σ‖Δh‖² from what brute gives for two states.
func changeSeen(base, now [][]float32) float64 {
	num, den := 0.0, 0.0
	for i := 0; i < len(now); i += 2 {
		for j := range now[i] {
			e, h := float64(now[i][j]-base[i][j]), float64(now[i+1][j]-base[i+1][j])
			num, den = num+e*e, den+h*h
		}
	}
	return 1 - num/den
}

// TestFollowAgainstForwards holds both ways of following to whole forwards.
func TestFollowAgainstForwards(t *testing.T) {
	m := tiny(t)
	for _, c := range []struct {
		name, module, hook, arch string
		rank, in, out            int
		closed                   bool
	}{
		{"closed form", block1, "blocks.1.hook_resid_post", sae.ArchJumpReLU, 1, 48, 32, true},
		{"closed form of rank 3", block1, "blocks.1.hook_mlp_out", sae.ArchStandard, 3, 48, 32, true},
		{"closed form, top k", block1, "blocks.1.hook_resid_post", sae.ArchTopK, 2, 48, 32, true},
		{"one block later", block1, "blocks.2.hook_resid_post", sae.ArchJumpReLU, 1, 48, 32, false},
		{"attention", "model.layers.1.self_attn.q_proj", "blocks.1.hook_resid_mid", sae.ArchJumpReLU, 2, 32, 32, false},
		{"first block", "model.layers.0.mlp.down_proj", "blocks.2.hook_resid_pre", sae.ArchJumpReLU, 1, 48, 32, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dictionary(c.arch, 32, 80)
			series := downSeries(t, c.module, c.rank, c.in, c.out, 1, 2, 4)
			docs := conversations(12, 20)
			lambdas := []float64{1, -2}
			tr := follow(t, FollowOptions{Model: m, Series: series, SAE: s, Hook: c.hook, Docs: docs, Lambdas: lambdas, MaxNorm: -1, CEDocs: -1})
			if tr.ClosedForm != c.closed || !slices.Equal(tr.ZeroSteps, []int{1}) || tr.Tokens != 12*9 {
				t.Errorf("closed form %v, zero steps %v, %d tokens", tr.ClosedForm, tr.ZeroSteps, tr.Tokens)
			}
			base, baseRows := brute(t, m, s, c.hook, docs.docs, nil, 0)
			worst := compareSnapshots(t, "base", tr.Base, base)
			for i := range tr.Steps {
				l, err := series.Load(i)
				if err != nil {
					t.Fatal(err)
				}
				a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
				if err != nil {
					t.Fatal(err)
				}
				for j, lambda := range lambdas {
					want, rows := brute(t, m, s, c.hook, docs.docs, a, lambda)
					got := tr.At(i, j)
					worst = max(worst, compareSnapshots(t, fmt.Sprintf("step %d, λ = %g", tr.Steps[i], lambda), got, want))
					if i == 0 {
						if !math.IsNaN(got.ChangeSeen) || got.L0 != tr.Base.L0 {
							t.Errorf("B = 0: change seen %v, L0 %v", got.ChangeSeen, got.L0)
						}
					} else if want := changeSeen(baseRows, rows); math.Abs(got.ChangeSeen-want) > 1e-4 {
						t.Errorf("step %d: change seen %v, want %v", tr.Steps[i], got.ChangeSeen, want)
					}
				}
			}
			t.Logf("worst relative difference of a mean activation %.2g", worst)
		})
	}
}

// compareSnapshots allows means 1e-5 of the largest, the figure that whole
// forwards agree to, and no feature to fire on another number of tokens: with
// 80 features on 108 tokens none is within 1e-6 of its threshold.
func compareSnapshots(t *testing.T, what string, got, want Snapshot) float64 {
	t.Helper()
	top, worst := 0.0, 0.0
	for _, v := range want.Mean {
		top = max(top, math.Abs(float64(v)))
	}
	fire := 0
	for i := range want.Mean {
		worst = max(worst, math.Abs(float64(got.Mean[i]-want.Mean[i]))/top)
		if math.Abs(float64(got.Density[i]-want.Density[i])) > 1e-6 {
			t.Errorf("%s: feature %d fires on %v, want %v", what, i, got.Density[i], want.Density[i])
		}
		if want.Density[i] > 0 {
			fire++
		}
	}
	if worst > 1e-5 || math.Abs(got.L0-want.L0) > 1e-9 || math.Abs(got.EV-want.EV) > 1e-5 {
		t.Errorf("%s: means differ by %.2g, L0 %v and %v, EV %v and %v", what, worst, got.L0, want.L0, got.EV, want.EV)
	}
	if fire < 10 {
		t.Errorf("%s: only %d features fire, the test sees nothing", what, fire)
	}
	return worst
}

// TestDeltaCEAgainstEval has ΔCE of package eval, which computes it otherwise.
func TestDeltaCEAgainstEval(t *testing.T) {
	m, s := tiny(t), dictionary(sae.ArchJumpReLU, 32, 80)
	series := downSeries(t, block1, 1, 48, 32, 2, 4)
	hook := "blocks.1.hook_resid_post"
	docs := conversations(6, 24)
	tr := follow(t, FollowOptions{Model: m, Series: series, SAE: s, Hook: hook, Docs: docs, MaxNorm: -1, Lambdas: []float64{1, 3}})
	var ws []eval.Window
	for _, d := range docs.docs {
		w := eval.Window{IDs: d.IDs}
		for _, r := range d.Roles {
			w.Keep = append(w.Keep, r == chat.RoleAssistant)
		}
		ws = append(ws, w)
	}
	check := func(a *model.Adapter, lambda float64, got float64) {
		ce, err := eval.Splice(context.Background(), s, ws, eval.Splicing{Model: m, Adapter: a, Lambda: float32(lambda), Hook: hook, Mean: make([]float32, 32)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		// the same float32 forwards, summed in another order
		if math.Abs(got-ce.Delta) > 1e-6 || ce.Delta == 0 {
			t.Errorf("λ = %g: ΔCE %v, eval has %v", lambda, got, ce.Delta)
		}
		if int(ce.Positions) != tr.CETokens {
			t.Errorf("ΔCE over %d tokens, eval has %d", tr.CETokens, ce.Positions)
		}
	}
	check(nil, 0, tr.Base.DeltaCE)
	for i := range tr.Steps {
		l, err := series.Load(i)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Attach(l, model.AttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for j, lambda := range tr.Lambdas {
			check(a, lambda, tr.At(i, j).DeltaCE)
		}
	}
}

// TestFollowOwnWords is deterministic, counts only what was said, and at λ = 0
// says what the base says.
func TestFollowOwnWords(t *testing.T) {
	m, s := tiny(t), dictionary(sae.ArchJumpReLU, 32, 80)
	o := FollowOptions{Model: m, Series: downSeries(t, block1, 1, 48, 32, 1, 4), SAE: s, Hook: "blocks.1.hook_resid_post", On: OnOwn, MaxTokens: 6, Tokens: 24, Lambdas: []float64{0, 2}, MaxNorm: -1}
	o.Docs = conversations(6, 12)
	tr := follow(t, o)
	o.Docs = conversations(6, 12)
	again := follow(t, o)
	if !slices.Equal(tr.Mean, again.Mean) || tr.ClosedForm || tr.Tokens == 0 || tr.Tokens > 5*24 {
		t.Errorf("two runs differ, or %d tokens counted", tr.Tokens)
	}
	for i := range tr.Steps {
		if x := tr.At(i, 0); !slices.Equal(x.Mean, tr.Base.Mean) || x.L0 != tr.Base.L0 {
			t.Errorf("step %d: λ = 0 is not the base", tr.Steps[i])
		}
	}
	if slices.Equal(tr.At(1, 1).Mean, tr.Base.Mean) {
		t.Error("λ = 2 at the last step changes nothing")
	}
}

// TestWindowsAndFilters cuts documents, and leaves special tokens, other roles
// and long activations out.
func TestWindowsAndFilters(t *testing.T) {
	m, s := tiny(t), dictionary(sae.ArchJumpReLU, 32, 80)
	series := downSeries(t, block1, 1, 48, 32, 4)
	run := func(change func(*FollowOptions)) *Trajectory {
		o := FollowOptions{Model: m, Series: series, SAE: s, Hook: "blocks.1.hook_resid_post", Docs: conversations(4, 20), On: OnText, MaxNorm: -1, CEDocs: -1}
		change(&o)
		return follow(t, o)
	}
	whole := run(func(*FollowOptions) {})
	for name, c := range map[string]struct {
		change func(*FollowOptions)
		tokens int
	}{
		"whole text":      {func(*FollowOptions) {}, 4 * 19},
		"special too":     {func(o *FollowOptions) { o.KeepSpecial = true }, 4 * 20},
		"answers":         {func(o *FollowOptions) { o.On = OnAnswers }, 4 * 9},
		"windows of 8":    {func(o *FollowOptions) { o.Context = 8 }, 4 * 19},
		"enough after 20": {func(o *FollowOptions) { o.Tokens = 20 }, 2 * 19},
	} {
		tr := run(c.change)
		if tr.Tokens != c.tokens {
			t.Errorf("%s: %d tokens count, want %d", name, tr.Tokens, c.tokens)
		}
		if name == "windows of 8" && slices.Equal(tr.Mean, whole.Mean) {
			t.Error("a context of 8 tokens changes nothing")
		}
	}
	if tr := run(func(o *FollowOptions) { o.MaxNorm = 1 }); tr.LeftOut == 0 || tr.Tokens+tr.LeftOut != 4*19 {
		t.Errorf("%d left out for their norm, %d count", tr.LeftOut, tr.Tokens)
	}
}

func TestFollowRefuses(t *testing.T) {
	m, s := tiny(t), dictionary(sae.ArchJumpReLU, 32, 80)
	series := downSeries(t, block1, 1, 48, 32, 1, 4)
	base := FollowOptions{Model: m, Series: series, SAE: s, Hook: "blocks.1.hook_resid_post"}
	for name, c := range map[string]struct {
		change func(*FollowOptions)
		want   string
	}{
		"below the adapter": {func(o *FollowOptions) { o.Hook = "blocks.1.hook_resid_mid" }, "blocks.1.hook_mlp_out"},
		"no such hook":      {func(o *FollowOptions) { o.Hook = "blocks.1.hook_resid_psot" }, "blocks.1.hook_resid_post"},
		"another width":     {func(o *FollowOptions) { o.Hook = "blocks.1.mlp.hook_post" }, "48"},
		"no such step":      {func(o *FollowOptions) { o.Steps = []int{3} }, "[1 4]"},
		"no steps":          {func(o *FollowOptions) { o.Steps = []int{} }, "no checkpoints"},
		"no answers": {func(o *FollowOptions) {
			o.Docs = &fixed{docs: []activations.Document{{IDs: []int32{7, 8, 9}}}}
		}, "no token that counts"},
		"no documents":  {func(o *FollowOptions) { o.Docs = &fixed{} }, "no token that counts"},
		"no prompts":    {func(o *FollowOptions) { o.Docs, o.On = &fixed{}, OnOwn }, "no prompts"},
		"another place": {func(o *FollowOptions) { o.On = "elsewhere" }, "elsewhere"},
		"λ":             {func(o *FollowOptions) { o.Lambdas = []float64{math.NaN()} }, "NaN"},
		"no dictionary": {func(o *FollowOptions) { o.SAE = nil }, "dictionary"},
		"misfit":        {func(o *FollowOptions) { o.Series = downSeries(t, block1, 1, 40, 32, 2) }, "48"},
	} {
		o := base
		o.Docs = conversations(2, 10)
		c.change(&o)
		if _, err := Follow(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not say %q", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	base.Docs = conversations(2, 10)
	if _, err := Follow(ctx, base); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTrajectoryComesBack(t *testing.T) {
	m, s := tiny(t), dictionary(sae.ArchJumpReLU, 32, 80)
	o := FollowOptions{Model: m, Series: downSeries(t, block1, 1, 48, 32, 1, 2, 4), SAE: s, SAEPath: "dictionary", Hook: "blocks.1.hook_resid_post", Docs: conversations(4, 20), Lambdas: []float64{1, 2}}
	tr := follow(t, o)
	path := filepath.Join(t.TempDir(), "trajectory.arrow")
	if err := tr.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadTrajectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if toJSON(t, tr) != toJSON(t, back) || !slices.Equal(tr.Mean, back.Mean) || !slices.Equal(tr.Density, back.Density) || fmt.Sprint(tr.Base) != fmt.Sprint(back.Base) {
		t.Error("the trajectory changed on its way")
	}
	for name, x := range map[string][2][]float64{"L0": {tr.L0, back.L0}, "EV": {tr.EV, back.EV}, "ΔCE": {tr.DeltaCE, back.DeltaCE}, "change seen": {tr.ChangeSeen, back.ChangeSeen}} {
		if fmt.Sprint(x[0]) != fmt.Sprint(x[1]) {
			t.Errorf("%s: %v became %v", name, x[0], x[1])
		}
	}
	if !math.IsNaN(back.ChangeSeen[0]) {
		t.Errorf("change seen at B = 0 is %v", back.ChangeSeen[0])
	}
	if _, err := ReadReport(path); !errors.Is(err, ErrFormat) {
		t.Errorf("a trajectory read as a report: %v", err)
	}
	if err := (&Trajectory{}).Write(path); err == nil {
		t.Error("an empty trajectory was written")
	}
}

func TestEmergence(t *testing.T) {
	tr := &Trajectory{Steps: []int{5, 10, 15, 20}, Lambdas: []float64{1}, DSAE: 3}
	tr.allocate()
	for s, row := range [][]float32{{0, 5, 1}, {.6, 4, 1}, {.4, 1, 1}, {1, 1, 1}} {
		copy(tr.At(s, 0).Mean, row)
	}
	copy(tr.Base.Mean, []float32{0, 5, 1})
	for f, want := range map[int]int{0: 20, 1: 15} {
		if step, _, ok := tr.Emergence(f, 0); !ok || step != want {
			t.Errorf("feature %d emerges at %d, %v; want %d", f, step, ok, want)
		}
	}
	if _, _, ok := tr.Emergence(2, 0); ok {
		t.Error("a feature that does not change emerges")
	}
}

// FuzzReadTrajectory holds that any bytes give a trajectory or an error.
func FuzzReadTrajectory(f *testing.F) {
	tr := &Trajectory{Format: TrajectoryFormat, Steps: []int{1, 2}, Lambdas: []float64{1}, DSAE: 4}
	tr.allocate()
	path := filepath.Join(f.TempDir(), "trajectory.arrow")
	if err := tr.Write(path); err != nil {
		f.Fatal(err)
	}
	b := readFile(f, path)
	f.Add(b)
	f.Add(b[:len(b)-9])
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := parseArrow(b, trajectoryKey)
		if err != nil {
			return
		}
		if x, err := tab.trajectory(); err == nil && len(x.Mean) != len(x.Steps)*len(x.Lambdas)*x.DSAE {
			t.Fatalf("%d means for %d steps", len(x.Mean), len(x.Steps))
		}
	})
}
