// Package gguf reads GGUF files, versions 2 and 3, little endian: typed
// metadata, tensors as views of the memory-mapped file, and the tokenizer and
// chat template that the metadata hold.
//
// GGUF lists dimensions from the fastest to the slowest; shapes here are
// reversed to row-major, so that a matrix is [rows, cols] as in a safetensors
// file. The rows of attn_q and attn_k are as the file has them: llama.cpp's
// converter interleaves the halves of every head, and undoing that is the
// loader's business.
//
// Everything a file says about itself is checked against its length before it
// is used. An error names the file, what was being read and at which byte.
package gguf
