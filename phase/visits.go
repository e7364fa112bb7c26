package phase

import (
	"fmt"
	"math"

	"agar/model/lora"
)

// visits fills in which checkpoints and dials are visited, all and λ = 1 where
// nothing is said, and refuses dials that are no numbers.
func visits(s *lora.Series, steps *[]int, lambdas *[]float64) error {
	if *steps == nil {
		*steps = s.Steps()
	}
	if *lambdas == nil {
		*lambdas = []float64{1}
	}
	for _, l := range *lambdas {
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return fmt.Errorf("found λ = %v, expected a finite number", l)
		}
	}
	return nil
}
