package sae

import "math"

// topK keeps the k largest pre-activations and of those the positive ones (Gao
// et al. 2024, eq. 2 with the relu of their code). Of equal values the lower
// feature comes first.
func topK(dst *Builder, pre []float32, k int) {
	standard(dst, pre)
	dst.KeepLargest(k)
}

// KeepLargest leaves the k largest entries of the row under way, all of which
// must be above 0, in the order of their index; equal values are taken in that
// order.
func (b *Builder) KeepLargest(k int) {
	if len(b.index) <= k {
		return
	}
	b.bits = b.bits[:0]
	for _, v := range b.value {
		b.bits = append(b.bits, math.Float32bits(v))
	}
	cut, ties := largest(b.bits, k)
	to := 0
	for j, v := range b.value {
		bits := math.Float32bits(v)
		if bits < cut || bits == cut && ties == 0 {
			continue
		}
		if bits == cut {
			ties--
		}
		b.index[to], b.value[to] = b.index[j], v
		to++
	}
	b.index, b.value = b.index[:to], b.value[:to]
}

// largest returns the k-th largest of b, 1 ≤ k ≤ len(b), and how many values
// equal to it are among the k largest. It reorders b (Hoare's quickselect with
// the median of three; time linear on average).
func largest(b []uint32, k int) (cut uint32, ties int) {
	for {
		p := middle(b[0], b[len(b)/2], b[len(b)-1])
		above, equal := partition(b, p)
		switch {
		case k <= above:
			b = b[:above]
		case k <= above+equal:
			return p, k - above
		default:
			b, k = b[above+equal:], k-above-equal
		}
	}
}

// middle is the median of three.
func middle(a, b, c uint32) uint32 { return max(min(a, b), min(max(a, b), c)) }

// partition moves the values above p to the front and those equal to it behind
// them, and returns how many there are of both.
func partition(b []uint32, p uint32) (above, equal int) {
	i, hi := 0, len(b)
	for i < hi {
		switch v := b[i]; {
		case v > p:
			b[i], b[above] = b[above], v
			above++
			i++
		case v == p:
			i++
		default:
			hi--
			b[i], b[hi] = b[hi], v
		}
	}
	return above, hi - above
}
