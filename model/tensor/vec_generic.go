package tensor

// dotGeneric sums in eight lanes, then the lanes pairwise.
func dotGeneric(a, b []float32) float32 {
	var s [8]float32
	n := len(a) &^ 7
	b = b[:len(a)]
	for i := 0; i < n; i += 8 {
		x, y := a[i:i+8:i+8], b[i:i+8:i+8]
		for j := range 8 {
			s[j] += float32(x[j] * y[j])
		}
	}
	for j, v := range a[n:] {
		s[j] += float32(v * b[n+j])
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

func axpyGeneric(y []float32, alpha float32, x []float32) {
	for i, v := range x {
		y[i] += float32(alpha * v)
	}
}

func addGeneric(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

func scaleGeneric(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

func sumSqGeneric(x []float32) float64 {
	var s [4]float64
	n := len(x) &^ 3
	for i := 0; i < n; i += 4 {
		v := x[i : i+4 : i+4]
		for j := range 4 {
			s[j] += float64(float64(v[j]) * float64(v[j]))
		}
	}
	for j, v := range x[n:] {
		s[j] += float64(float64(v) * float64(v))
	}
	return (s[0] + s[2]) + (s[1] + s[3])
}

func scaleMulGeneric(dst, x, w []float32, s float32) {
	for i, v := range x {
		dst[i] = float32(v*s) * w[i]
	}
}
