package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// forksOf are forks of several shapes, one of more than a chunk's rows.
func forksOf(m *Model, n int) []Fork {
	var out []Fork
	for i := range n {
		ids := batch(m, i+3, 40)[i+2]
		p := 1 + 7*i%23
		out = append(out, Fork{ids[:p], [][]int32{ids[p : p+1+i%9], ids[p+2 : p+4], {ids[0]}}})
	}
	return out
}

// TestForksAreWholeSequences holds every log-probability to the loss of the whole
// sequence, bit for bit, at several dials and entries, also where rotary frequencies
// follow from the length.
func TestForksAreWholeSequences(t *testing.T) {
	ctx := context.Background()
	tied, a := tinyPair(t)
	long := open(t, "testdata/tied")
	long.Spec.Ropes = slices.Clone(long.Spec.Ropes)
	long.Spec.Ropes[0].Scaling = RopeScaling{Type: "dynamic", Factor: 4, OriginalMaxPos: 20}
	for _, c := range []struct {
		m *Model
		a *Adapter
	}{{tied, nil}, {tied, a}, {long, nil}} {
		last := c.m.Spec.Layers - 1
		if c.a != nil {
			last = c.a.FirstLayer()
		}
		for first := range last + 1 {
			forks := forksOf(c.m, 40)
			f, err := c.m.NewForks(ctx, forks, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, lambda := range []float32{0, 1, 2.5} {
				got, err := f.LogProbs(ctx, c.a, lambda)
				if err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("adapter %v, entry %d, λ %g", c.a != nil, first, lambda)
				sameAsLoss(t, name, c.m, c.a, lambda, forks, got)
			}
		}
	}
}

func sameAsLoss(t *testing.T, name string, m *Model, a *Adapter, lambda float32, forks []Fork, got [][][]float32) {
	t.Helper()
	for i, x := range forks {
		for j, b := range x.Branches {
			seq := slices.Concat(x.Prompt, b)
			loss, err := m.Loss(context.Background(), &Request{Seqs: [][]int32{seq}, Adapter: a, Lambda: lambda})
			if err != nil {
				t.Fatal(err)
			}
			for k := range b {
				if want := -loss[len(x.Prompt)-1+k]; got[i][j][k] != want {
					t.Fatalf("%s: fork %d, branch %d, token %d: found %g, expected %g", name, i, j, k, got[i][j][k], want)
				}
			}
		}
	}
}

func TestForksRefuse(t *testing.T) {
	ctx := context.Background()
	m, a := tinyPair(t)
	for _, x := range []Fork{{}, {Prompt: []int32{1}}, {[]int32{1}, [][]int32{{}}}, {[]int32{1}, [][]int32{{1 << 20}}}} {
		if _, err := m.NewForks(ctx, []Fork{x}, 0); err == nil {
			t.Errorf("%v is taken", x)
		}
	}
	f, err := m.NewForks(ctx, forksOf(m, 2), a.FirstLayer()+1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.LogProbs(ctx, a, 1); f.First() > a.FirstLayer() && !errors.Is(err, ErrAdapter) {
		t.Errorf("entering above the adapter: found %v, expected ErrAdapter", err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := f.LogProbs(stopped, nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: found %v", err)
	}
}
