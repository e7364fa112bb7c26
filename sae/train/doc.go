// Package train trains BatchTopK dictionaries (Bussmann et al. 2024) as the
// trainer of that name in saprmarks/dictionary_learning does:
//
//	f = relu(W_enc(x − b_dec) + b_enc), the k·B largest of a batch of B kept
//	x̂ = W_decᵀf + b_dec
//	L = mean ‖x − x̂‖² + α·L_aux,   α = 1/32
//
// L_aux makes features that have not fired for long reconstruct what is left
// over: r = x − x̂ held fixed, r̂ from the k_aux largest activations of dead
// features of each row without bias, L_aux = mean‖r − r̂‖² / mean‖r − mean r‖².
// A step ends with the decoder's gradient made orthogonal to each row, the norm
// of all gradients clipped to 1, Adam, and decoder rows scaled back to norm 1.
// The threshold of the finished jumprelu dictionary follows the smallest
// activation kept.
//
// One dense product is left, the encoder's. Everything else, decoding,
// gradients and the auxiliary loss, touches only entries that are not zero: of
// the pre-activations, made in tiles, only candidates for the k·B largest are
// ever kept. Sums run in a fixed order, so a step gives the same bits on any
// number of threads.
//
// Where a default of the reference makes no sense for a run of a million
// tokens, the defaults of Options scale with the length of the run; each field
// says how.
package train
