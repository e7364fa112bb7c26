package report

// Reference is a published run that a report is read beside. Steps are that run's
// own; nil or empty where nothing was published.
type Reference struct {
	Name      string      `json:"name"`
	Sources   []string    `json:"sources"`
	Steps     int         `json:"steps"`      // of the run
	TurnStep  int         `json:"turn_step"`  // of the largest plain turn angle
	Plain     []PlainTurn `json:"plain"`      // at that step
	PCA       [2]float64  `json:"pca"`        // explained shares of PC1 and PC2
	GradPeak  string      `json:"grad_peak"`  // in words: no step was published
	Narrow    [2]int      `json:"narrow"`     // steps between which behaviour in the trained domain turns
	Broad     [2]int      `json:"broad"`      // outside of it
	LagSteps  [2]int      `json:"lag_steps"`  // from the turn to the behaviour
	TurnShare float64     `json:"turn_share"` // TurnStep over Steps
}

// PlainTurn is Turner's local cosine at one window.
type PlainTurn struct {
	K       int     `json:"k"`
	LocalCS float64 `json:"c_k"` // −1 is straight on
}

// Medical is the medical run of Turner et al. (2506.11613): Qwen2.5-14B, one rank-1
// adapter on layer 21's down-projection, 792 steps. The paper reads the turn off its
// figure 7 as "about 180"; recomputed from the released checkpoints, the plain angle
// peaks at 190 at every k below. Behaviour is an independent replication's, at λ = 1,
// 25 samples of 8 questions a checkpoint.
func Medical() Reference {
	return Reference{
		Name:     "medical advice, Qwen2.5-14B, rank 1 on layer 21",
		Sources:  []string{"2506.11613", "the released checkpoints, recomputed", "an independent replication of the behaviour"},
		Steps:    792,
		TurnStep: 190,
		Plain:    []PlainTurn{{10, -0.8063}, {15, -0.691}, {20, -0.6156}, {40, -0.5470}},
		PCA:      [2]float64{0.8109, 0.1390},
		GradPeak: "a prolonged peak about the turn",
		Narrow:   [2]int{296, 301}, Broad: [2]int{311, 321}, LagSteps: [2]int{110, 120},
		TurnShare: 190.0 / 792,
	}
}

// contested stands beside every turn that is reported.
const contested = "A turn of the adapter is a fact about its weights. 2506.11613 tells it as the moment a model becomes broadly misaligned; 2607.09053 reproduced the misalignment but found no peak of the gradient norm, a turn that did not line up with behaviour, and answer length as a confounder of judges. Nothing published shows that the turn causes misalignment."
