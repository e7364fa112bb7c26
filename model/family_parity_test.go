package model

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/internal/tiny"
	"agar/model/parity"
	"agar/model/safetensors"
)

// recipes is where the recipes and goldens of tiny models are; .ci/families.py
// makes them.
const recipes = "testdata/families"

// variants lists the tiny models: every family in every form that changes the
// forward.
func variants(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(recipes)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) < 40 {
		t.Fatalf("%s: found %d variants, expected at least 40", recipes, len(names))
	}
	return names
}

// tinyModel makes a variant's directory.
func tinyModel(t testing.TB, name string) (dir string, ts []tiny.Tensor) {
	t.Helper()
	dir = t.TempDir()
	ts, err := tiny.Model(dir, filepath.Join(recipes, name), "testdata/tied/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	return dir, ts
}

// parityTable is the worst error of every variant and kind of hook.
type parityTable struct {
	kinds []string
	rows  map[string]map[string]float64
}

func (p *parityTable) add(name string, r *parity.Report) {
	if p.rows == nil {
		p.rows = map[string]map[string]float64{}
	}
	row := map[string]float64{}
	for _, d := range r.ByHook() {
		row[parity.Kind(d.Hook)] = float64(d.Error)
		if !slices.Contains(p.kinds, parity.Kind(d.Hook)) {
			p.kinds = append(p.kinds, parity.Kind(d.Hook))
		}
	}
	p.rows[name] = row
}

// String has a line a variant: the worst of all, then of every hook.
func (p *parityTable) String() string {
	var b strings.Builder
	names := make([]string, 0, len(p.rows))
	for n := range p.rows {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		worst, where := 0.0, ""
		for k, e := range p.rows[n] {
			if e > worst {
				worst, where = e, k
			}
		}
		fmt.Fprintf(&b, "%-20s %.1e  %s\n", n, worst, where)
	}
	fmt.Fprintf(&b, "\n%-28s", "hook")
	for _, k := range p.kinds {
		worst, where := 0.0, ""
		for _, n := range names {
			if e := p.rows[n][k]; e > worst {
				worst, where = e, n
			}
		}
		fmt.Fprintf(&b, "\n%-28s %.1e  %s", k, worst, where)
	}
	return b.String()
}

// TestFamilies holds every family against the committed rows.
func TestFamilies(t *testing.T) {
	var table parityTable
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			dir, _ := tinyModel(t, name)
			table.add(name, checkDump(t, open(t, dir), openDump(t, filepath.Join(recipes, name, "dump.safetensors"))))
		})
	}
	t.Logf("worst relative error of a token's vector\n%v", &table)
}

// TestFamilyDumps holds every hook of every family against the dumps of
// AGAR_DUMPS, and the models drawn here against those drawn there.
func TestFamilyDumps(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	var table parityTable
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, "families", name)
			d := openDump(t, filepath.Join(dir, "dump.safetensors"))
			table.add(name, checkDump(t, open(t, dir), d))
			everyHookDumped(t, dir, d)
			sameTensors(t, dir, name)
		})
	}
	t.Logf("worst relative error of a token's vector\n%v", &table)
}

// everyHookDumped fails when the model has a hook that no case compares.
func everyHookDumped(t *testing.T, dir string, d *parity.Dump) {
	m := open(t, dir)
	for _, h := range m.Hooks(nil) {
		if !slices.ContainsFunc(d.Cases, func(c parity.Case) bool { return slices.Contains(c.Hooks, h.Name) }) {
			t.Errorf("%s: no case has it", h.Name)
		}
	}
}

// sameTensors fails unless the recipe makes the tensors that a directory has.
func sameTensors(t *testing.T, dir, name string) {
	mine, ts := tinyModel(t, name)
	got, want := openFile(t, filepath.Join(mine, "model.safetensors")), openFile(t, filepath.Join(dir, "model.safetensors"))
	if len(want.Names()) != len(ts) {
		t.Errorf("the recipe makes %d tensors, the script made %d", len(ts), len(want.Names()))
	}
	for _, n := range want.Names() {
		x, _, err := got.Float32(n)
		y, _, err2 := want.Float32(n)
		if err != nil || err2 != nil || !slices.Equal(x, y) {
			t.Errorf("tensor %s differs from the script's (%v, %v)", n, err, err2)
		}
	}
}

func openFile(t *testing.T, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
