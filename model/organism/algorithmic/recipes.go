package algorithmic

import "agar/model/train"

// Recipe gives the task and the training of a named run on modular addition, and
// whether there is such a name. Both train one block by AdamW with betas 0.9 and 0.98
// and a strong weight decay, in batches of about a seventh of the pairs: their noise
// keeps the training loss up, without which the norms make training jump:
//
//	grokking        35 % of the pairs, right labels: memorised first, computed later
//	double-descent  70 % of the pairs, 15 % of their labels wrong: the test loss
//	                falls, rises while wrong labels are memorised, and falls again
func Recipe(name string) (Task, train.Config, bool) {
	c := train.Config{Method: train.Full, Beta2: 0.98, Schedule: "constant", Warmup: 10, MaxGradNorm: 1, SaveEach: 40}
	t := Task{Shape: Shape{DModel: 64, DMLP: 128, Heads: 2}}
	switch name {
	case "grokking":
		t.TrainShare = 0.35
		c.LR, c.WeightDecay, c.Batch, c.Steps = 1e-3, 1, 141, 4000
	case "double-descent":
		t.TrainShare, t.LabelNoise, t.Shape.DModel = 0.7, 0.15, 48
		c.LR, c.WeightDecay, c.Batch, c.Steps, c.SaveEach = 2e-3, 1, 328, 2600, 25
	default:
		return Task{}, train.Config{}, false
	}
	return t, c, true
}
