// Package stats holds the statistics that analyses share: order statistics,
// topographic peaks, the jackknife, transitions of a curve from one level to
// another, intervals of shares and means over clusters, logistic regression,
// agreement, principal components from Gram matrices, one-to-one assignment.
// Distributions and decompositions come from gonum.
//
// NaN in input is the caller's to remove; functions say what they do when there
// are too few values.
package stats
