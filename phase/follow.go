package phase

import (
	"context"
	"errors"
	"fmt"

	"agar/activations"
	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
	"agar/sae"
)

// What features are followed on.
const (
	OnAnswers = "answers" // the assistant's tokens of fixed conversations
	OnText    = "text"    // all tokens of fixed texts
	OnOwn     = "own"     // what the model itself goes on to say at each checkpoint and λ
)

// FollowOptions say what to follow, through what, on what. Zero values mean what
// is said beside them.
type FollowOptions struct {
	Model   *model.Model
	Series  *lora.Series
	SAE     *sae.SAE
	SAEPath string                // recorded
	Hook    string                // "": what the dictionary's metadata calls hook_name
	Docs    activations.Documents // for OnOwn the prompts: what comes before the first assistant token
	On      string                // "": OnAnswers

	Steps   []int     // checkpoints to visit; nil: all
	Lambdas []float64 // dials; nil: 1
	Context int       // longest window of a document in tokens; 0: 512
	Tokens  int       // stop taking documents once so many tokens count; 0: 8,192
	CEDocs  int       // windows on which ΔCE is measured; 0: 8; negative: none

	KeepSpecial bool    // count special tokens too
	MaxNorm     float64 // leave out tokens whose base activation is longer than so many medians; 0: 10; negative: keep all

	MaxTokens   int     // of a generation of OnOwn; 0: 48
	Temperature float64 // of OnOwn; 0: greedy
	Seed        uint64  // of OnOwn

	NoClosedForm bool // run the suffix of the model at every checkpoint even where the closed form is exact
	Progress     progress.Func
}

