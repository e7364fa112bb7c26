// Package algorithmic grows models on a task whose algorithm is known, so that
// what training does inside can be measured against it: modular addition, which a
// transformer of one block first memorises and much later computes (grokking, Power
// et al. 2022), by rotations at a few frequencies (Nanda et al. 2023, "Progress
// measures for grokking via mechanistic interpretability").
//
// Conventions:
//
//   - Losses are in nats, means over pairs; accuracies are shares of pairs. The
//     test is on every pair that was not trained on, with right labels.
//   - The key frequencies are found, not given: those that hold at least KeyShare
//     of the variance of the logits of the model at the end of its run. Measures at
//     earlier checkpoints use them too and so look back from the end, as the paper's
//     do.
//   - The restricted loss is on the test pairs and pools all P² inputs, as the
//     paper's: what was memorised of other pairs with the same sum helps it. Beside
//     it stands the same from the logits of the new pairs alone, test pairs whose
//     mirror image was not trained on either. The excluded loss
//     is on the training pairs.
package algorithmic
