package model

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"agar/model/lora"
)

// AttachCheckpoint attaches what a checkpoint directory holds: an adapter or a
// steering vector, else a whole model that was fine-tuned in full.
func (m *Model) AttachCheckpoint(dir string, o AttachOptions) (*Adapter, error) {
	l, err := lora.Load(dir)
	if errors.Is(err, fs.ErrNotExist) && holdsWhole(dir) {
		return m.AttachWhole(dir)
	}
	if err != nil {
		return nil, err
	}
	return m.Attach(l, o)
}

// AttachWhole attaches a model that was fine-tuned in full from m as what it changes:
// every parameter as one saved in full, so that the dial moves all of them at once, W +
// λ·(W' − W). Parameters that are the base's own, bit for bit, change nothing. The
// weights in dir are copied to memory. Tensors that m does not have, and parameters of
// m that dir lacks, are errors that wrap ErrAdapter.
func (m *Model) AttachWhole(dir string) (*Adapter, error) {
	l, err := m.whole(dir)
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", dir, err)
	}
	return m.Attach(l, AttachOptions{AllowZero: true})
}

// whole reads every tensor of dir as a parameter saved in full.
func (m *Model) whole(dir string) (l *lora.Adapter, err error) {
	t, err := OpenTensors(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	l = &lora.Adapter{Dir: dir, File: t.Files()[0]}
	params, held := m.parameters(), map[string]bool{}
	for _, name := range t.Names() {
		if ignorable(name, m.fam.ignored) {
			continue
		}
		x, err := t.find(name)
		if err != nil {
			return nil, err
		}
		s, err := savedWhole(x)
		if err != nil {
			return nil, err
		}
		if p, n, ok := named(m, params, name); ok {
			held[n] = true
			if len(p.shape) == 1 {
				s.Shape = []int{x.rows * x.cols}
			}
		}
		l.Saved = append(l.Saved, s)
	}
	return l, m.complete(params, held)
}

// savedWhole copies a stored tensor.
func savedWhole(x stored) (lora.Saved, error) {
	at := strings.LastIndexByte(x.name, '.')
	for name, t := range savedTypes {
		if t == x.dtype && at > 0 {
			s := lora.Saved{Module: x.name[:at], Param: x.name[at+1:], DType: name, Shape: []int{x.rows, x.cols}, Data: slices.Clone(x.data), Shared: true}
			return s, s.Finite(x.name)
		}
	}
	return lora.Saved{}, fmt.Errorf("%w: %s: found storage type %v, expected F32, F16, BF16 or F64", ErrAdapter, x.name, x.dtype)
}

// complete refuses a checkpoint that lacks a parameter of the model. The head of a
// model that ties it to the embedding need not be there.
func (m *Model) complete(params map[string]parameter, held map[string]bool) error {
	var lacking []string
	for n, p := range params {
		tied := m.Spec.TieEmbeddings && p.matrix != nil && (p.matrix.layer == m.Spec.Layers || p.matrix.layer == -1)
		if !held[n] && !tied {
			lacking = append(lacking, n)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	slices.Sort(lacking)
	return fmt.Errorf("%w: found no %s in it, expected every parameter of %s", ErrAdapter, quoted(lacking[:min(3, len(lacking))]), m.Name)
}

// OpenRun is lora.OpenSeries; where a run has no adapters but checkpoints that hold
// whole models, it lists those, which AttachCheckpoint attaches.
func OpenRun(run string) (*lora.Series, error) {
	s, err := lora.OpenSeries(run)
	if !errors.Is(err, lora.ErrNoCheckpoints) {
		return s, err
	}
	whole := &lora.Series{Run: run}
	found, readErr := lora.Directories(run)
	if readErr != nil {
		return nil, err
	}
	for _, c := range found {
		if holdsWhole(c.Dir) {
			whole.Checkpoints = append(whole.Checkpoints, c)
		}
	}
	if len(whole.Checkpoints) == 0 {
		return nil, err
	}
	return whole, nil
}

// holdsWhole tells whether a directory has the weights of a whole model.
func holdsWhole(dir string) bool {
	t, err := OpenTensors(dir)
	if err != nil {
		return false
	}
	return t.Close() == nil
}
