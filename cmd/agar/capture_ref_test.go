package main

import (
	"os"
	"path/filepath"
	"testing"

	"agar/model"
)

// TestModelRef: a model in one file, in a directory and in parts is named by the path
// that opens it, and every file of its weights is hashed.
func TestModelRef(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(path(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums := map[string]bool{}
	for name, m := range map[string]*model.Model{
		"one file": {Name: "x", Dir: path("a"), Files: []string{path("a")}}, "parts": {Name: "x", Dir: path("a"), Files: []string{path("a"), path("b")}},
		"directory": {Name: "x", Dir: dir, Files: []string{path("b")}}, "shards": {Name: "x", Dir: dir, Files: []string{path("a"), path("b")}},
	} {
		r, err := modelRef(m)
		if err != nil || r.Path != m.Dir || r.Name != "x" || len(r.SHA256) != 64 || len(m.Files) == 2 && len(r.Files) != 2 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		sums[r.SHA256] = true
	}
	if len(sums) != 3 { // parts and shards are the same bytes
		t.Errorf("%d different hashes, expected 3", len(sums))
	}
}
