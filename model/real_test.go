package model

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/parity"
)

// TestRealModels compares every model of AGAR_MODELS with a dump. It is the one of
// the same base name in AGAR_DUMPS (of a GGUF file: the dump of the directory that
// it was made from, which is the longest name of a dump that the file's name
// starts with); greedy text of 100 tokens and positions beyond 2,000 are among the
// cases of .ci/oracle.py. A directory without one is dumped by transformers, when
// AGAR_ORACLES is set.
func TestRealModels(t *testing.T) {
	models, dumps := os.Getenv("AGAR_MODELS"), os.Getenv("AGAR_DUMPS")
	if models == "" || dumps == "" {
		t.Skip("AGAR_MODELS and AGAR_DUMPS are not set")
	}
	for _, path := range filepath.SplitList(models) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			dump := dumpOf(dumps, path)
			if dump == "" {
				dump = dumpNow(t, path)
			}
			logWorst(t, checkDump(t, open(t, path), openDump(t, dump)))
		})
	}
}

// dumpNow runs the script that users run on a model directory.
func dumpNow(t *testing.T, model string) string {
	t.Helper()
	env := os.Getenv("AGAR_ORACLES")
	if st, err := os.Stat(model); env == "" || err != nil || !st.IsDir() {
		t.Fatalf("%s: found no dump in AGAR_DUMPS, and it takes a directory and AGAR_ORACLES to make one", model)
	}
	dir := t.TempDir()
	script, dump := filepath.Join(dir, "dump.py"), filepath.Join(dir, "dump.safetensors")
	var b bytes.Buffer
	if err := errors.Join(parity.Script(&b, parity.ScriptOptions{Model: model, Out: dump, Rows: 2}), os.WriteFile(script, b.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(env, "bin", "python"), script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dump
}

// dumpOf finds the dump of a model.
func dumpOf(dumps, model string) string {
	best := ""
	entries, _ := os.ReadDir(dumps)
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".safetensors")
		if ok && strings.HasPrefix(filepath.Base(model), name) && len(e.Name()) > len(filepath.Base(best)) {
			best = filepath.Join(dumps, e.Name())
		}
	}
	return best
}
