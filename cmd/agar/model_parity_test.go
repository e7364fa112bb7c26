package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runAgar runs a command and gives what it prints.
func runAgar(args ...string) (stdout string, err error) {
	var out, log bytes.Buffer
	c := newRoot()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&log)
	err = c.Execute()
	return out.String(), err
}

// referenceDump runs the printed script in the reference environment.
func referenceDump(t *testing.T, args ...string) string {
	t.Helper()
	env := os.Getenv("AGAR_ORACLES")
	if env == "" {
		t.Skip("AGAR_ORACLES is not set: nothing to run Python with")
	}
	dir := t.TempDir()
	script, dump := filepath.Join(dir, "dump.py"), filepath.Join(dir, "dump.safetensors")
	text, err := runAgar(append([]string{"model", "dump-reference-script", "--out", dump}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(env, "bin", "python"), script)
	c.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "CUDA_VISIBLE_DEVICES=", "HF_HUB_OFFLINE=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dump
}

// parityOf compares and gives the printed object.
func parityOf(t *testing.T, args ...string) (r struct {
	OK    bool
	Cases int
	Worst struct {
		Hook  string
		Error float64
	}
	Deviations []struct{ Hook string }
}, err error) {
	t.Helper()
	out, err := runAgar(append([]string{"model", "parity", "--json"}, args...)...)
	if out != "" {
		if e := json.Unmarshal([]byte(out), &r); e != nil {
			t.Fatalf("%v in %s", e, out)
		}
	}
	return r, err
}

// TestLiveParity has transformers dump a real model with an adapter and a tiny
// Gemma 2, and compares; the dump of one is refused for the other.
func TestLiveParity(t *testing.T) {
	models := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(models) == 0 {
		t.Skip("AGAR_MODELS is not set")
	}
	smol := models[0]
	adapter := filepath.Join(filepath.Dir(smol), "smollm2-run", "checkpoint-80")
	dump := referenceDump(t, smol, "--adapter", adapter, "--rows", "2", "--long", "600")
	r, err := parityOf(t, smol, "--dump", dump, "--adapter", adapter)
	if err != nil || !r.OK || r.Cases != 6 || len(r.Deviations) < 3000 {
		t.Errorf("%s: found %v, %d cases, %d hooks; expected parity in 6 cases", smol, err, r.Cases, len(r.Deviations))
	}
	t.Logf("%s: worst of %d hooks is %s, %.1e", filepath.Base(smol), len(r.Deviations), r.Worst.Hook, r.Worst.Error)
	gemma := tinyGemma(t)
	own := referenceDump(t, gemma, "--long", "200")
	r, err = parityOf(t, gemma, "--dump", own)
	if err != nil || !r.OK {
		t.Errorf("tiny Gemma 2: %v", err)
	}
	t.Logf("tiny Gemma 2: worst of %d hooks is %s, %.1e", len(r.Deviations), r.Worst.Hook, r.Worst.Error)
	if _, err := parityOf(t, gemma, "--dump", dump); err == nil || strings.Count(err.Error(), "with weights")+strings.Count(err.Error(), "has weights") != 2 || exitCode(err) != exitRefused {
		t.Errorf("the dump of another model: found %v, expected a refusal with both hashes", err)
	}
	half := referenceDump(t, gemma, "--long", "-1", "--dtype", "bfloat16")
	if r, err := parityOf(t, gemma, "--dump", half); err != nil || r.Worst.Error < 1e-4 {
		t.Errorf("a dump in bfloat16: found %v and a worst error of %.1e, expected its rounding", err, r.Worst.Error)
	}
}

// tinyGemma is the tiny Gemma 2 of AGAR_DUMPS with a tokenizer that transformers
// opens.
func tinyGemma(t *testing.T) string {
	t.Helper()
	dumps := os.Getenv("AGAR_DUMPS")
	if dumps == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	dir := t.TempDir()
	for _, src := range []string{filepath.Join(dumps, "families", "gemma2"), filepath.Join("..", "..", "model", "testdata", "tied")} {
		for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
			data, err := os.ReadFile(filepath.Join(src, name))
			if err != nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}
