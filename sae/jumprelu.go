package sae

// jumpReLU keeps relu(pre)·1[pre > θ] (Rajamanoharan et al. 2024b, eq. 5), with
// θ a number per feature. A negative θ keeps what relu keeps.
func jumpReLU(dst *Builder, pre, theta []float32) {
	theta = theta[:len(pre)]
	for i, v := range pre {
		if v > theta[i] && v > 0 {
			dst.Add(i, v)
		}
	}
}
