package features

import (
	"context"
	"math"

	"agar/model/tensor"
	"agar/sae"
)

// neighbourTile is how many features are compared with all others at a time.
const neighbourTile = 128

// nearest gives the decoder rows of largest cosine for each feature, itself
// aside. A feature whose decoder row is zero has none and is nobody's.
func nearest(ctx context.Context, s *sae.SAE) ([][]Neighbour, error) {
	unit := make([]float32, len(s.WDec))
	zero := make([]bool, s.DSAE)
	for i, n := range s.DecoderNorms() {
		zero[i] = n == 0
		for j, v := range s.Decoder(i) {
			unit[i*s.DIn+j] = v / max(n, math.SmallestNonzeroFloat32)
		}
	}
	w := tensor.WeightF32(s.DSAE, s.DIn, unit)
	w.Keep(tensor.NewPanels(8 * int64(len(unit))))
	out := make([][]Neighbour, s.DSAE)
	cos := make([]float32, neighbourTile*s.DSAE)
	for i := 0; i < s.DSAE; i += neighbourTile {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(neighbourTile, s.DSAE-i)
		tensor.Linear(cos, unit[i*s.DIn:(i+n)*s.DIn], n, w)
		tensor.Parallel(n, func(j int) {
			if !zero[i+j] {
				out[i+j] = closest(cos[j*s.DSAE:(j+1)*s.DSAE], i+j, zero)
			}
		})
	}
	return out, nil
}

// closest picks the largest cosines but those of self and of zero rows, largest
// first, the lower feature first among equals.
func closest(cos []float32, self int, zero []bool) []Neighbour {
	var kept []Neighbour
	for i, c := range cos {
		if i == self || zero[i] || len(kept) == neighbours && c <= kept[neighbours-1].Cos {
			continue
		}
		at := len(kept)
		for at > 0 && kept[at-1].Cos < c {
			at--
		}
		kept = append(kept, Neighbour{})
		copy(kept[at+1:], kept[at:])
		kept[at] = Neighbour{ID: i, Cos: c}
		kept = kept[:min(len(kept), neighbours)]
	}
	return kept
}
