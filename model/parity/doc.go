// Package parity holds agar's numbers against what transformers and PEFT compute.
//
// A dump is one safetensors file, made by reference.py beside this file: the
// script that Script prints for a user's own model, and that continuous
// integration runs over tiny models of every family. Its metadata has the key
// "agar-reference" with an object (Dump) that says which model it is, by the
// SHA-256 of its weights, and lists the cases; tensors are called
// `<case>/<hook>` and `<case>/logits` and hold, in float32, one row for each
// position that the case kept: [rows, width], of attention scores and patterns
// [rows, heads, keys].
//
// Conventions:
//
//   - The error of a row is ‖got − want‖₂/‖want‖₂ of a token's whole vector, all
//     heads together. The worst row counts, never a mean.
//   - Tolerance is 2e-5 for a float32 dump. transformers against itself, with
//     the attention computed in float64 instead, differs by up to 3.4e-6 on the
//     tiny models of every family (the noise of each case is in their dumps), and
//     two float32 programs each carry their own; a wrong epsilon, angle, window or
//     scale, by one percent or one key, shows above 2.5e-5 in all and above 1e-4 in
//     most of the several thousand mutations that package model's tests make.
//   - What an adapter computes inside (lora.hook_a, lora.hook_delta) are a few
//     sums that for single tokens cancel to a hundredth of their size and carry
//     the noise of what they read a hundred times over: there a row counts as no
//     smaller than the root mean square of the rows.
//   - Scores that the reference has at −inf, where a query must not look, are
//     left out; the pattern shows whether agar looked.
package parity
