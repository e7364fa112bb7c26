package pages_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"agar/model/internal/pages"

	"github.com/edsrzf/mmap-go"
)

// inMemory counts the pages of a mapping that are resident in this process.
func inMemory(t testing.TB, m mmap.MMap) (n int) {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var at uint64
	if _, err := fmt.Sscan(fmt.Sprintf("%p", &m[0]), &at); err != nil {
		t.Fatal(err)
	}
	size := uint64(os.Getpagesize())
	b := make([]byte, 8*(uint64(len(m))/size))
	if _, err := f.ReadAt(b, int64(at/size*8)); err != nil {
		t.Fatal(err)
	}
	for i := 7; i < len(b); i += 8 {
		n += int(b[i] >> 7)
	}
	return n
}

func TestRelease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	if !bytes.Equal(m, want) || inMemory(t, m) == 0 {
		t.Fatalf("%d pages resident of a mapping that was read", inMemory(t, m))
	}
	if pages.Release(m); inMemory(t, m) != 0 {
		t.Errorf("%d pages still resident", inMemory(t, m))
	}
	if !bytes.Equal(m, want) {
		t.Error("the file reads otherwise after Release")
	}
	pages.Release(nil)
}
