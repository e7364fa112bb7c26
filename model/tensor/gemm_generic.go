package tensor

// tileGeneric is the portable h×8 micro-kernel. Products are rounded before they
// are added, so that no compiler fuses them in one loop and not in another.
func tileGeneric(h int) tileFunc {
	return func(kc int, a, b, c []float32, ldc int, add bool) {
		for r := range h {
			s := rowGeneric(kc, a[r:], h, b)
			d := c[r*ldc : r*ldc+8]
			if add {
				for j, v := range s {
					d[j] += v
				}
				continue
			}
			copy(d, s[:])
		}
	}
}

// rowGeneric is Σ_k a[k·step]·b[k·8 + j] for j = 0 … 7, in rising k.
func rowGeneric(kc int, a []float32, step int, b []float32) [8]float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for k := range kc {
		x := a[k*step]
		v := b[k*8 : k*8+8 : k*8+8]
		s0 += float32(x * v[0])
		s1 += float32(x * v[1])
		s2 += float32(x * v[2])
		s3 += float32(x * v[3])
		s4 += float32(x * v[4])
		s5 += float32(x * v[5])
		s6 += float32(x * v[6])
		s7 += float32(x * v[7])
	}
	return [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// interleaveGeneric packs h rows of n floats, ld apart, as dst[k·step + row].
func interleaveGeneric(dst, src []float32, h, n, ld, step int) {
	for r := range h {
		p := r
		for _, v := range src[r*ld : r*ld+n] {
			dst[p] = v
			p += step
		}
	}
}

// stripesGeneric copies n rows of h contiguous floats, ld apart, to dst[k·h].
func stripesGeneric(dst, src []float32, h, n, ld int) {
	for k := range n {
		copy(dst[k*h:k*h+h], src[k*ld:k*ld+h])
	}
}
