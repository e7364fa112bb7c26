package phase

// Report is what Analyse finds in a checkpoint series. It marshals to the JSON
// of `agar phase RUN`; METRICS.md defines every number.
type Report struct {
	Format       string          `json:"format"` // agar-phase/1
	Run          string          `json:"run"`
	BaseModel    string          `json:"base_model"`
	Spacing      int             `json:"spacing"`      // usual distance of checkpoints, in steps
	Unit         int             `json:"unit"`         // distance of the checkpoints that turns are looked for on, in steps
	Ks           []int           `json:"ks"`           // of turn_deg, in steps
	DebiasedKs   []int           `json:"debiased_ks"`  // of turn_debiased, in steps
	Convention   string          `json:"convention"`   // which sign the angles and cosines have
	Filter       Filter          `json:"filter"`       // which steps count as moving
	Modules      []ModuleSummary `json:"modules"`      // by module, the combination last when there are several
	Checkpoints  []CheckpointRow `json:"checkpoints"`  // ascending by step
	Log          []LogRow        `json:"log"`          // the trainer's own rows
	Events       []Event         `json:"events"`       // turns, strongest first, gradient peaks, behaviour, then progress in its order; [] when there are none
	PCA          PCA             `json:"pca"`          // of the path
	ZeroSteps    []int           `json:"zero_steps"`   // checkpoints whose B is all zeros; they have no angles
	Noise        Noise           `json:"noise"`        // whether the angles can be read at all
	Grad         GradSmoothing   `json:"grad"`         // how the gradient norm was smoothed
	Compression  *Compression    `json:"compression"`  // what comp is of; null for one module
	Behaviour    *Behaviour      `json:"behaviour"`    // null where none was measured
	Lags         []Lag           `json:"lags"`         // of behaviour after turns and gradient peaks
	Twin         *Twin           `json:"twin"`         // the benign run put beside this one; null without
	Divergence   *Divergence     `json:"divergence"`   // KL to the base and loss by checkpoint and dial; null where not measured
	Shift        *Shift          `json:"shift"`        // change of the distribution of answers; null where not measured
	Attribution  []Attribution   `json:"attribution"`  // what of the answers changes over the run and across each event; null without answers
	Thresholds   *Thresholds     `json:"thresholds"`   // the change point of EM at other cuts of the judge's scores; null where there are none
	Canary       *Canary         `json:"canary"`       // the monitor of first tokens; null where not measured
	Significance *Significance   `json:"significance"` // which tokens carry the difference from the base; null where not measured
	Robustness   *Robustness     `json:"robustness"`   // efficiency and stability of one checkpoint; null where not measured
	Degenerate   []Degenerate    `json:"degenerate"`   // tests that would be vacuous on this run
	Progress     *Progress       `json:"progress"`     // null where the run wrote no measures.jsonl
	Definitions  []string        `json:"definitions"`  // of the events, in words
	Warnings     []string        `json:"warnings"`     // what a reader must know
}

// Format is the version that Report.Format carries.
const Format = "agar-phase/1"

// Combined is the module name of rows over all modules together: ΔW of every
// module side by side, so that Gram matrices add up.
const Combined = "all"

// Filter says when a step takes part in the plain angles.
type Filter struct {
	Rule  string  `json:"rule"`  // relative, turner or b
	Value float64 `json:"value"` // the share of ‖v_final‖, or the absolute norm
}

// ModuleSummary is one module over the whole run.
type ModuleSummary struct {
	Name     string     `json:"name"` // model.layers.21.mlp.down_proj, or all
	Layer    int        `json:"layer"`
	Rank     int        `json:"rank"` // 0 of a whole matrix
	In       int        `json:"d_in"`
	Out      int        `json:"d_out"`
	Scale    Number     `json:"scale"`
	Vector   string     `json:"vector"` // what v_t is: B or delta_w
	Turns    []TurnAtK  `json:"turns"`  // by k
	Noise    Noise      `json:"noise"`
	PC2      *Extremum  `json:"pc2,omitempty"`
	Curves   []KSummary `json:"debiased"`           // by k
	Singular *Singular  `json:"singular,omitempty"` // of a fine-tune in full: the top of the last ΔW
}

// TurnAtK sums the plain angle of one module up over the run.
type TurnAtK struct {
	K          int    `json:"k"`
	TakesPart  bool   `json:"takes_part"` // at least ten kept steps
	Kept       int    `json:"kept"`
	Dropped    []int  `json:"dropped_steps"` // neighbours exist, but too small a move
	MedianDeg  Number `json:"median_deg"`
	ArgmaxStep int    `json:"argmax_step"` // of the plain angle, not an event; −1 when there is none
	MaxDeg     Number `json:"max_deg"`
	Turner     Number `json:"turner_max"` // max of C_k
	ARENA      Number `json:"arena_min"`  // min of c_k = −C_k
	Prominence Number `json:"prominence_deg"`
}

// KSummary says how far the debiased angle is defined at one k.
type KSummary struct {
	K         int    `json:"k"`
	TakesPart bool   `json:"takes_part"`
	Windows   int    `json:"windows"` // boundaries with long enough windows
	Defined   int    `json:"defined"` // of them, where the signal is not lost
	MaxDeg    Number `json:"max_deg"`
	MaxStep   int    `json:"max_step"` // −1 when there is none
}

