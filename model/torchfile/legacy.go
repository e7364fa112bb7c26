package torchfile

import (
	"encoding/binary"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"
)

// legacyProtocol is the number behind the magic of the older format.
const legacyProtocol = 1001

// readLegacy reads the format of torch before 1.6: pickles of a magic number, a
// protocol, facts about the machine, the object and the keys of its storages, then
// for every key a count of elements and the elements.
func readLegacy(data []byte) (any, error) {
	l := &legacy{data: data, pos: len(legacyMagic)}
	protocol, err := l.next("protocol", newStorages(nil))
	if err != nil {
		return nil, err
	}
	if protocol != legacyProtocol {
		return nil, fmt.Errorf("protocol: found %s, expected %d", describe(protocol), legacyProtocol)
	}
	facts, err := l.next("system", newStorages(nil))
	if err != nil {
		return nil, err
	}
	if d, ok := facts.(*types.Dict); ok {
		if little, ok := d.Get("little_endian"); ok && little != true {
			return nil, fmt.Errorf("system: found a big-endian file, expected little endian")
		}
	}
	storages := newStorages(func(*storage) error { return nil })
	root, err := l.next("object", storages)
	if err != nil {
		return nil, err
	}
	keys, err := l.next("storage keys", newStorages(nil))
	if err != nil {
		return nil, err
	}
	return root, l.fill(keys, storages)
}

// legacy is where reading of the older format stands.
type legacy struct {
	data []byte
	pos  int
}

// next reads one pickle.
func (l *legacy) next(what string, s *storages) (any, error) {
	v, n, err := unpickle(l.data[l.pos:], budgetOf(l.data), s)
	if err != nil {
		return nil, fmt.Errorf("%s behind byte %d: %w", what, l.pos, err)
	}
	l.pos += n
	return v, nil
}

// fill finds the bytes of every storage, in the order of keys.
func (l *legacy) fill(keys any, s *storages) error {
	list, ok := keys.(*types.List)
	if !ok || list.Len() != len(s.byKey) {
		return fmt.Errorf("storage keys: found %T, expected a list of %d", keys, len(s.byKey))
	}
	for i := range list.Len() {
		key, _ := list.Get(i).(string)
		st, ok := s.byKey[key]
		if !ok || st.data != nil {
			return fmt.Errorf("storage keys: found %q at %d, expected every storage of the object once", key, i)
		}
		rest := l.data[l.pos:]
		if len(rest) < 8 || binary.LittleEndian.Uint64(rest) != uint64(st.elems) {
			return fmt.Errorf("storage %q at byte %d: found no count of %d elements", key, l.pos, st.elems)
		}
		rest = rest[8:]
		n := st.elems * st.size
		if n > len(rest) {
			return fmt.Errorf("storage %q at byte %d: found %d bytes to the end of the file, expected %d", key, l.pos+8, len(rest), n)
		}
		st.data = rest[:n:n]
		l.pos += 8 + n
	}
	return nil
}
