package phase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"agar/model/lora"
	"agar/model/safetensors"
)

// writeTensors writes a weights file.
func writeTensors(t testing.TB, path string, ts ...safetensors.Out) {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, ts, nil); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.Bytes())
}

// fullTwin writes an adapter series of two modules and the same fine-tune as whole
// models: the base, and W + s·BA with a norm that moves beside it when drift is not 0.
func fullTwin(t *testing.T, steps []int, drift float32) (adapters, whole, base string) {
	t.Helper()
	const in, out = 7, 20
	rng := rand.New(rand.NewPCG(8, 8))
	names := []string{"model.layers.3.mlp.down_proj", "model.layers.4.mlp.down_proj"}
	w := map[string][]float32{}
	for _, n := range names {
		w[n] = random(rng, in*out)
	}
	a := map[string][]float32{names[0]: random(rng, 2*in), names[1]: random(rng, 2*in)}
	b := map[string][]float32{names[0]: make([]float32, 2*out), names[1]: make([]float32, 2*out)}
	heading := map[string][]float32{names[0]: random(rng, 2*out), names[1]: random(rng, 2*out)}
	turned := map[string][]float32{names[0]: random(rng, 2*out), names[1]: random(rng, 2*out)}
	states := map[int]map[string]state{}
	for _, s := range steps {
		states[s] = map[string]state{}
		for i, n := range names {
			way := heading[n]
			if i == 1 && s > 150 { // the second module turns
				way = turned[n]
			}
			next := append([]float32(nil), b[n]...)
			for j := range next {
				next[j] += .02*way[j] + .002*float32(rng.NormFloat64())
			}
			b[n] = next
			states[s][n] = state{2, in, out, a[n], next}
		}
	}
	adapters = writeRun(t, 6, false, steps, func(step int) map[string]state { return states[step] })
	dir := t.TempDir()
	base, whole = filepath.Join(dir, "base"), filepath.Join(dir, "run")
	norm := []float32{1, 1, 1, 1}
	tensors := func(step int) (ts []safetensors.Out) {
		for _, n := range names {
			sum := append([]float32(nil), w[n]...)
			if s, ok := states[step][n]; ok {
				for o := range out {
					for i := range in {
						for r := range 2 {
							sum[o*in+i] += 3 * s.b[o*2+r] * s.a[r*in+i]
						}
					}
				}
			}
			ts = append(ts, safetensors.Out{Name: n + ".weight", Shape: []int{out, in}, F32: sum})
		}
		scaled := append([]float32(nil), norm...)
		for i := range scaled {
			scaled[i] += drift * float32(step)
		}
		return append(ts, safetensors.Out{Name: "model.norm.weight", Shape: []int{4}, F32: scaled}, safetensors.Out{Name: "model.embed_tokens.weight", Shape: []int{3, 4}, F32: make([]float32, 12)})
	}
	writeTensors(t, filepath.Join(base, "model.safetensors"), tensors(0)...)
	for _, s := range steps {
		writeTensors(t, filepath.Join(whole, fmt.Sprintf("checkpoint-%d", s), "model.safetensors"), tensors(s)...)
	}
	return adapters, whole, base
}

