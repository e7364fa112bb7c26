// Package ledger keeps account of what is claimed of a fine-tune and of what each
// claim went through.
//
// A claim is an event, a direction or a feature. Its battery has eight checks: the
// benign twin, at least three seeds, matched controls, the covariates of answer
// length and habit, degenerate tests, held-out prompts, validity of the dictionary,
// and the effect against its noise or permutation null. A check passes, fails, or
// was not run; it passes only where it could have failed. What was not run is named
// and never counted as passed: "survives 3 of 4 run; 4 not run".
//
// [Claims] goes through all of it. Each check is a function from [Evidence] to a
// [Check] with its reason and its numbers, and every threshold is a constant of this
// package with its meaning beside it.
package ledger
