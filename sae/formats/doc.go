// Package formats reads and writes dictionaries in the directory layout of
// SAELens 6: cfg.json with the configuration and free-form metadata,
// sae_weights.safetensors with W_enc [d_in, d_sae], b_enc, W_dec [d_sae, d_in],
// b_dec and, for jumprelu, threshold, and optionally sparsity.safetensors with
// log10(frequency + 1e-10) of every feature.
//
// Architectures read: standard, topk, jumprelu, and batchtopk training
// checkpoints, which become jumprelu as SAELens itself saves them. Architectures
// written: standard, topk, jumprelu. Everything else in the file that would
// change the numbers, other architectures and run-time normalisation of
// activations among it, is refused by name rather than ignored. Parameters are
// float32 in memory and on disk; half precision is widened on reading.
package formats
