package gguf

import (
	"fmt"
	"strings"
)

// Keys that the parts of a split file carry; all others are in the first part only.
const (
	splitNo      = "split.no"
	splitCount   = "split.count"
	splitTensors = "split.tensors.count"
)

// maxParts is what the five digits of a part's name can say.
const maxParts = 99999

// openParts opens the parts behind the first, when f is the first part of a split
// file, and adds their tensors.
func (f *File) openParts() error {
	no, count, err := f.part()
	if err != nil || count <= 1 {
		return err
	}
	stem, ok := strings.CutSuffix(f.path, partName("", no, count))
	if !ok {
		return fmt.Errorf("gguf: %s: found part %d of %d, expected its name to end in %q", f.path, no+1, count, partName("", no, count))
	}
	if no != 0 {
		return fmt.Errorf("gguf: %s: found part %d of %d, expected the first: open %s", f.path, no+1, count, partName(stem, 0, count))
	}
	for i := uint64(1); i < count; i++ {
		if err := f.addPart(partName(stem, i, count), i, count); err != nil {
			return err
		}
	}
	if !f.Has(splitTensors) {
		return nil
	}
	want, err := f.Uint(splitTensors)
	if err == nil && want != uint64(len(f.tensors)) {
		err = fmt.Errorf("gguf: %s: found %d tensors in %d parts, expected %d", f.path, len(f.tensors), count, want)
	}
	return err
}

// partName is the name of part no of a split file, counted from 0.
func partName(stem string, no, count uint64) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", stem, no+1, count)
}

// part says which part of how many a file is; 0, 0 when it was not split.
func (f *File) part() (no, count uint64, err error) {
	if !f.Has(splitCount) {
		return 0, 0, nil
	}
	if count, err = f.Uint(splitCount); err != nil {
		return 0, 0, err
	}
	if count <= 1 {
		return 0, count, nil
	}
	if no, err = f.Uint(splitNo); err != nil {
		return 0, 0, err
	}
	if count > maxParts || no >= count {
		return 0, 0, fmt.Errorf("gguf: %s: metadata %q: found part %d of %d, expected at most %d parts", f.path, splitNo, no, count, maxParts)
	}
	return no, count, nil
}

// addPart opens one more part.
func (f *File) addPart(path string, no, count uint64) error {
	p, err := openOne(path)
	if err != nil {
		return fmt.Errorf("part %d of %d of %s: %w", no+1, count, f.path, err)
	}
	f.rest = append(f.rest, p)
	gotNo, gotCount, err := p.part()
	if err != nil {
		return err
	}
	if gotNo != no || gotCount != count {
		return fmt.Errorf("gguf: %s: found part %d of %d in it, expected %d of %d", path, gotNo+1, gotCount, no+1, count)
	}
	for _, t := range p.tensors {
		if _, ok := f.index[t.Name]; ok {
			return fmt.Errorf("gguf: %s: tensor %q stands in another part too", path, t.Name)
		}
		f.index[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	return nil
}
