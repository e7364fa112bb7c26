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
// A file that was split into NAME-00001-of-0000N.gguf is opened by its first part.
// Tensors of types that package tensor does not decode are listed, and refused by
// name when they are asked for. [File.Vocabulary] hands out what a file says about
// its tokens, whatever kind of tokenizer they are for.
//
// Everything a file says about itself is checked against its length before it
// is used, and reading takes less than eight times its size of memory; numbers in
// arrays are converted when they are asked for. An error names the file, what was being read and at which byte.
package gguf
