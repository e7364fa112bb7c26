// Package sae holds sparse autoencoders: dictionaries that write an activation
// vector as a sum of few learned directions.
//
// Every architecture here is one map,
//
//	pre = W_enc·(x − β·b_dec) + b_enc
//	a   = act(pre)
//	x̂   = Σᵢ aᵢ·W_dec[i] + b_dec
//
// with β ∈ {0, 1} (SAE.ApplyBDecToInput) and an activation per architecture,
// each in a file of its own: relu in standard.go, the k largest of a token in
// topk.go, a threshold per feature in jumprelu.go. batchtopk.go holds the
// selection that a BatchTopK dictionary trains with; once trained it is a
// JumpReLU one.
//
// Conventions. A feature is a row of WEnc and a row of WDec, both [DSAE, DIn]
// row-major float32; SAELens stores the encoder the other way round, and
// sae/formats turns it. Activations enter as x [n, DIn] row-major. Features
// leave as Codes, compressed sparse rows with rising feature indices. Which
// features fire on a row, and how strongly, depends neither on the other rows
// nor on the number of threads.
package sae
