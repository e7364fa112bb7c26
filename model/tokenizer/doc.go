// Package tokenizer turns text into token ids and back exactly as the Rust
// library behind Hugging Face's tokenizers does, from the same tokenizer.json;
// SentencePiece's tokenizer.model files and the vocabularies in GGUF files are
// brought to the same pipeline.
//
// # Pipeline
//
// Encode cuts added tokens out of the raw text, normalizes what lies between
// them, cuts out the added tokens that are matched in normalized text, splits
// the rest by the pre-tokenizers, runs the model (BPE, Unigram, WordPiece or
// WordLevel) on every piece, and lets the post-processor add its special
// tokens. A component that is not implemented is an error of Parse that names
// its type, its place and the known types; so is BPE dropout. Truncation and
// padding settings of the file are not applied.
//
// Nothing of a tokenizer_config.json counts beside a tokenizer.json, as in
// transformers 5.
//
// Where Hugging Face's library raises an error in the middle of a text (a
// Unigram model without an unknown token meets an unknown character), the
// character is left out.
//
// # SentencePiece
//
// A tokenizer.model makes the ids of the SentencePiece library, but special
// tokens written in a text are found, as in Hugging Face's conversions, and the
// text between them begins anew. Nothing is put around a text unless the
// tokenizer_config.json of its directory has add_bos_token or add_eos_token.
//
// # Offsets
//
// Offsets are half-open byte ranges of the text that was given to Encode, also
// behind normalizers that change its length. They are the character offsets
// that Hugging Face reports, measured in bytes: a token that holds only some
// bytes of a character spans that whole character, and so do its neighbours.
// Tokens that a post-processor adds have [0, 0).
//
// # Speed
//
// The split patterns of GPT-2, Llama 3, Qwen 2, GPT-4o and DeepSeek are
// scanners written by hand; any other pattern runs on a regular-expression
// engine, an order of magnitude slower. Words are remembered, and a vocabulary
// without pre-tokenizer is run on the stretches that no merge can join.
//
// # Characters
//
// The library's parts follow different versions of Unicode. The classes of
// characters here are theirs, see unicode_tables.go.
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
