package model

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/lora"
	"agar/model/safetensors"
)

// parity is the worst relative error allowed for a token's vector, ‖got −
// want‖₂/‖want‖₂. transformers against itself (eager and sdpa attention, adapter
// merged or not) differs by 1e-6 on real models; a wrong epsilon, angle or scale
// shows above 1e-4.
const parity = 2e-5

// A dump is what transformers and PEFT computed, as testdata/make_tiny.py and
// .ci/oracle.py write it: a directory with
//
//	cases.json           [{name, ids, adapter, lambda, hooks, rows, greedy, ce, kl}]
//	forward.safetensors  float32 tensors `<case>/<hook>` [rows, dim] and, unless
//	                     left out, `<case>/logits` [rows, vocab]
//
// adapter is a directory or null, lambda multiplies its scale; rows is [from, to),
// the positions that were dumped, or null for all; greedy is the continuation of
// ids, or null; ce is the mean cross-entropy of the next token, kl the mean of
// both directions, in nats.
type dump struct {
	dir   string
	cases []oracleCase
	f     *safetensors.File
}

type oracleCase struct {
	Name    string
	IDs     []int32
	Adapter *string
	Lambda  float32
	Hooks   []string
	Rows    *[2]int
	Greedy  []int32
	CE      float64
	KL      *struct {
		AdaptedBase float64 `json:"adapted_base"`
		BaseAdapted float64 `json:"base_adapted"`
	}
}

func openDump(t testing.TB, dir string) *dump {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := &dump{dir: dir}
	if err := json.Unmarshal(data, &d.cases); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	if d.f, err = safetensors.Open(filepath.Join(dir, "forward.safetensors")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.f.Close() })
	return d
}

// adapterDir resolves the adapter of a case, relative to the folder of the dump.
func (d *dump) adapterDir(c *oracleCase) string {
	if filepath.IsAbs(*c.Adapter) {
		return *c.Adapter
	}
	return filepath.Join(filepath.Dir(d.dir), *c.Adapter)
}

// worst holds the largest relative error by hook, layers taken together.
type worst map[string]float64

func (w worst) add(hook string, err float64) {
	if parts := strings.SplitN(hook, ".", 3); len(parts) == 3 {
		hook = parts[2]
	}
	w[hook] = max(w[hook], err)
}

func (w worst) max() float64 {
	m := 0.0
	for _, v := range w {
		if v > m || v != v {
			m = v
		}
	}
	return m
}

