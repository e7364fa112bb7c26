package model

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/lora"
	"agar/model/parity"
)

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

// openDump opens the dump at path.
func openDump(t testing.TB, path string) *parity.Dump {
	t.Helper()
	d, err := parity.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// attachCase attaches the adapters of a case, which are directories, relative to
// that of the dump unless absolute; several are summed at their dials.
func attachCase(t testing.TB, m *Model, d *parity.Dump, c *parity.Case) (*Adapter, float32, error) {
	var parts []Dialled
	for i := range c.Adapters {
		parts = append(parts, Dialled{attachDir(t, m, adapterDir(d, c, i)), float64(c.Adapters[i].Lambda)})
	}
	if len(parts) == 1 {
		return parts[0].Adapter, c.Adapters[0].Lambda, nil
	}
	a, err := Combine(parts...)
	return a, 1, err
}

func adapterDir(d *parity.Dump, c *parity.Case, i int) string {
	if dir := c.Adapters[i].Name; filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(filepath.Dir(d.Path), c.Adapters[i].Name)
}

// checkDump compares every case of a dump with the model: hooks, logits, greedy
// tokens and losses.
func checkDump(t *testing.T, m *Model, d *parity.Dump) *parity.Report {
	t.Helper()
	r, err := m.Parity(context.Background(), d, ParityOptions{Attach: func(c *parity.Case) (*Adapter, float32, error) { return attachCase(t, m, d, c) }})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Problem(); p != "" {
		t.Error(p)
	}
	for _, x := range r.Tokens {
		t.Logf("%s: greedy token %d is %d, expected %d by %.1e", x.Case, x.At, x.Got, x.Want, x.Margin)
	}
	for i := range d.Cases {
		checkLoss(t, m, d, &d.Cases[i])
	}
	return r
}

// logWorst prints the worst error of each kind of hook.
func logWorst(t *testing.T, r *parity.Report) {
	var s []string
	for _, d := range r.ByHook() {
		s = append(s, fmt.Sprintf("%s %.1e", parity.Kind(d.Hook), float64(d.Error)))
	}
	t.Logf("worst relative error of a token's vector: %s", strings.Join(s, ", "))
}

// checkLoss compares the mean losses of a case: means of differences of logits
// up to 50 that agree to 1e-6 of that each.
func checkLoss(t *testing.T, m *Model, d *parity.Dump, c *parity.Case) {
	const tol, long = 1e-4, 512 // beyond, the hooks and logits say enough for the time it takes
	if len(c.IDs) > long || c.CE == nil {
		return
	}
	var a *Adapter
	lambda := float32(0)
	if len(c.Adapters) > 0 {
		a, lambda, _ = attachCase(t, m, d, c)
	}
	ctx, seqs := context.Background(), [][]int32{c.IDs}
	ce, err := m.Loss(ctx, &Request{Seqs: seqs, Adapter: a, Lambda: lambda})
	if err != nil {
		t.Fatal(err)
	}
	if got := mean(ce[:len(ce)-1]); math.Abs(got-*c.CE) > tol {
		t.Errorf("%s: cross-entropy %.6f, expected %.6f", c.Name, got, *c.CE)
	}
	if a == nil || c.KL == nil {
		return
	}
	kl, err := m.KL(ctx, seqs, a, lambda)
	if err != nil {
		t.Fatal(err)
	}
	if ab, ba := mean(kl.AdaptedBase), mean(kl.BaseAdapted); math.Abs(ab-c.KL.AdaptedBase) > tol || math.Abs(ba-c.KL.BaseAdapted) > tol {
		t.Errorf("%s: KL(adapted‖base) %.6f and KL(base‖adapted) %.6f, expected %.6f and %.6f", c.Name, ab, ba, c.KL.AdaptedBase, c.KL.BaseAdapted)
	}
}

func TestTinyModels(t *testing.T) {
	for _, name := range []string{"tied", "llama3", "sharded"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			logWorst(t, checkDump(t, open(t, dir), openDump(t, filepath.Join(dir, "dump.safetensors"))))
		})
	}
}

// A GGUF file of the same weights, with llama.cpp's permutation undone, serves
// the same dumps, adapters by HF names included.
func TestTinyGGUF(t *testing.T) {
	dir := filepath.Join("testdata", "sharded")
	logWorst(t, checkDump(t, open(t, filepath.Join(dir, "model.gguf")), openDump(t, filepath.Join(dir, "dump.safetensors"))))
}
