package sae

import (
	"cmp"
	"slices"
)

// topK keeps the k largest pre-activations and of those the positive ones (Gao
// et al. 2024, eq. 2 with the relu of their code). Of equal values the lower
// feature comes first.
func topK(dst *rowCodes, pre []float32, k int) {
	standard(dst, pre)
	dst.keepLargest(k)
}

// keepLargest leaves the k largest entries, in order of their index; equal
// values are taken in that order.
func (r *rowCodes) keepLargest(k int) {
	if len(r.index) <= k {
		return
	}
	r.order = r.order[:0]
	for j := range r.index {
		r.order = append(r.order, int32(j))
	}
	slices.SortFunc(r.order, func(a, b int32) int {
		if c := cmp.Compare(r.value[b], r.value[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	kept := r.order[:k]
	slices.Sort(kept)
	for j, from := range kept {
		r.index[j], r.value[j] = r.index[from], r.value[from]
	}
	r.index, r.value = r.index[:k], r.value[:k]
}
