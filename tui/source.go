package tui

import (
	"context"
	"fmt"
)

// TableSource lists features. It is bounded both ways: an order is ids only, and
// rows are asked for by the screenful.
type TableSource interface {
	// Order sorts and filters all features.
	Order(ctx context.Context, q Query) (Order, error)
	// Rows returns the rows of ids, in their order.
	Rows(ctx context.Context, ids []uint32) ([]Row, error)
	// Search looks for text in tokens, labels and top examples, beginning with
	// feature from, and returns after a bounded time with what it found.
	Search(ctx context.Context, text string, from int) (Hits, error)
}

// DetailSource knows single features.
type DetailSource interface {
	Feature(ctx context.Context, id int) (Feature, error)
	// Examples returns at most n examples of a kind: top, interval or random.
	Examples(ctx context.Context, id int, kind string, n int) ([]Example, error)
}

// PhaseSource knows the geometry of a fine-tune.
type PhaseSource interface {
	Phase(ctx context.Context, q PhaseQuery) (Phase, error)
}

// TrajectorySource knows every feature at every checkpoint and λ.
type TrajectorySource interface {
	Axes(ctx context.Context) (Axes, error)
	// Trace is one feature over the checkpoints at a λ given by its index.
	Trace(ctx context.Context, id, lambda int) (Trace, error)
	// Changes returns the n features whose mean differs most from the base
	// model's, at a checkpoint and λ given by their indices.
	Changes(ctx context.Context, step, lambda, n int) ([]Change, error)
}

// Sources is everything a workspace can answer. A part that is not there answers
// every question with a *Missing.
type Sources struct {
	Name       string // what the header calls it
	Artefacts  []Artefact
	Table      TableSource
	Detail     DetailSource
	Phase      PhaseSource
	Trajectory TrajectorySource
	Close      func() // releases files; nil = nothing to release
}

// Artefact is one thing that was opened, or that is missing.
type Artefact struct {
	Kind string // run, phase report, trajectory, feature index, SAE, capture
	Path string // "" when missing
	Note string // a line about it
	Make string // command that makes it
}

// Missing is the error of a part that a workspace does not have.
type Missing struct {
	What string // "a trajectory"
	Make string // command that makes it
}

// Error says what is missing and how to get it.
func (m *Missing) Error() string { return fmt.Sprintf("tui: no %s; make it with: %s", m.What, m.Make) }

// Column is a column of the feature table.
type Column uint8

// Columns in their order on the screen.
const (
	ColID Column = iota
	ColDensity
	ColMax
	ColMean
	ColDelta
	ColOnset
	ColTrend
	ColTokens
)

// Query says which features in which order.
type Query struct {
	Sort Column // ColID … ColOnset; change and onset are those at the λ nearest to 1
	Desc bool
}

// Order is the answer to a Query.
type Order struct {
	IDs    []uint32  // features in order; missing values come last
	Total  int       // features of the dictionary
	Dead   int       // features that never fire
	Hist   []float64 // features by log10 of density, equal bins over HistLo…HistHi
	HistLo float64
	HistHi float64
	Source string // the file behind the columns
	Over   string // what density and mean are taken over
	Left   string // what was left out of that
}

// Row is a row of the feature table. Missing numbers are NaN.
type Row struct {
	ID                 int
	Density, Max, Mean float64
	Delta              float64   // mean at the last checkpoint − the base model's
	Onset              int       // step from which on half of that is reached, −1 = none
	Trend              []float64 // mean by checkpoint
	Tokens             []string  // most promoted tokens
	Label              string
}

// Hits is a piece of a search's answer.
type Hits struct {
	IDs  []uint32
	Next int // where to go on
	Done bool
}

// Feature is what the detail screen shows of one feature.
type Feature struct {
	Row
	Hist        []float64 // firings by activation, equal widths over 0…HistMax
	HistMax     float64
	Top, Bottom []TokenLogit
	Neighbours  []Neighbour
	Source      string
}

