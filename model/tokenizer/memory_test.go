package tokenizer

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"agar/model/internal/bounds"
)

// TestMemory holds the opening of every tokenizer here, and with AGAR_TOKENIZERS of
// those that packages ship, to bounds.PerByte × its size + constant, those bytes
// included that are freed on the way, and prints what is allocated and what is kept.
func TestMemory(t *testing.T) {
	paths := globAll(t, "testdata", 14)
	if dir := os.Getenv("AGAR_TOKENIZERS"); dir != "" {
		paths = append(paths, globAll(t, dir, 28)...)
	}
	table := fmt.Sprintf("\n%-28s %10s %10s %8s %8s\n", "tokenizer", "bytes", "allocated", "a byte", "kept")
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		var tok *Tokenizer
		open := func() {
			if tok, err = openFile(path); err != nil {
				t.Fatal(err)
			}
		}
		allocated := bounds.Parse(t, int(st.Size()), constant, open)
		kept := live()
		runtime.KeepAlive(tok)
		tok = nil
		kept -= live()
		n := float64(st.Size())
		table += fmt.Sprintf("%-28s %10d %10d %8.1f %8.1f\n", filepath.Base(path), st.Size(), allocated, float64(allocated)/n, float64(kept)/n)
	}
	t.Log(table)
}

// globAll lists the tokenizer files of a directory, at least so many.
func globAll(t *testing.T, dir string, least int) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.json", "*.model"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < least {
		t.Fatalf("%s: found %d tokenizers, expected at least %d", dir, len(paths), least)
	}
	return paths
}

// live is the memory that objects in use take.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
