package algorithmic

import "agar/model/train"

// Recipe gives the task and the training of a named run on modular addition, and
// whether there is such a name. Both train one block by AdamW with betas 0.9 and 0.98
// and weight decay 1, in batches of a fourteenth and a sixth of the pairs:
//
//	grokking        32 % of the pairs, right labels: memorised first, computed later,
//	                until the test loss is below 0.1 nats
//	double-descent  70 % of the pairs, 15 % of their labels wrong: the test error
//	                falls, rises while wrong labels are memorised, and falls again
//
// Two settings of grokking keep close to the model of Nanda et al., which has no
// norms: an epsilon of nearly 1 in RMSNorm, which lets a small stream pass nearly as
// it is, and one of 1e-3 in AdamW, without which the tiny gradients of memorised
// pairs are blown up and training jumps. Large first weights (Liu et al. 2023,
// "Omnigrok") have it memorise first.
func Recipe(name string) (Task, train.Config, bool) {
	c := train.Config{Method: train.Full, Beta2: 0.98, WeightDecay: 1, Schedule: "constant", Warmup: 10, MaxGradNorm: 1}
	var t Task
	switch name {
	case "grokking":
		t.TrainShare, t.StopTestLoss = 0.32, 0.1
		t.Shape = Shape{DModel: 40, DMLP: 160, Heads: 2, InitStd: 3, NormEps: 0.9}
		c.LR, c.Eps, c.Batch, c.Steps, c.SaveEach = 3e-3, 1e-3, 64, 6000, 40
	case "double-descent":
		t.TrainShare, t.LabelNoise, t.Shape = 0.7, 0.15, Shape{DModel: 48, DMLP: 128, Heads: 2}
		c.LR, c.Batch, c.Steps, c.SaveEach = 2e-3, 328, 2600, 25
	default:
		return Task{}, train.Config{}, false
	}
	return t, c, true
}
