package sae

import (
	"math"

	"agar/model/tensor"
)

// KeepLargest leaves the keep largest entries of the whole batch c, all rows
// together (BatchTopK, Bussmann et al. 2024, eq. 3), and returns the smallest
// value kept, 0 when nothing is. Values must be above 0. Of equal values those
// of the lower row come first, within a row those of the lower feature. The
// k-th largest value is found exactly by counting float bits, in time
// proportional to the number of entries; threads do not change the result.
func KeepLargest(c *Codes, keep int) (smallest float32) {
	if keep <= 0 {
		n := c.N
		c.Reset()
		for range n {
			c.Append(nil, nil)
		}
		return 0
	}
	var cut uint32
	ties := c.Len()
	if c.Len() > keep {
		cut, ties = selectBits(c.Value, keep)
	}
	return c.keepFrom(cut, ties)
}

// keepFrom compacts c to the values whose bits are above cut and the first ties
// of those equal to it.
func (c *Codes) keepFrom(cut uint32, ties int) float32 {
	least := float32(math.Inf(1))
	to := int64(0)
	for r := range c.N {
		from, end := c.Ptr[r], c.Ptr[r+1]
		c.Ptr[r] = to
		for j := from; j < end; j++ {
			bits := math.Float32bits(c.Value[j])
			if bits < cut || bits == cut && ties == 0 {
				continue
			}
			if bits == cut {
				ties--
			}
			least = min(least, c.Value[j])
			c.Index[to], c.Value[to] = c.Index[j], c.Value[j]
			to++
		}
	}
	c.Ptr[c.N] = to
	c.Index, c.Value = c.Index[:to], c.Value[:to]
	if to == 0 {
		return 0
	}
	return least
}

// Positive floats order as their bits do, so the k-th largest is found with two
// counts: one over the upper 16 bits, one over the lower 16 of those that share
// the upper ones of the k-th.
const halfBits = 16

// selectBits returns the bits of the keep-th largest of values and how many
// entries equal to it belong to the keep largest.
func selectBits(values []float32, keep int) (cut uint32, ties int) {
	upper, above := rank(count(values, func(b uint32) (uint32, bool) { return b >> halfBits, true }), keep)
	lower, more := rank(count(values, func(b uint32) (uint32, bool) {
		return b & (1<<halfBits - 1), b>>halfBits == upper
	}), keep-above)
	return upper<<halfBits | lower, keep - above - more
}

// rank returns the bucket in which the keep-th entry from the top lies and the
// number of entries in the buckets above it.
func rank(counts []int64, keep int) (bucket uint32, above int) {
	for b := len(counts) - 1; b >= 0; b-- {
		if above+int(counts[b]) >= keep {
			return uint32(b), above
		}
		above += int(counts[b])
	}
	return 0, above
}

// countChunk is how many values one goroutine counts at a time.
const countChunk = 1 << 18

// count sums a histogram of 1<<halfBits buckets over the values that bucket
// takes.
func count(values []float32, bucket func(bits uint32) (uint32, bool)) []int64 {
	n := chunks(len(values), countChunk)
	parts := make([][]int64, n)
	tensor.Parallel(n, func(i int) {
		h := make([]int64, 1<<halfBits)
		for _, v := range values[i*countChunk : min((i+1)*countChunk, len(values))] {
			if b, ok := bucket(math.Float32bits(v)); ok {
				h[b]++
			}
		}
		parts[i] = h
	})
	for _, p := range parts[1:] {
		for b, c := range p {
			parts[0][b] += c
		}
	}
	return parts[0]
}