func (o FollowOptions) filled() (FollowOptions, error) {
	if o.Model == nil || o.Series == nil || o.SAE == nil || o.Docs == nil {
		return o, errors.New("phase: follow: expected a model, a series, a dictionary and documents")
	}
	if o.Hook == "" {
		o.Hook, _ = o.SAE.Metadata["hook_name"].(string)
	}
	if o.On == "" {
		o.On = OnAnswers
	}
	if o.On != OnAnswers && o.On != OnText && o.On != OnOwn {
		return o, fmt.Errorf("phase: follow: found %q, expected %s, %s or %s", o.On, OnAnswers, OnText, OnOwn)
	}
	if err := visits(o.Series, &o.Steps, &o.Lambdas); err != nil {
		return o, fmt.Errorf("phase: follow: %w", err)
	}
	setDefault(&o.Context, 512)
	setDefault(&o.Tokens, 8192)
	setDefault(&o.CEDocs, 8)
	setDefault(&o.MaxTokens, 48)
	if o.MaxNorm == 0 {
		o.MaxNorm = activations.DefaultMaxNorm
	}
	o.Context = min(o.Context, o.Model.Spec.MaxPos)
	return o, nil
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// Follow measures, at every checkpoint and λ, how often and how strongly each
// feature of a frozen dictionary fires, how well the dictionary still describes
// the activations, and what share of the adapter's change it sees. A hook that
// the adapter cannot reach is an error that names the first it can.
//
// On fixed tokens the blocks before the first adapted one run once. Where the
// adapter sits on one down_proj and the hook is that block's hook_mlp_out or
// hook_resid_post, nothing more of the model runs at all (ClosedForm).
func Follow(ctx context.Context, o FollowOptions) (*Trajectory, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	f := &follower{FollowOptions: o}
	if err := f.open(); err != nil {
		return nil, err
	}
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	return f.t, nil
}

// follower is one run of Follow.
type follower struct {
	FollowOptions
	t       *Trajectory
	states  []*model.Adapter // by step
	zero    []bool           // by step
	layer   int              // of the hook
	first   int              // first adapted block
	windows []window
}

// open attaches every checkpoint and checks what is asked for against what is
// there.
func (f *follower) open() error {
	info, err := f.Model.Hook(f.Hook, nil)
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	if info.Dim != f.SAE.DIn {
		return fmt.Errorf("phase: follow: hook %s has width %d, the dictionary has d_in %d", f.Hook, info.Dim, f.SAE.DIn)
	}
	f.layer = info.Layer
	f.t = newTrajectory(f)
	for _, step := range f.Steps {
		if err := f.attach(step); err != nil {
			return err
		}
	}
	if len(f.states) == 0 {
		return fmt.Errorf("phase: follow: %s: found no checkpoints to visit", f.Series.Run)
	}
	last := f.states[len(f.states)-1]
	f.first, f.t.First = last.FirstLayer(), last.FirstHook()
	for _, s := range f.states {
		f.first = min(f.first, s.FirstLayer())
	}
	if err := f.Model.Reaches(last, f.Hook); err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	return nil
}

func (f *follower) attach(step int) error {
	c, err := f.Series.At(step)
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	l, err := lora.Load(c.Dir)
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	a, err := f.Model.Attach(l, model.AttachOptions{AllowZero: true})
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	if len(f.states) == 0 {
		f.t.Warnings = append(f.t.Warnings, a.Warnings()...)
	} else if d := otherModules(f.states[0].LoRA(), l); d != "" {
		return fmt.Errorf("phase: follow: %s: module %s is not in both this checkpoint and %s", c.Dir, d, f.states[0].LoRA().Dir)
	}
	if l.NoDelta() {
		f.t.ZeroSteps = append(f.t.ZeroSteps, step)
	}
	f.states, f.zero = append(f.states, a), append(f.zero, l.Zero())
	return nil
}

// otherModules names a module, or a parameter saved in full, that only one of two
// adapters has.
func otherModules(a, b *lora.Adapter) string {
	names := func(l *lora.Adapter) (out []string) {
		for _, m := range l.Modules {
			out = append(out, m.Name)
		}
		for _, s := range l.Saved {
			out = append(out, s.Name())
		}
		return out
	}
	return firstDifference(names(a), names(b))
}

// run measures everything.
func (f *follower) run(ctx context.Context) error {
	if f.On == OnOwn {
		return f.own(ctx)
	}
	var err error
	if f.windows, err = f.texts().windows(); err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	b, err := f.baseOf(ctx, f.windows)
	if err != nil {
		return err
	}
	f.t.Tokens, f.t.LeftOut = b.counted, b.leftOut
	if f.exact() && !f.NoClosedForm {
		f.t.ClosedForm = true
		err = f.closedForm(ctx, b)
	} else {
		err = f.suffixes(ctx, b)
	}
	if err != nil {
		return err
	}
	return f.crossEntropy(ctx)
}

// exact tells whether activations at the hook are the base's plus λ·s·B·A·x at
// every checkpoint: one module of plain LoRA, the down-projection that writes what
// the hook reads, with no norm behind it, and nothing else that was trained.
func (f *follower) exact() bool {
	if f.Hook != fmt.Sprintf("blocks.%d.hook_resid_post", f.layer) && f.Hook != fmt.Sprintf("blocks.%d.hook_mlp_out", f.layer) {
		return false
	}
	for _, s := range f.states {
		if l := s.LoRA(); len(l.Modules) != 1 || len(l.Saved) > 0 || !plainDown(&l.Modules[0], f.layer) {
			return false
		}
	}
	return f.Model.Spec.Placement == model.PreNorm
}

// plainDown tells whether a module is plain LoRA on the down-projection of a block.
func plainDown(m *lora.Module, layer int) bool {
	return m.Kind == lora.Linear && m.Magnitude == nil && m.Bias == nil && m.Proj == "down_proj" && m.Layer == layer
}

// each visits every step and λ that is not the base's.
func (f *follower) each(visit func(step, lambda int) error) error {
	for s := range f.Steps {
		for l := range f.Lambdas {
			if err := visit(s, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *follower) emit(stage string, step, total int, unit string) {
	f.Progress.Emit(progress.Event{Stage: stage, Step: int64(step), Total: int64(total), Unit: unit})
}
