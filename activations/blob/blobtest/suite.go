package blobtest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"agar/activations/blob"
)

// Run holds an empty store to the contract of blob.Store.
func Run(t *testing.T, s blob.Store) {
	t.Run("missing", func(t *testing.T) { missing(t, s) })
	t.Run("names", func(t *testing.T) { names(t, s) })
	t.Run("commit", func(t *testing.T) { commit(t, s) })
	t.Run("abort", func(t *testing.T) { abort(t, s) })
	t.Run("map", func(t *testing.T) { mapped(t, s) })
}

func missing(t *testing.T, s blob.Store) {
	_, errOpen := s.Open("nothing")
	_, errStat := s.Stat("nothing")
	for verb, err := range map[string]error{"Open": errOpen, "Stat": errStat, "Remove": s.Remove("nothing")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a missing blob: found %v, expected fs.ErrNotExist", verb, err)
		}
	}
	if l, err := s.List(""); err != nil || len(l) != 0 {
		t.Errorf("List of an empty store = %v, %v", l, err)
	}
}

func names(t *testing.T, s blob.Store) {
	for _, name := range []string{"", "/a", "../a", "a/../b", "a//b", "a.tmp", "a\\b"} {
		if _, err := s.Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
	}
}

func commit(t *testing.T, s blob.Store) {
	put(t, s, "b/one", "first")
	put(t, s, "a", "second")
	put(t, s, "b/one", "replaced")
	if got := get(t, s, "b/one"); got != "replaced" {
		t.Errorf("read %q", got)
	}
	l, err := s.List("")
	if err != nil || len(l) != 2 || l[0] != (blob.Info{Name: "a", Size: 6}) || l[1] != (blob.Info{Name: "b/one", Size: 8}) {
		t.Errorf("List = %v, %v", l, err)
	}
	if l, _ := s.List("b/"); len(l) != 1 {
		t.Errorf("List(b/) = %v", l)
	}
	for _, name := range []string{"a", "b/one"} {
		if err := s.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

func abort(t *testing.T, s blob.Store) {
	put(t, s, "x", "old")
	w, err := s.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "new content"); err != nil {
		t.Fatal(err)
	}
	if l, _ := s.List(""); len(l) != 1 || l[0].Size != 3 {
		t.Errorf("before Commit List = %v", l)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("second Abort: %v", err)
	}
	if got := get(t, s, "x"); got != "old" {
		t.Errorf("after Abort found %q", got)
	}
	if err := s.Remove("x"); err != nil {
		t.Error(err)
	}
}

func mapped(t *testing.T, s blob.Store) {
	put(t, s, "m", "mapped")
	put(t, s, "empty", "")
	defer func() { _, _ = s.Remove("m"), s.Remove("empty") }()
	for name, want := range map[string]string{"m": "mapped", "empty": ""} {
		r, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(blob.Mapper); ok {
			if b, err := m.Map(); err != nil || string(b) != want {
				t.Errorf("Map of %s = %q, %v", name, b, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func put(t *testing.T, s blob.Store, name, data string) {
	t.Helper()
	w, err := s.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.Copy(w, bytes.NewBufferString(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("second Commit succeeded")
	}
}

func get(t *testing.T, s blob.Store, name string) string {
	t.Helper()
	b, err := blob.ReadAll(s, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
