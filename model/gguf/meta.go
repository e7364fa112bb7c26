package gguf

import (
	"fmt"
	"math"
	"slices"
)

// Meta is the metadata of a file. Its getters convert between the widths of a
// kind of number and refuse everything else, naming file and key.
type Meta struct {
	path   string
	keys   []string
	values map[string]any
}

// Keys lists the keys in file order.
func (m *Meta) Keys() []string { return slices.Clone(m.keys) }

// Has says that the file has the key.
func (m *Meta) Has(key string) bool {
	_, ok := m.values[key]
	return ok
}

// Value is the value as it was read: uint64, int64, float64, bool, string, a
// slice of one of them, or []any for arrays of arrays.
func (m *Meta) Value(key string) (any, bool) {
	v, ok := m.values[key]
	return expanded(v), ok
}

// expanded converts an array of numbers, and those in an array of arrays.
func expanded(v any) any {
	switch v := v.(type) {
	case numbers:
		return v.expand()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = expanded(v[i])
		}
		return out
	}
	return v
}

// get asserts the type of a value.
func get[T any](m *Meta, key, want string) (T, error) {
	v, ok := m.Value(key)
	t, is := v.(T)
	switch {
	case !ok:
		return t, fmt.Errorf("gguf: %s: metadata %q: found none, expected %s", m.path, key, want)
	case !is:
		return t, fmt.Errorf("gguf: %s: metadata %q: found %T, expected %s", m.path, key, v, want)
	}
	return t, nil
}

// Uint is an integer that is not negative.
func (m *Meta) Uint(key string) (uint64, error) {
	if v, ok := m.values[key].(int64); ok && v >= 0 {
		return uint64(v), nil
	}
	return get[uint64](m, key, "an unsigned integer")
}

// Int is an integer.
func (m *Meta) Int(key string) (int64, error) {
	if v, ok := m.values[key].(uint64); ok && v <= math.MaxInt64 {
		return int64(v), nil
	}
	return get[int64](m, key, "an integer")
}

// Float is a floating-point number.
func (m *Meta) Float(key string) (float64, error) {
	return get[float64](m, key, "a floating-point number")
}

// Bool is a truth value.
func (m *Meta) Bool(key string) (bool, error) { return get[bool](m, key, "a boolean") }

// String is a string.
func (m *Meta) String(key string) (string, error) { return get[string](m, key, "a string") }

// Strings is an array of strings. The slice is the file's own.
func (m *Meta) Strings(key string) ([]string, error) {
	return get[[]string](m, key, "an array of strings")
}

// Bytes is an array of 8-bit integers as it lies in the file. The slice is the
// file's own.
func (m *Meta) Bytes(key string) ([]byte, error) {
	if v, ok := m.values[key].(numbers); ok && (v.kind == kindUint8 || v.kind == kindInt8) {
		return v.raw, nil
	}
	return get[[]byte](m, key, "an array of 8-bit integers")
}

// Floats is an array of floating-point numbers, in a new slice.
func (m *Meta) Floats(key string) ([]float64, error) {
	return get[[]float64](m, key, "an array of floating-point numbers")
}

// Ints is an array of integers, in a new slice.
func (m *Meta) Ints(key string) ([]int64, error) {
	v, _ := m.Value(key)
	us, ok := v.([]uint64)
	if !ok {
		return get[[]int64](m, key, "an array of integers")
	}
	out := make([]int64, len(us))
	for i, u := range us {
		if u > math.MaxInt64 {
			return nil, fmt.Errorf("gguf: %s: metadata %q[%d]: found %d, expected less than 2⁶³", m.path, key, i, u)
		}
		out[i] = int64(u)
	}
	return out, nil
}
