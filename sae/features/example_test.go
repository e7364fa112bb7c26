package features_test

import (
	"fmt"

	"agar/sae/features"
)

// An index is opened once; features are decoded as they are looked at.
func ExampleOpen() {
	x, err := features.Open("no/such/index")
	if err != nil {
		fmt.Println("cannot be opened")
		return
	}
	defer x.Close()
	for i, d := range x.Density() {
		if d > 0.01 {
			f, err := x.Feature(i)
			if err != nil {
				panic(err)
			}
			fmt.Println(f.ID, f.Max, f.Top)
		}
	}
	// Output: cannot be opened
}
