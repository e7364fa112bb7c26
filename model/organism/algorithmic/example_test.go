package algorithmic_test

import (
	"fmt"
	"math"

	"agar/model/organism/algorithmic"
)

// Logits that add by two rotations: both frequencies are found, and without them
// nothing is left.
func Example() {
	s := algorithmic.NewScorer(algorithmic.Task{P: 13}.Defaults())
	p := s.Task.P
	logits := make([]float32, p*p*(p+1))
	for i := range logits {
		in, c := i/(p+1), i%(p+1)
		for k, size := range map[float64]float64{2: 14, 5: 12} {
			logits[i] += float32(size * math.Cos(2*math.Pi*k*float64(in/p+in%p-c)/float64(p)))
		}
	}
	keys := s.Task.NewWaves(logits).Keys()
	on := s.Progress(logits, keys)
	fmt.Println(keys)
	fmt.Printf("restricted %.2f, excluded %.2f nats\n", on["restricted_loss"], on["excluded_loss"])
	// Output:
	// [2 5]
	// restricted 0.06, excluded 2.64 nats
}