func (w worst) String() string {
	var s []string
	for k, v := range w {
		s = append(s, fmt.Sprintf("%s %.1e", k, v))
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}

// compare runs a case and gives the worst errors of its hooks and logits.
func (d *dump) compare(m *Model, a *Adapter, c *oracleCase) (worst, error) {
	r, err := m.Forward(context.Background(), &Request{Seqs: [][]int32{c.IDs}, Reads: c.Hooks, Adapter: a, Lambda: c.Lambda, Logits: AllLogits})
	if err != nil {
		return nil, err
	}
	w := worst{}
	for _, h := range append(slices.Clone(c.Hooks), "logits") {
		got := r.Hooks[h]
		if h == "logits" {
			got = r.Logits
		}
		want, shape, err := d.f.Float32(c.Name + "/" + h)
		if err != nil {
			return nil, err
		}
		lo, hi := 0, len(c.IDs)
		if c.Rows != nil {
			lo, hi = c.Rows[0], c.Rows[1]
		}
		if len(shape) != 2 || shape[0] != hi-lo || len(got) != len(c.IDs)*shape[1] {
			return nil, fmt.Errorf("%s/%s: oracle has shape %v, got %d values for %d tokens", c.Name, h, shape, len(got), len(c.IDs))
		}
		w.add(h, relative(got[lo*shape[1]:hi*shape[1]], want, shape[1], strings.Contains(h, ".lora.")))
	}
	return w, nil
}

// relative is the worst ‖got − want‖₂/‖want‖₂ over rows of width d; a zero row
// must be met exactly. narrow is for what an adapter computes: A·x is a few sums
// of thousands of products, which for single tokens cancel to a hundredth of
// their size and then carry the noise of x a hundred times over; there a row
// counts as no smaller than the root mean square of all rows.
func relative(got, want []float32, d int, narrow bool) float64 {
	floor := 0.0
	if narrow {
		for _, v := range want {
			floor += float64(v) * float64(v) / float64(len(want)/d)
		}
	}
	top := 0.0
	for i := 0; i+d <= len(want); i += d {
		diff, norm := 0.0, 0.0
		for j := range d {
			g, w := float64(got[i+j]), float64(want[i+j])
			diff += (g - w) * (g - w)
			norm += w * w
		}
		e := math.Sqrt(diff / max(norm, floor))
		if diff == 0 {
			e = 0
		}
		if !(e <= top) {
			top = e
		}
	}
	return top
}

// attachDir attaches the adapter in a directory.
func attachDir(t testing.TB, m *Model, dir string) *Adapter {
	t.Helper()
	l, err := lora.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func open(t testing.TB, path string) *Model {
	t.Helper()
	m, err := Open(path, Options{})
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

// checkDump compares every case of a dump with the model.
func checkDump(t *testing.T, m *Model, d *dump) {
	total := worst{}
	for i := range d.cases {
		c := &d.cases[i]
		t.Run(c.Name, func(t *testing.T) {
			var a *Adapter
			if c.Adapter != nil {
				a = attachDir(t, m, d.adapterDir(c))
			}
			w, err := d.compare(m, a, c)
			if err != nil {
				t.Fatal(err)
			}
			for h, e := range w {
				total.add(h, e)
				if !(e <= parity) {
					t.Errorf("%s: relative error %.2e, at most %.0e allowed", h, e, parity)
				}
			}
			checkLoss(t, m, a, c)
			checkGreedy(t, m, a, c)
		})
	}
	t.Logf("worst relative error of a token's vector: %v", total)
}

// checkLoss compares the mean losses of a case: means of differences of logits
// up to 50 that agree to 1e-6 of that each.
func checkLoss(t *testing.T, m *Model, a *Adapter, c *oracleCase) {
	const tol, long = 1e-4, 512 // beyond, the hooks and logits say enough for the time it takes
	if len(c.IDs) > long {
		return
	}
	ctx, seqs := context.Background(), [][]int32{c.IDs}
	ce, err := m.Loss(ctx, &Request{Seqs: seqs, Adapter: a, Lambda: c.Lambda})
	if err != nil {
		t.Fatal(err)
	}
	if got := mean(ce[:len(ce)-1]); math.Abs(got-c.CE) > tol {
		t.Errorf("cross-entropy %.6f, expected %.6f", got, c.CE)
	}
	if a == nil {
		return
	}
	kl, err := m.KL(ctx, seqs, a, c.Lambda)
	if err != nil {
		t.Fatal(err)
	}
	if ab, ba := mean(kl.AdaptedBase), mean(kl.BaseAdapted); math.Abs(ab-c.KL.AdaptedBase) > tol || math.Abs(ba-c.KL.BaseAdapted) > tol {
		t.Errorf("KL(adapted‖base) %.6f and KL(base‖adapted) %.6f, expected %.6f and %.6f", ab, ba, c.KL.AdaptedBase, c.KL.BaseAdapted)
	}
}

func checkGreedy(t *testing.T, m *Model, a *Adapter, c *oracleCase) {
	if c.Greedy == nil {
		return
	}
	out, err := m.Generate(context.Background(), [][]int32{c.IDs}, GenerateOptions{MaxTokens: len(c.Greedy), Adapter: a, Lambda: c.Lambda, IgnoreEOS: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out[0].IDs, c.Greedy) {
		t.Errorf("greedy continuation %v, expected %v", out[0].IDs, c.Greedy)
	}
}

func TestTinyModels(t *testing.T) {
	for _, name := range []string{"tied", "llama3", "sharded"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			checkDump(t, open(t, dir), openDump(t, filepath.Join(dir, "dump")))
		})
	}
}

// A GGUF file of the same weights, with llama.cpp's permutation undone, serves
// the same dumps, adapters by HF names included.
func TestTinyGGUF(t *testing.T) {
	dir := filepath.Join("testdata", "sharded")
	checkDump(t, open(t, filepath.Join(dir, "model.gguf")), openDump(t, filepath.Join(dir, "dump")))
}
