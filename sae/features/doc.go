// Package features makes and reads the index of a dictionary over a capture:
// for every feature how often and how strongly it fires, which tokens it
// promotes, which features are like it, and examples of text it fires on.
//
// Build makes all of it in one pass over the capture. What is held is a block of
// rows, and for each feature a fixed number of examples with their
// neighbourhood; nothing grows with the number of tokens.
//
// Two things need the largest activation of a feature, which is known only at
// the end: the histogram and the examples drawn from tenths of [0, max]. Both
// work on bins of [0, M) with M a power of two above every activation so far.
// When a larger one comes, M doubles and bins merge in pairs. Counts add up, so
// the histogram is that of the final M exactly. For examples every firing has a
// priority, a hash of seed, feature and row, and a bin keeps the firings of
// lowest priority: a uniform sample of the bin, and the lowest of two merged
// bins are a uniform sample of both. At the end a tenth of [0, max] takes the
// lowest priorities among the firings that its bins have kept; only in the bins
// that lie across its borders can a firing be missing that a second pass would
// have drawn. The result depends neither on threads nor on blocks.
//
// An index is a directory of features.arrow (a row a feature), examples.arrow (a
// row an example, features together) and manifest.json.
package features