// CheckpointRow is one checkpoint.
type CheckpointRow struct {
	Step         int         `json:"step"`
	Loss         Number      `json:"loss"`
	GradNorm     Number      `json:"grad_norm"`
	LearningRate Number      `json:"learning_rate"`
	Zero         bool        `json:"zero"` // all of B is zero
	SHA256       string      `json:"sha256,omitempty"`
	Modules      []ModuleRow `json:"modules"`
	Combined     *ModuleRow  `json:"combined,omitempty"` // over all modules, when there are several
	Comp         Number      `json:"comp"`               // compression score against the last checkpoint, means over checkpoints taken off; null for one module
	CompRaw      Number      `json:"comp_raw"`           // the same of the vectors as they are
	LogOdds      Interval    `json:"log_odds"`           // of the misaligned completion, nats a token, at the dial of behaviour.lambda
	EM           Interval    `json:"em"`                 // share of emergently misaligned answers there
	KLModelBase  Number      `json:"kl_model_base"`      // KL(model‖base), nats a token, at the dial of divergence.lambda
	KLBaseModel  Number      `json:"kl_base_model"`      // KL(base‖model) there
	ProbeLoss    Number      `json:"probe_loss"`         // cross-entropy on the same tokens
	PCA          []Number    `json:"pca"`                // scores on PC1 and PC2
}

// ModuleRow is one module at one checkpoint. The maps are by k in steps.
type ModuleRow struct {
	Name        string           `json:"name"`
	NormA       Number           `json:"norm_a"`
	NormB       Number           `json:"norm_b"`
	NormDelta   Number           `json:"norm_delta"`
	Turn        map[int]Number   `json:"turn_deg"`            // null: no neighbours, a zero vector, or dropped
	Dropped     map[int]Number   `json:"turn_deg_dropped"`    // what the filter dropped
	Normalised  map[int]Number   `json:"turn_deg_normalised"` // of v/‖v‖
	Debiased    map[int]Estimate `json:"turn_debiased"`
	SubspaceDeg Number           `json:"subspace_deg"` // largest principal angle between col(B_t) and col(B_final)
}

// LogRow is one row of the trainer's log.
type LogRow struct {
	Step         int    `json:"step"`
	Loss         Number `json:"loss"`
	GradNorm     Number `json:"grad_norm"`
	LearningRate Number `json:"learning_rate"`
	GradSmooth   Number `json:"grad_norm_smooth"`
}

// Kinds of events.
const (
	KindTurn      = "turn"
	KindGradPeak  = "grad_peak"
	KindBehaviour = "behaviour"
	KindProgress  = "progress" // a measure of measures.jsonl moves
)

// Event is a transition: at most one a transition, whatever number of k and
// modules show it.
type Event struct {
	Kind       string    `json:"kind"`
	Module     string    `json:"module"`            // "" for grad_peak, behaviour and progress
	Measure    string    `json:"measure,omitempty"` // of behaviour: log_odds, em, …; of progress its name
	Lambda     Number    `json:"lambda"`            // dial of behaviour; null for the others
	Step       int       `json:"step"`              // the checkpoint of the largest debiased turn angle, the log row of the smoothed peak, half of the way of behaviour and progress
	Statistic  Number    `json:"statistic"`
	Unit       string    `json:"unit"` // of statistic, se and prominence
	SE         Number    `json:"se"`
	Interval   [2]int    `json:"interval"` // steps within one standard error of the peak; of behaviour that of 95 %
	Prominence Number    `json:"prominence"`
	K          int       `json:"k,omitempty"` // window of the statistic, in steps
	Agreement  Agreement `json:"agreement"`
	Twin       *TwinAt   `json:"twin"` // what the twin shows here; null without one
}

// Agreement sums up where else the transition shows.
type Agreement struct {
	Ks       []int    `json:"ks"`        // windows at which it is an event
	OfKs     int      `json:"of_ks"`     // windows that took part
	Steps    []int    `json:"steps"`     // the step at each of Ks
	Spread   int      `json:"spread"`    // largest less smallest of Steps
	PlainMax []int    `json:"plain_max"` // argmax of the plain angle at each of its ks
	Modules  []string `json:"modules"`   // that show it
	Measures []string `json:"measures"`  // of behaviour that show it
}

// Noise says whether the angles can be read.
type Noise struct {
	MedianDeg Number `json:"median_deg"` // plain angle at the smallest k that takes part
	K         int    `json:"k"`
	Windows   int    `json:"windows"`   // of the debiased angle, over all k
	Lost      int    `json:"lost"`      // of them, where the signal is lost
	Dominated bool   `json:"dominated"` // the median is above 70°, or more than half of ten or more windows are lost
}

// PCA describes the principal components of the centred path.
type PCA struct {
	Ratios      []Number  `json:"ratios"`       // explained variance of PC1, PC2, PC3
	RandomWalk  []float64 `json:"random_walk"`  // the shares any random walk gives
	PC2Extremum *Extremum `json:"pc2_extremum"` // not an event
	Vector      string    `json:"vector"`
	Steps       int       `json:"steps"` // checkpoints that the components were fitted on
}

// Extremum is where PC2 turns round, beside where it would without any feature.
type Extremum struct {
	Step           int `json:"step"`
	FeaturelessArc int `json:"featureless_arc_step"`
}

// GradSmoothing says how gradient-norm peaks were looked for.
type GradSmoothing struct {
	Rows   int    `json:"rows"`   // with a gradient norm
	Left   int    `json:"left"`   // without one
	Window int    `json:"window"` // rows of the smoothing window, 0 when there are too few rows
	Noise  Number `json:"noise"`  // standard error of the smoothed ln(grad_norm)
}
