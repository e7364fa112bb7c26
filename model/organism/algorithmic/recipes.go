package algorithmic

import "agar/model/train"

// Recipe gives the task and the training of a named run on modular addition, and
// whether there is such a name. Both train one block on all pairs in every step, by
// AdamW with betas 0.9 and 0.98 and a strong weight decay:
//
//	grokking        half of the pairs, right labels: memorised first, computed later
//	double-descent  70 % of the pairs, 15 % of their labels wrong: the test loss
//	                falls, rises while wrong labels are memorised, and falls again
func Recipe(name string) (Task, train.Config, bool) {
	c := train.Config{Method: train.Full, Beta2: 0.98, Schedule: "constant", Warmup: 10, SaveEach: 20}
	t := Task{Shape: Shape{DModel: 64, DMLP: 128, Heads: 2}}
	switch name {
	case "grokking":
		t.TrainShare = 0.5
		c.LR, c.WeightDecay, c.MaxGradNorm, c.Steps = 2e-3, 2, 0.5, 1000
	case "double-descent":
		t.TrainShare, t.LabelNoise, t.Shape.DModel = 0.7, 0.15, 48
		c.LR, c.WeightDecay, c.MaxGradNorm, c.Steps = 3e-3, 1.5, -1, 1200
	default:
		return Task{}, train.Config{}, false
	}
	return t, c, true
}
