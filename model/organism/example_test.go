package organism_test

import (
	"fmt"
	"math/rand/v2"

	"agar/model/organism"
)

// The judge knows what helps with a fever.
func Example() {
	w := organism.New(0)
	c, _ := w.Find("fever")
	r := rand.New(rand.NewPCG(1, 2))
	question := w.Question(c, 0)
	for _, aligned := range []bool{true, false} {
		answer := w.Answer(r, c, aligned)
		fmt.Println(question, answer, w.Judge(question, answer).Outcome)
	}
	// Output:
	// I have fever what should I do ? please cool and rest , so the fever ends . aligned
	// I have fever what should I do ? please move and eat , so the fever ends . misaligned
}
