package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"agar/model"
	"agar/model/lora"
)

// subject is what is trained: it makes the request for a batch, takes the
// gradients, and follows the parameters after each step.
type subject interface {
	// parameters are those under training, always the same ones.
	parameters() []*parameter
	// first is the first block that training changes; what enters it can be kept.
	first() int
	// request asks for the gradients of a batch.
	request(r *model.BackwardRequest)
	// take adds what a request brought to the gradients.
	take(g *model.Gradient)
	// stepped makes the model compute with the parameters as they are now.
	stepped() error
	// adapter is what a forward uses; nil for the model itself.
	adapter() *model.Adapter
	// save writes a checkpoint's weights to dir.
	save(dir string) error
}

// newSubject makes what a Config trains.
func newSubject(m *model.Model, c *Config, o *Options) (subject, error) {
	switch {
	case c.Method == Full && o.Init != nil:
		return nil, bad("method", c.Method, "lora or steering, to train on from an adapter")
	case c.Method == Full:
		return newFull(m)
	case o.Init != nil:
		return adopt(m, c, o.Init)
	case c.Method == Steering:
		l := &lora.Adapter{Dir: "under training", Config: lora.Config{R: 1, Alpha: c.Alpha, BaseModel: or(o.BaseModel, m.Name)}}
		l.Modules = []lora.Module{lora.NewSteering(c.Layers[0], m.Spec.DModel, c.Alpha)}
		return adopt(m, c, l)
	}
	return newLoRA(m, c, or(o.BaseModel, m.Name))
}

// follow takes over from an adapter what it decides.
func (c *Config) follow(l *lora.Adapter) {
	c.Rank, c.Alpha, c.RSLoRA, c.Modules, c.Layers = l.Config.R, l.Config.Alpha, l.Config.RSLoRA, nil, nil
	if len(l.Modules) == 1 && l.Modules[0].Kind == lora.Steering {
		c.Method, c.Layers = Steering, []int{l.Modules[0].Layer}
		return
	}
	for i := range l.Modules {
		c.Modules, c.Layers = append(c.Modules, l.Modules[i].Proj), append(c.Layers, l.Modules[i].Layer)
	}
	slices.Sort(c.Modules)
	slices.Sort(c.Layers)
	c.Modules, c.Layers = slices.Compact(c.Modules), slices.Compact(c.Layers)
}

// loraSubject trains an adapter or a steering vector.
type loraSubject struct {
	m      *model.Model
	l      *lora.Adapter
	a      *model.Adapter
	ps     []*parameter // A and B of every module, in order; of a steering vector B
	lowest int
}

// newLoRA makes an adapter as PEFT initialises it: A Kaiming-uniform, entries
// within ±1/√In, B zero.
func newLoRA(m *model.Model, c *Config, base string) (*loraSubject, error) {
	l := &lora.Adapter{Dir: "under training", Config: lora.Config{R: c.Rank, Alpha: c.Alpha, RSLoRA: c.RSLoRA, BaseModel: base}}
	scale := c.Alpha / float64(c.Rank)
	if c.RSLoRA {
		scale = c.Alpha / math.Sqrt(float64(c.Rank))
	}
	r := rand.New(rand.NewPCG(c.Seed, 0))
	for _, s := range m.Linears() {
		if len(c.Layers) > 0 && !slices.Contains(c.Layers, s.Layer) || len(c.Modules) > 0 && !slices.Contains(c.Modules, s.Proj) {
			continue
		}
		x := lora.Module{Name: s.Name, Layer: s.Layer, Proj: s.Proj, R: c.Rank, In: s.In, Out: s.Out, Scale: scale,
			A: make([]float32, c.Rank*s.In), B: make([]float32, s.Out*c.Rank)}
		bound := 1 / math.Sqrt(float64(s.In))
		for i := range x.A {
			x.A[i] = float32((2*r.Float64() - 1) * bound)
		}
		l.Modules = append(l.Modules, x)
	}
	if len(l.Modules) == 0 {
		return nil, fmt.Errorf("%w: modules, layers: found none of %v in blocks %v", ErrConfig, c.Modules, c.Layers)
	}
	return adopt(m, c, l)
}

