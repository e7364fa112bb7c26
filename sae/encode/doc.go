// Package encode writes the features of many activations to a file: zstd
// compressed Arrow IPC with the columns
//
//	row      int64
//	indices  list<uint32>   features that fire, rising
//	values   list<float32>  their activations
//
// or, densely, row and one FixedSizeList<float32> named activations with a value
// for every feature. Rows are those of the store or .npy file that was encoded,
// in its order; rows that a filter left out are missing.
package encode
