package tensor

// Dot is Σ aᵢbᵢ, summed in float32 lanes of a fixed pattern that depends on the
// length and the kernel path only. It panics when the lengths differ.
func Dot(a, b []float32) float32 {
	checkSame("Dot", "len(b)", len(b), len(a))
	return active().dot(a, b)
}

// Axpy is y += alpha·x. It panics when the lengths differ.
func Axpy(y []float32, alpha float32, x []float32) {
	checkSame("Axpy", "len(x)", len(x), len(y))
	active().axpy(y, alpha, x)
}

// Add is y += x. It panics when the lengths differ.
func Add(y, x []float32) {
	checkSame("Add", "len(x)", len(x), len(y))
	active().add(y, x)
}

// Scale is x *= s.
func Scale(x []float32, s float32) { active().scale(x, s) }

// SumSq is Σ xᵢ², in which squares and sums are float64: a float32 square is
// exact there, and the sum of a million of them is good to about 1e-13.
func SumSq(x []float32) float64 { return active().sumSq(x) }