func analyseFull(t testing.TB, run, base string, o FullOptions) *Report {
	t.Helper()
	o.Base = base
	r, err := AnalyseFull(context.Background(), run, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFullEqualsAdapters has whole models give what the adapters they were merged
// from give: norms, angles, components and the turn of one of both modules.
func TestFullEqualsAdapters(t *testing.T) {
	steps := every(5, 300)
	adapters, whole, base := fullTwin(t, steps, 0)
	a, f := analyse(t, adapters, Options{}), analyseFull(t, whole, base, FullOptions{})
	if len(f.Modules) != 3 || f.Modules[1].Name != a.Modules[1].Name || f.Modules[1].Layer != 4 || f.Modules[0].Out != 20 {
		t.Fatalf("modules %+v", f.Modules)
	}
	norm, deg := 0.0, 0.0
	for i := range a.Checkpoints {
		for j, x := range a.Checkpoints[i].Modules {
			y := f.Checkpoints[i].Modules[j]
			norm = max(norm, math.Abs(float64(y.NormDelta/x.NormDelta)-1))
			for k, v := range x.Turn {
				if v.OK() != y.Turn[k].OK() {
					t.Errorf("step %d: θ_%d is %v and %v", a.Checkpoints[i].Step, k, v, y.Turn[k])
				} else if v.OK() {
					deg = max(deg, math.Abs(float64(v-y.Turn[k])))
				}
			}
			for k, v := range x.Debiased {
				if v.Value.OK() {
					deg = max(deg, math.Abs(float64(v.Value-y.Debiased[k].Value)))
				}
			}
			if y.NormA.OK() || y.SubspaceDeg.OK() {
				t.Fatalf("a whole model has no factors: %+v", y)
			}
		}
	}
	x, y := turnsOf(a), turnsOf(f)
	t.Logf("norms agree to %.1g, angles to %.1g°; %v; %v", norm, deg, x, y)
	// A weight of size 1 is rounded to 2^-24, an increment is about 0.1.
	if norm > 1e-5 || deg > .05 || len(x) != 1 || len(y) != 1 || x[0].Step != y[0].Step || y[0].Module != "model.layers.4.mlp.down_proj" {
		t.Errorf("norms agree to %g, angles to %g°, events %v and %v", norm, deg, x, y)
	}
	if s := f.Modules[0].Singular; s == nil || float64(s.Share) < 1-1e-6 || len(s.Values) != 7 || float64(s.Values[2]) > 1e-4 {
		t.Errorf("a change of rank 2: %+v", s)
	}
	if f.Checkpoints[3].SHA256 == "" || f.Compression != nil {
		t.Errorf("hash %q, compression %v", f.Checkpoints[3].SHA256, f.Compression)
	}
	if _, err := f.schema(); err != nil {
		t.Error(err)
	}
}

// TestFullChunks has the same inner products whatever number of rows is held.
func TestFullChunks(t *testing.T) {
	_, whole, base := fullTwin(t, every(5, 50), .01)
	f, _, err := openFull(whole, FullOptions{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	name := "model.layers.3.mlp.down_proj.weight"
	want, err := f.gram(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, f.chunk = range []int{1, 1000, 3000} {
		got, err := f.gram(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			for j := range got[i] {
				if math.Abs(got[i][j]-want[i][j]) > 1e-12*math.Abs(want[i][i]) {
					t.Fatalf("%d bytes: ⟨ΔW_%d, ΔW_%d⟩ = %g, expected %g", f.chunk, i, j, got[i][j], want[i][j])
				}
			}
		}
	}
}

// TestFullVectors counts a norm in the combination and not as a module, and leaves
// what never changes out.
func TestFullVectors(t *testing.T) {
	_, still, base := fullTwin(t, every(5, 50), 0)
	_, moving, same := fullTwin(t, every(5, 50), .01)
	a, b := analyseFull(t, still, base, FullOptions{}), analyseFull(t, moving, same, FullOptions{Rank: -1})
	for i := range a.Checkpoints {
		x, y := float64(a.Checkpoints[i].Combined.NormDelta), float64(b.Checkpoints[i].Combined.NormDelta)
		norm := .01 * float64(a.Checkpoints[i].Step) * 2 // four numbers
		if math.Abs(math.Hypot(x, norm)-y) > 1e-4 {
			t.Errorf("step %d: ‖ΔW‖ = %g without the norm and %g with it", a.Checkpoints[i].Step, x, y)
		}
	}
	if len(b.Modules) != 3 || b.Modules[0].Singular != nil {
		t.Errorf("modules %+v", b.Modules)
	}
}

// TestFullShards reads checkpoints in shards, and hashes them all.
func TestFullShards(t *testing.T) {
	_, whole, base := fullTwin(t, every(5, 20), 0)
	one := analyseFull(t, whole, base, FullOptions{})
	for _, s := range every(5, 20) {
		dir := filepath.Join(whole, fmt.Sprintf("checkpoint-%d", s))
		f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		var index []string
		for i, n := range f.Names() {
			x, shape, err := f.Float32(n)
			if err != nil {
				t.Fatal(err)
			}
			file := fmt.Sprintf("model-%d.safetensors", i%2)
			if i < 2 {
				var ts []safetensors.Out
				for j, m := range f.Names() {
					if j%2 == i {
						y, sh, err := f.Float32(m)
						if err != nil {
							t.Fatal(err)
						}
						ts = append(ts, safetensors.Out{Name: m, Shape: sh, F32: y})
					}
				}
				writeTensors(t, filepath.Join(dir, file), ts...)
			}
			_, _ = x, shape
			index = append(index, fmt.Sprintf("%q: %q", n, file))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "model.safetensors.index.json"), []byte(`{"weight_map": {`+strings.Join(index, ", ")+`}}`))
		remove(t, filepath.Join(dir, "model.safetensors"))
	}
	two := analyseFull(t, whole, base, FullOptions{})
	if one.Checkpoints[2].SHA256 == two.Checkpoints[2].SHA256 || len(two.Checkpoints[2].SHA256) != 64 {
		t.Errorf("hashes %q and %q", one.Checkpoints[2].SHA256, two.Checkpoints[2].SHA256)
	}
	for i := range one.Checkpoints {
		one.Checkpoints[i].SHA256, two.Checkpoints[i].SHA256 = "", ""
	}
	if toJSON(t, one) != toJSON(t, two) {
		t.Error("the report of shards differs")
	}
}

// TestFullRefuses names what does not fit.
func TestFullRefuses(t *testing.T) {
	adapters, whole, base := fullTwin(t, []int{5, 10, 15}, 0)
	other := filepath.Join(t.TempDir(), "other")
	writeTensors(t, filepath.Join(other, "model.safetensors"), safetensors.Out{Name: "model.layers.3.mlp.down_proj.weight", Shape: []int{1, 2}, F32: []float32{1, 2}})
	none := filepath.Join(t.TempDir(), "none")
	writeTensors(t, filepath.Join(none, "model.safetensors"), safetensors.Out{Name: "x", Shape: []int{1, 2}, F32: []float32{1, 2}})
	same := filepath.Join(t.TempDir(), "same")
	write(t, filepath.Join(same, "checkpoint-5", "model.safetensors"), readFile(t, filepath.Join(base, "model.safetensors")))
	for _, c := range []struct{ run, base, want string }{
		{whole, other, "checkpoint-5: tensor model.layers.3.mlp.down_proj.weight: found [20, 7], expected [1, 2]"},
		{whole, none, "no tensor in common"},
		{adapters, base, "found no checkpoint-N with whole models"},
		{same, base, "equals the base's"},
	} {
		_, err := AnalyseFull(context.Background(), c.run, FullOptions{Base: c.base})
		if !errors.Is(err, ErrNotFull) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("found %v, expected %q", err, c.want)
		}
	}
}

// TestTopSingular holds the randomised decomposition to the exact one: of a matrix
// whose spectrum falls slowly, with the stated bounds, and of rank 3 exactly.
func TestTopSingular(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct{ rows, cols, rank int }{{60, 40, 0}, {40, 60, 0}, {50, 30, 3}, {4, 9, 0}, {30, 1, 0}} {
		x := random(rng, c.rows*c.cols)
		if c.rank > 0 {
			m := lora.Module{R: c.rank, In: c.cols, Out: c.rows, A: random(rng, c.rank*c.cols), B: random(rng, c.rank*c.rows), Scale: 1}
			for o := range c.rows {
				for i := range c.cols {
					x[o*c.cols+i] = 0
					for r := range c.rank {
						x[o*c.cols+i] += m.B[o*c.rank+r] * m.A[r*c.cols+i]
					}
				}
			}
		}
		dense := mat.NewDense(c.rows, c.cols, nil)
		for i, v := range x {
			dense.Set(i/c.cols, i%c.cols, float64(v))
		}
		var svd mat.SVD
		if !svd.Factorize(dense, mat.SVDNone) {
			t.Fatal("no decomposition")
		}
		exact := svd.Values(nil)
		s, u, v := topSingular(x, c.rows, c.cols, 5)
		worst := 0.0
		for i, got := range s.Values {
			low, high := float64(got)*(1-1e-9), float64(got+s.Errors[i])*(1+1e-9)+1e-5
			if exact[i] < low-1e-5 || exact[i] > high {
				t.Errorf("%+v: σ_%d = %g, stated %g + %g", c, i, exact[i], got, s.Errors[i])
			}
			worst = max(worst, math.Abs(exact[i]-float64(got))/exact[0])
			var column mat.VecDense // x·v = σ·u
			column.MulVec(dense, v.ColView(i))
			column.AddScaledVec(&column, -float64(got), u.ColView(i))
			high = float64(got + s.Errors[i])
			if n := mat.Norm(&column, 2); n*n > high*high-float64(got*got)+1e-9 { // ‖x − QQᵀx‖²
				t.Errorf("%+v: ‖x·v − σ·u‖ = %g of direction %d", c, n, i)
			}
		}
		t.Logf("%d × %d of rank %d: worst error %.2g of σ₁, share %.4f, stable rank %.2f", c.rows, c.cols, c.rank, worst, float64(s.Share), float64(s.Stable))
		if worst > .05 || c.rank > 0 && (worst > 1e-6 || float64(s.Share) < 1-1e-6) {
			t.Errorf("%+v: worst error %g", c, worst)
		}
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestReduce has the adapters of rank 2 that a change of rank 2 reduces to give the
// same report as the adapters it was made from, and says what rank 1 holds.
func TestReduce(t *testing.T) {
	adapters, whole, base := fullTwin(t, every(5, 200), .01)
	out := filepath.Join(t.TempDir(), "reduced")
	r, err := Reduce(context.Background(), whole, out, FullOptions{Base: base, Rank: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Modules) != 2 || len(r.At) != 40 || r.At[39].Share < 1-1e-5 || strings.Join(r.LeftOut, " ") != "model.norm.weight" {
		t.Errorf("%+v", r)
	}
	a, b := analyse(t, adapters, Options{}), analyse(t, out, Options{})
	worst := 0.0
	for i := range a.Checkpoints {
		for j, x := range a.Checkpoints[i].Modules {
			y := b.Checkpoints[i].Modules[j]
			worst = max(worst, math.Abs(float64(y.NormDelta/x.NormDelta)-1))
			if x.Name != y.Name || y.SubspaceDeg.OK() != x.SubspaceDeg.OK() {
				t.Fatalf("%+v and %+v", x, y)
			}
		}
	}
	t.Logf("norms agree to %.1g", worst)
	if x, y := turnsOf(a), turnsOf(b); worst > 1e-4 || len(x) != 1 || len(y) != 1 || x[0].Step != y[0].Step {
		t.Errorf("norms agree to %g, events %v and %v", worst, x, y)
	}
	one, err := Reduce(context.Background(), whole, out, FullOptions{Base: base, Rank: 1})
	if err != nil || !(one.At[39].Share < .999) || !(one.At[39].Share > .4) {
		t.Errorf("rank 1: %+v, %v", one, err)
	}
	if _, err := Reduce(context.Background(), whole, out, FullOptions{Base: base, Rank: -1}); err == nil {
		t.Error("rank −1 was taken")
	}
}
