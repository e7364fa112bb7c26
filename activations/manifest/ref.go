package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Ref points at something a job read.
type Ref struct {
	Path   string            `json:"path,omitempty"`   // where it was, absolute, or - for standard input
	Name   string            `json:"name,omitempty"`   // what it calls itself, such as a model's _name_or_path
	SHA256 string            `json:"sha256,omitempty"` // hex; of several files see RefOf
	Files  map[string]string `json:"files,omitempty"`  // SHA-256 by name inside Path, when there are several
	Note   string            `json:"note,omitempty"`   // one sentence a reader must know
	Lambda *float64          `json:"lambda,omitempty"` // the dial of an adapter
	With   []Ref             `json:"with,omitempty"`   // the adapters that were summed with this one
}

// RefOf describes path by hashing files of it: names relative to the directory
// path, or none when path is a file. The SHA256 of one file is the file's; of
// several it is that of the lines "HASH  NAME\n" in ascending order of names, as
// sha256sum prints them.
func RefOf(path string, files ...string) (Ref, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Ref{}, fmt.Errorf("manifest: %w", err)
	}
	r := Ref{Path: abs}
	switch len(files) {
	case 0:
		r.SHA256, err = HashFile(path)
		return r, err
	case 1:
		r.SHA256, err = HashFile(filepath.Join(path, files[0]))
		return r, err
	}
	r.Files = make(map[string]string, len(files))
	names := slices.Clone(files)
	slices.Sort(names)
	all := sha256.New()
	for _, name := range slices.Compact(names) {
		h, err := HashFile(filepath.Join(path, name))
		if err != nil {
			return Ref{}, err
		}
		r.Files[filepath.ToSlash(name)] = h
		fmt.Fprintf(all, "%s  %s\n", h, filepath.ToSlash(name))
	}
	r.SHA256 = hex.EncodeToString(all.Sum(nil))
	return r, nil
}

// HashFile is the SHA-256 of a file in lower-case hex.
func HashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, f, make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
