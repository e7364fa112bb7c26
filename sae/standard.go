package sae

// standard keeps what relu leaves: pre > 0 (Bricken et al. 2023).
func standard(dst *Builder, pre []float32) {
	for i, v := range pre {
		if v > 0 {
			dst.Add(i, v)
		}
	}
}