// TokenLogit is a token with what the feature adds to its logit.
type TokenLogit struct {
	Text  string
	Logit float64
}

// Neighbour is a feature with a similar decoder row.
type Neighbour struct {
	ID    int
	Cos   float64
	Label string // its label or first tokens
}

// Example is a piece of text that a feature fires on.
type Example struct {
	Doc, Window, Pos int
	Tokens           []string
	Acts             []float64
	Peak             int     // index in Tokens of the firing token
	Max              float64 // activation there
}

// PhaseQuery chooses a module and a window k; zero values choose for themselves.
type PhaseQuery struct {
	Module string
	K      int
}

// Phase is the geometry of a run as the scrubber shows it. Series are as long as
// Steps, loss and gradient norm as long as LogSteps; missing values are NaN.
type Phase struct {
	Run     string
	Module  string
	Modules []string
	K       int   // as chosen
	Ks      []int // to choose from
	// TurnK and DebiasedK are the windows nearest to K that each angle was
	// computed for.
	TurnK, DebiasedK int
	// TurnKs and DebiasedKs are the windows at which each has a value somewhere.
	TurnKs, DebiasedKs []int
	Steps              []int

	LogSteps       []int // steps of the trainer's log rows
	Loss, GradNorm []float64
	NormDelta      []float64
	Turn           []float64 // plain turn angle, degrees
	Debiased, SE   []float64 // debiased turn angle and its standard error, degrees
	PC1, PC2       []float64
	Ratio          [2]float64 // shares of variance of PC1 and PC2
	Median         float64    // of Turn
	Looked         bool       // at some k enough checkpoints have a debiased angle
	Events         []Event
	Notes          []string
	Source         string

	Behaviour []Curve  // by measure, then λ
	Measures  []Curve  // of measures.jsonl
	Findings  []string // leads and double descents, in words
	Twin      string   // the run whose curves stand beside; "" without one
}

// Curve is a measure over the steps of a run. Missing values are NaN.
type Curve struct {
	Name   string // log_odds, test_loss
	Unit   string
	Lambda float64 // dial of behaviour, NaN for measures of the run
	Steps  []int
	Values []float64
	Lo, Hi []float64 // 95 % interval; nil where there is none
	Over   string    // what the values are taken over
	Twin   *Curve    // of the twin; nil without one
}

// Event is a transition that was found.
type Event struct {
	Kind      string // turn, grad_peak, behaviour, progress
	Measure   string // of behaviour and progress
	Unit      string
	Module    string
	Step      int
	Statistic float64
	SE        float64
	Lo, Hi    float64 // interval of Step; NaN when there is none
	Agreement string  // values of k that agree
}

// Axes are the axes of a trajectory, with the dictionary's quality at each point.
type Axes struct {
	SAE, Hook, On string
	Steps         []int
	Lambdas       []float64
	Features      int
	// L0, EV, DeltaCE and Seen are [step][λ] flattened; NaN where unknown.
	L0, EV, DeltaCE, Seen []float64
	CETokens              int // that DeltaCE is taken over
	ClosedForm            bool
	Warnings              []string
	Source                string
}

// At is the index of a step and a λ in the flattened series.
func (a *Axes) At(step, lambda int) int { return step*len(a.Lambdas) + lambda }

// Trace is one feature over the checkpoints. A dictionary that was never
// followed gives an error instead.
type Trace struct {
	ID            int
	Mean, Density []float64
	Delta         float64 // mean at the last checkpoint − the base model's
	Onset         int     // step from which on half of that is reached, −1 = none
}

// Change is a feature at the cursor compared with the base model.
type Change struct {
	ID        int
	Base, Now float64 // mean activation
	Label     string
}

// close releases what is open.
func (s *Sources) close() {
	if s.Close != nil {
		s.Close()
	}
}
