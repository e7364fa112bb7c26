package model

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/parity"
)

// realModel is the directory of AGAR_MODELS that a dump was made of.
func realModel(t *testing.T, d *parity.Dump) string {
	t.Helper()
	for _, path := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if filepath.Base(path) == d.Model.Name {
			return path
		}
	}
	t.Fatalf("%s: found no %s in AGAR_MODELS=%s", d.Path, d.Model.Name, os.Getenv("AGAR_MODELS"))
	return ""
}

// TestRealAdapters holds adapters of every kind on a real model, at some dials,
// against what PEFT computes (.ci/real_adapters.py), and that every hook that an
// adapter has in block 15 and at both ends is among what is compared.
func TestRealAdapters(t *testing.T) {
	all := t
	if os.Getenv("AGAR_MODELS") == "" || os.Getenv("AGAR_DUMPS") == "" {
		t.Skip("AGAR_MODELS and AGAR_DUMPS are not set")
	}
	dumps, err := filepath.Glob(filepath.Join(os.Getenv("AGAR_DUMPS"), "real-adapters", "*", "dump.safetensors"))
	if err != nil || len(dumps) < 14 {
		t.Fatalf("found %d dumps in AGAR_DUMPS, expected at least 14, %v", len(dumps), err)
	}
	var table parityTable
	var m *Model
	opened := ""
	for _, path := range dumps {
		kind := filepath.Base(filepath.Dir(path))
		t.Run(kind, func(t *testing.T) {
			d := openDump(t, path)
			dir := realModel(t, d)
			if m == nil || opened != dir {
				m, opened = open(all, dir), dir
			}
			for i := range d.Cases {
				compares(t, m, d, &d.Cases[i])
			}
			table.add(kind, checkDump(t, m, d))
		})
	}
	t.Logf("worst relative error of a token's vector\n%v", &table)
}

// compares fails when a case lacks a hook that the adapter has in block 15 or at an
// end. PEFT shows no factors of several adapters one by one.
func compares(t *testing.T, m *Model, d *parity.Dump, c *parity.Case) {
	t.Helper()
	if len(c.Adapters) > 1 {
		return
	}
	a, _, err := attachCase(t, m, d, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range m.Hooks(a) {
		here := strings.HasPrefix(h.Name, "blocks.15.") || !strings.HasPrefix(h.Name, "blocks.")
		if strings.Contains(h.Name, ".lora.") && here && !slices.Contains(c.Hooks, h.Name) {
			t.Errorf("%s: not compared: %s", c.Name, h.Name)
		}
	}
}
