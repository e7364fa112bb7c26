package torchfile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
)

// archive is the zip archive of a file: NAME/data.pkl, and NAME/data/KEY for every
// storage, stored as they are.
type archive struct {
	data    []byte
	records map[string]*zip.File // without NAME/
}

// readZip reads the pickle of a zip archive, with storages that are views of data.
func readZip(data []byte) (any, error) {
	a, err := openArchive(data)
	if err != nil {
		return nil, err
	}
	if _, ok := a.records["constants.pkl"]; ok {
		return nil, fmt.Errorf("found a TorchScript program, expected what torch.save writes of a state dict")
	}
	if order, err := a.record("byteorder"); err == nil && string(order) != "little" {
		return nil, fmt.Errorf("record byteorder: found %q, expected \"little\"", order)
	}
	pickle, err := a.record(pickleName)
	if err != nil {
		return nil, err
	}
	storages := newStorages(a.fill)
	root, end, err := unpickle(pickle, budgetOf(data), storages)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", pickleName, err)
	}
	if end != len(pickle) {
		return nil, fmt.Errorf("record %s: found %d bytes behind the pickle, expected none", pickleName, len(pickle)-end)
	}
	return root, nil
}

const pickleName = "data.pkl"

// openArchive lists the records.
func openArchive(data []byte) (*archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("zip archive: %w", err)
	}
	a := &archive{data: data, records: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		_, name, ok := strings.Cut(f.Name, "/")
		if _, twice := a.records[name]; twice {
			return nil, fmt.Errorf("zip archive: record %q comes twice", name)
		}
		if ok {
			a.records[name] = f
		}
	}
	return a, nil
}

// record is the bytes of a record, inside data.
func (a *archive) record(name string) ([]byte, error) {
	f, ok := a.records[name]
	if !ok {
		return nil, fmt.Errorf("zip archive: found no record %q", name)
	}
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
		return nil, fmt.Errorf("zip archive: record %q is compressed, expected it stored as torch.save does", name)
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("zip archive: record %q: %w", name, err)
	}
	size, n := uint64(len(a.data)), f.UncompressedSize64
	if at < 0 || uint64(at) > size || n > size-uint64(at) {
		return nil, fmt.Errorf("zip archive: record %q: found %d bytes from byte %d on, expected them within the %d of the file", name, n, at, size)
	}
	return a.data[at : uint64(at)+n : uint64(at)+n], nil
}

// fill finds the bytes of a storage.
func (a *archive) fill(s *storage) error {
	data, err := a.record("data/" + s.key)
	if err != nil {
		return err
	}
	if len(data) != s.elems*s.size {
		return fmt.Errorf("storage %q: found %d bytes, expected %d elements of %s in %d", s.key, len(data), s.elems, s.name, s.elems*s.size)
	}
	s.data = data
	return nil
}
