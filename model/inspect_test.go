package model

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/lora"
)

func TestInspect(t *testing.T) {
	m := open(t, filepath.Join("testdata", "tied"))
	l, err := lora.Load(filepath.Join("testdata", "tied", "r4"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Inspect(context.Background(), l, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Parameters != 25312 || r.Stored["F32"] != 4*r.Parameters {
		t.Errorf("%d parameters, stored %v, expected 25312 in F32", r.Parameters, r.Stored)
	}
	a := r.Adapter
	if len(a.Matched) != 21 || len(a.Unmatched) != 0 || a.Problem != nil || a.KL == nil || *a.FirstHook != "blocks.0.attn.hook_q" || len(a.SHA256) != 64 {
		t.Errorf("adapter %+v", a)
	}
	for _, x := range a.Modules {
		if !(x.NormDelta > 0) || math.Abs(x.Ratio*x.NormW-x.NormDelta) > 1e-12 {
			t.Errorf("module %+v", x)
		}
	}
	if k := a.KL; !(k.AdaptedBase > 0) || !(k.BaseAdapted > 0) || k.Tokens < 50 {
		t.Errorf("KL %+v", k)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"matched":[`, `"unmatched":[]`, `"norm_delta":`, `"ratio":`, `"sha256":`, `"kl":{"tokens":`, `"scale":`} {
		if !strings.Contains(string(data), key) {
			t.Errorf("JSON has no %s", key)
		}
	}
}

// ‖W‖_F and KL against their definitions.
func TestInspectedNumbers(t *testing.T) {
	m, a := tinyPair(t)
	w := m.w.blocks[0].projs[projK]
	sum := 0.0
	for _, v := range w.Float32(nil) {
		sum += float64(v) * float64(v)
	}
	if got := frobenius(w); math.Abs(got-math.Sqrt(sum)) > 1e-12*got {
		t.Errorf("‖W‖ = %g, expected %g", got, math.Sqrt(sum))
	}
	if d, err := m.KL(context.Background(), [][]int32{{1, 2, 3}}, a, 0); err != nil || mean(d.AdaptedBase) != 0 || mean(d.BaseAdapted) != 0 {
		t.Errorf("KL at λ = 0: %v, %v", d, err)
	}
	p, q := []float32{0, float32(math.Log(3))}, []float32{0, 0} // 1/4, 3/4 and 1/2, 1/2
	pq, qp := klRow(p, q)
	if want := 0.25*math.Log(0.5) + 0.75*math.Log(1.5); math.Abs(float64(pq)-want) > 1e-7 {
		t.Errorf("KL(p‖q) = %g, expected %g", pq, want)
	}
	if want := 0.5*math.Log(2) + 0.5*math.Log(2.0/3); math.Abs(float64(qp)-want) > 1e-7 {
		t.Errorf("KL(q‖p) = %g, expected %g", qp, want)
	}
	if _, err := m.KL(context.Background(), [][]int32{{1}}, nil, 1); err == nil {
		t.Error("KL without an adapter is accepted")
	}
}

// An adapter that does not fit is a finding, not a failure.
func TestInspectReportsWhatDoesNotFit(t *testing.T) {
	m := open(t, filepath.Join("testdata", "llama3"))
	l, err := lora.Load(filepath.Join("testdata", "tied", "r4"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Inspect(context.Background(), l, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Adapter; a.Problem == nil || len(a.Unmatched) != 7 || len(a.Matched) != 14 || a.KL != nil || len(a.Misshapen) == 0 {
		t.Errorf("adapter %+v", a)
	}
	for i := range l.Modules {
		clear(l.Modules[i].B)
	}
	fits := open(t, filepath.Join("testdata", "tied"))
	if r, err = fits.Inspect(context.Background(), l, AttachOptions{}); err != nil || r.Adapter.KL.AdaptedBase != 0 || len(r.Adapter.Warnings) != 1 || r.Adapter.Problem == nil {
		t.Errorf("a zero adapter: %v, %+v", err, r.Adapter)
	}
}
