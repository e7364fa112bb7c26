package tui

import "context"

// What makes the parts that a workspace can lack.
const (
	makeFeatures   = "agar sae index SAE CAPTURE --out INDEX"
	makeRun        = "agar phase RUN"
	makeTrajectory = "agar phase RUN --sae SAE --data FILE --model MODEL"
)

// absent answers every question with what is missing.
type absent struct{ missing *Missing }

func (a absent) Order(context.Context, Query) (Order, error)       { return Order{}, a.missing }
func (a absent) Rows(context.Context, []uint32) ([]Row, error)     { return nil, a.missing }
func (a absent) Search(context.Context, string, int) (Hits, error) { return Hits{}, a.missing }
func (a absent) Feature(context.Context, int) (Feature, error)     { return Feature{}, a.missing }
func (a absent) Phase(context.Context, PhaseQuery) (Phase, error)  { return Phase{}, a.missing }
func (a absent) Axes(context.Context) (Axes, error)                { return Axes{}, a.missing }
func (a absent) Trace(context.Context, int, int) (Trace, error)    { return Trace{}, a.missing }
func (a absent) Changes(context.Context, int, int, int) ([]Change, error) {
	return nil, a.missing
}
func (a absent) Examples(context.Context, int, string, int) ([]Example, error) {
	return nil, a.missing
}

// emptySources has nothing.
func emptySources() *Sources { return (&Workspace{}).nothing() }

// nothing answers with what is missing beside what w names.
func (w *Workspace) nothing() *Sources {
	index := absent{&Missing{"feature index", w.fill(makeFeatures)}}
	return &Sources{
		Table: index, Detail: index,
		Phase:      absent{&Missing{"fine-tune", w.fill(makeRun)}},
		Trajectory: absent{&Missing{"trajectory", w.fill(makeTrajectory)}},
	}
}
