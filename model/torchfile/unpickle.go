package torchfile

import (
	"bytes"
	"fmt"
	"math"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// storages are those that a pickle has named; fill finds the bytes of a new one.
type storages struct {
	byKey map[string]*storage
	fill  func(*storage) error
}

// newStorages starts a list; a nil fill refuses every storage.
func newStorages(fill func(*storage) error) *storages {
	return &storages{byKey: map[string]*storage{}, fill: fill}
}

// load is what the pickle asks for by ('storage', class, key, location, elements).
func (s *storages) load(id any) (any, error) {
	t, ok := id.(*types.Tuple)
	if !ok || t.Len() < 5 || t.Len() > 6 || t.Get(0) != "storage" || s.fill == nil {
		return nil, fmt.Errorf("found a reference to %T, expected to a storage", id)
	}
	class, ok := t.Get(1).(storageType)
	if !ok {
		return nil, fmt.Errorf("storage: found %T, expected a class of storages", t.Get(1))
	}
	key, isString := t.Get(2).(string)
	elems, isInt := t.Get(4).(int)
	if !isString || !isInt || elems < 0 || elems > math.MaxInt/class.size {
		return nil, fmt.Errorf("storage: found key %T and a size of %s, expected a string and a number of elements", t.Get(2), describe(t.Get(4)))
	}
	if t.Len() == 6 && t.Get(5) != nil {
		return nil, fmt.Errorf("storage %q: found a view of another storage, which agar does not read", key)
	}
	if have, ok := s.byKey[key]; ok {
		if have.storageType != class || have.elems != elems {
			return nil, fmt.Errorf("storage %q: found it as %d × %s and as %d × %s", key, have.elems, have.name, elems, class.name)
		}
		return have, nil
	}
	st := &storage{storageType: class, key: key, elems: elems}
	s.byKey[key] = st
	return st, s.fill(st)
}

// unpickle reads the pickle at the start of data, and says where it ends. Only what
// vet lets through reaches gopickle, whose complaints about badly stacked values may
// be panics.
func unpickle(data []byte, budget int64, s *storages) (value any, end int, err error) {
	if end, err = vet(data, budget); err != nil {
		return nil, 0, err
	}
	r := bytes.NewReader(data[:end])
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("pickle before byte %d: values do not fit the instruction: %v", end-r.Len(), p)
		}
	}()
	u := pickle.NewUnpickler(r)
	u.PersistentLoad = s.load
	u.FindClass = func(module, name string) (any, error) {
		if g, ok := globals[module+"."+name]; ok {
			return g, nil
		}
		return nil, fmt.Errorf("%w: found %q", ErrClass, module+"."+name)
	}
	if value, err = u.Load(); err != nil {
		return nil, 0, fmt.Errorf("pickle before byte %d: %.300w", end-r.Len(), err)
	}
	return value, end, nil
}
