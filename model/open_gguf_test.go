package model

import (
	"os"
	"path/filepath"
	"testing"

	"agar/model/internal/bounds"
)

// A GGUF file opens as a model that can be computed with, or not at all, and opening
// it takes no more memory than a small multiple of it.
func FuzzOpenGGUF(f *testing.F) {
	f.Add([]byte("GGUF"))
	path := filepath.Join(f.TempDir(), "model.gguf")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var m *Model
		var err error
		bounds.Parse(t, len(b), 1<<20, func() {
			if m != nil {
				err = m.Close()
			}
			m, err = Open(path, Options{PanelBudget: -1})
		})
		if err != nil {
			return
		}
		if m.Spec.Heads%m.Spec.KVHeads != 0 || m.Spec.Parameters() <= 0 {
			t.Errorf("accepted %+v", m.Spec)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
