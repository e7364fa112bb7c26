// Package tokenizer turns text into token ids and back exactly as the Rust
// library behind Hugging Face's tokenizers does, from the same tokenizer.json.
//
// # Pipeline
//
// Encode cuts added tokens out of the raw text, normalizes what lies between
// them, cuts out the added tokens that are matched in normalized text, splits
// the rest by the pre-tokenizers, runs the model (BPE or WordLevel) on every
// piece, and lets the post-processor add its special tokens. A component that
// is not implemented is an error of Parse that names its type and its place.
// Truncation and padding settings of the file are not applied.
//
// # Offsets
//
// Offsets are half-open byte ranges of the text that was given to Encode, also
// behind normalizers that change its length. They are the character offsets
// that Hugging Face reports, measured in bytes: a token that holds only some
// bytes of a character spans that whole character, and so do its neighbours.
// Tokens that a post-processor adds have [0, 0).
//
// # Invalid UTF-8
//
// Python never hands invalid UTF-8 to a tokenizer, so there is nothing to be
// equal to. Every maximal invalid subsequence (what Python's errors="replace"
// and Unicode call a maximal subpart) is read as one U+FFFD whose offsets are
// the invalid bytes. Decode does the same with byte tokens that do not form
// valid UTF-8.
//
// A Tokenizer is safe for concurrent use; nothing but a bounded cache of words
// changes after Parse.
package tokenizer
