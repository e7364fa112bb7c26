package blob_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"agar/activations/blob"
	"agar/activations/blob/blobtest"
)

func Example() {
	dir, _ := os.MkdirTemp("", "blob")
	defer os.RemoveAll(dir)
	s := blob.Dir(dir)
	w, _ := s.Create("shard-000000.arrow")
	fmt.Fprint(w, "rows")
	before, _ := s.List("shard-")
	_ = w.Commit()
	after, _ := s.List("shard-")
	fmt.Println(len(before), after)
	// Output: 0 [{shard-000000.arrow 4}]
}

func TestDir(t *testing.T) { blobtest.Run(t, blob.Dir(t.TempDir())) }

func TestMissingDirIsEmpty(t *testing.T) {
	blobtest.Run(t, blob.Dir(filepath.Join(t.TempDir(), "not", "yet")))
}

func TestFaultyPassesThrough(t *testing.T) {
	blobtest.Run(t, &blobtest.Faulty{Store: blob.Dir(t.TempDir())})
}

func TestFullDiskLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := &blobtest.Faulty{Store: blob.Dir(dir), FullAfter: 10}
	if err := blob.WriteAll(s, "a", []byte("12345678")); err != nil {
		t.Fatal(err)
	}
	err := blob.WriteAll(s, "b", []byte("12345678"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("found %v, expected ENOSPC", err)
	}
	if s.Written() != 10 {
		t.Errorf("wrote %d bytes, expected 10", s.Written())
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("found %v, expected only a", files)
	}
}

func TestFailedCommitKeepsTheOldBlob(t *testing.T) {
	s := &blobtest.Faulty{Store: blob.Dir(t.TempDir())}
	if err := blob.WriteAll(s, "a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	s.FailCommit = func(string) error { return syscall.EIO }
	if err := blob.WriteAll(s, "a", []byte("new")); !errors.Is(err, syscall.EIO) {
		t.Fatalf("found %v, expected EIO", err)
	}
	if b, err := blob.ReadAll(s, "a", 10); err != nil || string(b) != "old" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestReadAllHasALimit(t *testing.T) {
	s := blob.Dir(t.TempDir())
	if err := blob.WriteAll(s, "a", make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.ReadAll(s, "a", 99); err == nil {
		t.Error("read 100 bytes with a limit of 99")
	}
}

func TestFree(t *testing.T) {
	n, err := blob.Dir(filepath.Join(t.TempDir(), "a", "b")).Free()
	if err != nil || n <= 0 {
		t.Errorf("Free = %d, %v", n, err)
	}
}

func TestUnreadableDirectory(t *testing.T) {
	f := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(f, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Dir(f).Create("x"); err == nil {
		t.Error("created a blob under a file")
	}
}
