// Package eval judges dictionaries on activations that they were not trained on.
//
// Two questions are asked. How well are activations rebuilt: L0, explained
// variance and its legacy twin, dead features, density (Reconstruct). And how
// much does a model lose when it goes on from the rebuilt activations: cross
// entropy in nats with the dictionary spliced in, beside that of the model left
// alone and with the activations replaced by zero or by their mean (Splice).
//
// Definitions, with x the activations, x̂ their reconstructions and means over
// all N tokens judged:
//
//	explained_variance        = 1 − mean‖x − x̂‖² / (mean‖x‖² − ‖mean x‖²)
//	explained_variance_legacy = mean(1 − ‖x − x̂‖² / ‖x − block mean‖²), blocks of 4,096 tokens
//	l0                        = mean number of features that fire on a token
//	dead                      = features that fire on none of the N tokens
//	delta_ce                  = CE_spliced − CE_clean
//	loss_recovered_zero       = (CE_zero − CE_spliced) / (CE_zero − CE_clean)
//	loss_recovered_mean       = (CE_mean − CE_spliced) / (CE_mean − CE_clean)
//
// The second form of explained variance weighs every token alike whatever its
// norm; it is what SAELens printed for long and papers quote, kept for
// comparison only. Tokens that the filter leaves out (special ones, norm
// outliers, roles not asked for) are neither judged nor replaced in the model,
// under ablation as little as under the dictionary, and the mean cross entropy
// runs over the tokens that are replaced and have a next one. A dictionary that
// rebuilds everything so recovers 1, one that returns zeros recovers 0 of zero
// ablation.
package eval