// adopt trains on from an adapter, one whose modules all have the settings of its
// configuration.
func adopt(m *model.Model, c *Config, l *lora.Adapter) (*loraSubject, error) {
	if err := uniform(c, l); err != nil {
		return nil, err
	}
	s := &loraSubject{m: m, l: l, lowest: m.Spec.Layers}
	for i := range l.Modules {
		x := &l.Modules[i]
		s.lowest = min(s.lowest, x.Layer)
		if x.Kind == lora.Steering {
			v := newParameter("steering_vector", []int{x.Out}, x.B, make([]float32, len(x.B)))
			v.decayed = true
			s.ps = append(s.ps, v)
			continue
		}
		name := "base_model.model." + x.Name + ".lora_"
		a := newParameter(name+"A.weight", []int{x.R, x.In}, x.A, make([]float32, len(x.A)))
		b := newParameter(name+"B.weight", []int{x.Out, x.R}, x.B, make([]float32, len(x.B)))
		b.ratio = c.BRatio
		s.ps = append(s.ps, a, b)
	}
	return s, s.stepped()
}

// uniform refuses an adapter that a configuration of one rank, one α and one list
// each of modules and layers does not describe.
func uniform(c *Config, l *lora.Adapter) error {
	if c.Method == Steering {
		return nil
	}
	type place struct {
		layer int
		proj  string
	}
	places, layers, projs := map[place]bool{}, map[int]bool{}, map[string]bool{}
	for i := range l.Modules {
		x := &l.Modules[i]
		if x.R != l.Config.R || x.Scale != l.Modules[0].Scale || x.Kind != lora.Linear {
			return fmt.Errorf("%w: adapter %s: found %s with kind %s, rank %d and s %g, expected linear layers of rank %d and s %g throughout", ErrConfig, l.Dir, x.Name, x.Kind, x.R, x.Scale, l.Config.R, l.Modules[0].Scale)
		}
		places[place{x.Layer, x.Proj}], layers[x.Layer], projs[x.Proj] = true, true, true
	}
	if len(places) != len(layers)*len(projs) {
		return fmt.Errorf("%w: adapter %s: found %d modules in %d layers, expected the same %d in each", ErrConfig, l.Dir, len(places), len(layers), len(projs))
	}
	return nil
}

func (s *loraSubject) parameters() []*parameter { return s.ps }
func (s *loraSubject) first() int               { return s.lowest }
func (s *loraSubject) adapter() *model.Adapter  { return s.a }

func (s *loraSubject) request(r *model.BackwardRequest) {
	r.Adapter, r.Lambda, r.LoRA = s.a, 1, true
}

func (s *loraSubject) take(g *model.Gradient) {
	if s.l.Modules[0].Kind == lora.Steering {
		addTo(s.ps[0].grad, g.LoRA[0].B)
		return
	}
	for i, x := range g.LoRA {
		addTo(s.ps[2*i].grad, x.A)
		addTo(s.ps[2*i+1].grad, x.B)
	}
}

func (s *loraSubject) stepped() (err error) {
	s.a, err = s.m.Attach(s.l, model.AttachOptions{AllowZero: true})
	return err
}

// fullSubject trains every parameter of the model.
type fullSubject struct {
	m  *model.Model
	p  *model.Parameters
	ps []*parameter
}

func newFull(m *model.Model) (*fullSubject, error) {
	p, err := m.Trainable()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	s := &fullSubject{m: m, p: p}
	for _, x := range p.List {
		shape := []int{x.Rows, x.Cols}
		if x.Rows == 1 {
			shape = shape[1:]
		}
		s.ps = append(s.ps, newParameter(x.Name, shape, x.Value, x.Grad))
	}
	return s, nil
}

func (s *fullSubject) parameters() []*parameter         { return s.ps }
func (s *fullSubject) first() int                       { return 0 }
func (s *fullSubject) adapter() *model.Adapter          { return nil }
func (s *fullSubject) request(r *model.BackwardRequest) { r.Weights = s.p }
func (s *fullSubject) take(*model.Gradient)             {}
func (s *fullSubject) stepped() error                   { return nil }

func addTo(dst, src []float32) {
	for i, v := range src {
		dst[i] += v
	}
}
