// Package safetensors opens and writes .safetensors files: a header of names,
// dtypes, shapes and byte ranges before one block of little-endian data.
//
// A file is mapped, not read: a Tensor's Data points into the mapping and is
// valid until Close. Nothing is copied before Float32 converts a tensor.
// Header checks (holes, overlaps, overflow, truncation, trailing bytes) are
// those of github.com/nlpodyssey/safetensors; this package adds to its errors
// the file, the tensor, and what was found and expected.
//
// Shapes are row-major, the last index runs fastest.
package safetensors
