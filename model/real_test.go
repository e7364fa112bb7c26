package model

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealModels compares every model of AGAR_MODELS with the dump of the same
// base name in AGAR_DUMPS (of a GGUF file: the dump of the directory that it was
// made from, which is the longest name of a dump that the file's name starts
// with). The format is that of dump in oracle_test.go; greedy text of 100 tokens
// and positions beyond 2,000 are among the cases of .ci/oracle.py.
func TestRealModels(t *testing.T) {
	models, dumps := os.Getenv("AGAR_MODELS"), os.Getenv("AGAR_DUMPS")
	if models == "" || dumps == "" {
		t.Skip("AGAR_MODELS and AGAR_DUMPS are not set")
	}
	found := 0
	for _, path := range filepath.SplitList(models) {
		dir := dumpOf(dumps, path)
		if dir == "" {
			continue
		}
		found++
		t.Run(filepath.Base(path), func(t *testing.T) { checkDump(t, open(t, path), openDump(t, dir)) })
	}
	if found == 0 {
		t.Errorf("AGAR_DUMPS=%s has no dump of any of AGAR_MODELS=%s", dumps, models)
	}
}

func dumpOf(dumps, model string) string {
	best := ""
	entries, _ := os.ReadDir(dumps)
	for _, e := range entries {
		_, err := os.Stat(filepath.Join(dumps, e.Name(), "cases.json"))
		if err == nil && strings.HasPrefix(filepath.Base(model), e.Name()) && len(e.Name()) > len(filepath.Base(best)) {
			best = filepath.Join(dumps, e.Name())
		}
	}
	return best
}
