package report

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/activations/manifest"
)

func verify(t *testing.T, dir string) *Verified {
	t.Helper()
	v, err := Verify(context.Background(), dir, VerifyOptions{Kernel: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVerify finds a report as it was made, and notices each thing that changed.
func TestVerify(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "report")
	o := Options{Run: grow(t, filepath.Join(root, "run"), grown{60, 2, 1}), Kernel: "test"}
	if _, err := Write(context.Background(), dir, o); err != nil {
		t.Fatal(err)
	}
	v := verify(t, dir)
	if !v.OK || v.Numbers < 1000 {
		t.Fatalf("a report as it was made: %+v", v)
	}
	t.Run("a changed input", func(t *testing.T) {
		path := filepath.Join(root, "run", "checkpoint-150", "adapter_model.safetensors")
		old := get(t, path)
		defer put(t, path, old)
		changed := bytes.Clone(old)
		changed[len(changed)-1] ^= 1 // an exponent bit of B's last element
		put(t, path, changed)
		v := verify(t, dir)
		now, err := manifest.HashFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if v.OK || len(v.Changed) != 1 || v.Changed[0].Path != path || v.Changed[0].Role != "run" || v.Changed[0].Found != now || v.Changed[0].Recorded != sum(old) {
			t.Errorf("found %+v", v.Changed)
		}
		if !mentions(v, "run.checkpoints.29.modules.0.norm_b") {
			t.Errorf("the norm of B is not among the differences: %+v", v.Differences)
		}
	})
	t.Run("a missing input", func(t *testing.T) {
		path := filepath.Join(root, "run", "checkpoint-50", "adapter_config.json")
		old := get(t, path)
		defer put(t, path, old)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		v := verify(t, dir)
		if v.OK || len(v.Missing) != 1 || v.Missing[0].Path != path || v.Missing[0].Recorded != sum(old) || v.Missing[0].Found != "" || v.Unchecked == "" {
			t.Errorf("found %+v", v)
		}
	})
	t.Run("a changed number", func(t *testing.T) {
		path := filepath.Join(dir, DataFile)
		old := get(t, path)
		defer put(t, path, old)
		put(t, path, bytes.Replace(old, []byte(`"loss": 1.9967`), []byte(`"loss": 1.9968`), 1))
		v := verify(t, dir)
		if v.OK || len(v.Files) != 1 || len(v.Differences) != 1 || !strings.HasSuffix(v.Differences[0].Key, ".loss") || v.Differences[0].Recorded != "1.9968" || v.Differences[0].Found != "1.9967" {
			t.Errorf("found %+v, %+v", v.Files, v.Differences)
		}
	})
	t.Run("a changed picture", func(t *testing.T) {
		path := filepath.Join(dir, "turn.svg")
		old := get(t, path)
		defer put(t, path, old)
		put(t, path, append(bytes.Clone(old), ' '))
		v := verify(t, dir)
		if v.OK || len(v.Files) != 1 || v.Files[0].Role != "turn.svg" || !mentions(v, "turn.svg") {
			t.Errorf("found %+v, %+v", v.Files, v.Differences)
		}
	})
	t.Run("moved together", func(t *testing.T) {
		moved := root + "-moved"
		if err := os.Rename(root, moved); err != nil {
			t.Fatal(err)
		}
		defer os.Rename(moved, root)
		if v := verify(t, filepath.Join(moved, "report")); !v.OK {
			t.Errorf("found %+v", v)
		}
	})
	t.Run("no report", func(t *testing.T) {
		if _, err := Verify(context.Background(), o.Run, VerifyOptions{}); !errors.Is(err, ErrNoReport) {
			t.Errorf("found %v, expected %v", err, ErrNoReport)
		}
	})
}

func mentions(v *Verified, key string) bool {
	for _, d := range v.Differences {
		if d.Key == key {
			return true
		}
	}
	return false
}

// TestVerifyEverything verifies a report with all that can lie beside a run.
func TestVerifyEverything(t *testing.T) {
	root := whole(t).root
	dir := filepath.Join(root, "report")
	if v := verify(t, dir); !v.OK {
		t.Fatalf("found %+v", v)
	}
	path := filepath.Join(root, "judged", "behaviour.json")
	old := get(t, path)
	defer put(t, path, old)
	put(t, path, bytes.Replace(old, []byte(`"pairs": 40`), []byte(`"pairs": 41`), 1))
	v := verify(t, dir)
	if v.OK || len(v.Changed) != 1 || v.Changed[0].Role != "run behaviour" || v.Changed[0].Path != path {
		t.Errorf("found %+v", v.Changed)
	}
}
