// Package safetensors opens and writes .safetensors files: a header of names,
// dtypes, shapes and byte ranges before one block of little-endian data.
//
// A file is mapped, not read: a Tensor's Data points into the mapping and is
// valid until Close. Nothing is copied before Float32 converts a tensor.
// The header is checked against the length of the file (holes, overlaps, overflow,
// truncation, trailing bytes) with no more memory than the tensors that it lists;
// errors name the file, the tensor, and what was found and expected. Writing is
// github.com/nlpodyssey/safetensors.
//
// Shapes are row-major, the last index runs fastest.
package safetensors
