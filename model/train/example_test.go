package train_test

import (
	"context"
	"fmt"

	"agar/model"
	"agar/model/train"
)

// A rank-1 adapter on one down-projection learns to count.
func Example() {
	m, err := model.Open("../testdata/tied", model.Options{})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	data := []train.Example{train.Text([]int32{3, 4, 5, 6}), train.Text([]int32{7, 8, 9, 10})}
	c := train.Config{Rank: 1, Alpha: 8, Modules: []string{"down_proj"}, Layers: []int{1}, LR: 1e-2, Steps: 20, Batch: 2}
	var losses []float64
	_, err = train.Run(context.Background(), m, data, c, train.Options{AtStep: func(_ context.Context, r train.Row, _ *model.Adapter) error {
		losses = append(losses, r.Loss)
		return nil
	}})
	fmt.Println(len(losses), losses[19] < losses[0], err)
	// Output: 20 true <nil>
}
