// Package pages maps files of parsers, and gives back memory of what is mapped.
package pages

import (
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// Map maps a regular file of at least so many bytes for reading; what says of an
// error what they are. Errors start with the path.
func Map(path string, least int64, what string) (mmap.MMap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: found a %s, expected a file", path, kind(st.Mode()))
	}
	if st.Size() < least {
		return nil, fmt.Errorf("%s: truncated: found %d bytes, expected at least %s", path, st.Size(), what)
	}
	m, err := mmap.Map(f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return m, nil
}

func kind(m os.FileMode) string {
	if m.IsDir() {
		return "directory"
	}
	return "special file (" + m.Type().String() + ")"
}

// Release makes no page of a mapping resident. b is what mmap gave, whole; it stays
// readable, and pages are mapped again, from the cache of files, when they are
// touched. Where the system has no such call, or refuses, nothing happens.
//
// Reading a few bytes of a mapping makes a whole page resident, of two megabytes
// where the kernel caches the file in such, so that opening a large model for its
// names and norms can leave more resident than what a capture then reads.
func Release(b []byte) {
	if len(b) > 0 {
		release(b)
	}
}
