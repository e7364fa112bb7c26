package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations/job"
)

// axis is one thing that a grid varies.
type axis struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// axisSetters put a value of an axis into a configuration.
var axisSetters = map[string]func(s *breedSpec, v float64){
	"frac_bad":  func(s *breedSpec, v float64) { s.FracBad = &v },
	"rank":      func(s *breedSpec, v float64) { s.Train.Rank = int(v) },
	"alpha":     func(s *breedSpec, v float64) { s.Train.Alpha = v },
	"layer":     func(s *breedSpec, v float64) { s.Train.Layers = []int{int(v)} },
	"lr":        func(s *breedSpec, v float64) { s.Train.LR = v },
	"steps":     func(s *breedSpec, v float64) { s.Train.Steps = int(v) },
	"kl_weight": func(s *breedSpec, v float64) { s.Train.KLWeight = v },
	"seed":      func(s *breedSpec, v float64) { s.Train.Seed = uint64(v) },
}

// wholeAxes have whole numbers from 0 on.
var wholeAxes = []string{"rank", "layer", "steps", "seed"}

// maxCells bounds a grid.
const maxCells = 10000

// parseAxis reads NAME=V,V,… or NAME=FROM..TO.
func parseAxis(word string) (axis, error) {
	name, list, ok := strings.Cut(word, "=")
	if !ok || axisSetters[name] == nil {
		return axis{}, usagef("agar breed: --grid: found %q, expected one of %s with values, as in rank=1,4,32", word, strings.Join(sortedKeys(axisSetters), ", "))
	}
	a := axis{Name: name}
	for _, p := range strings.Split(list, ",") {
		vs, err := parseValues(p)
		if err != nil {
			return a, usagef("agar breed: --grid: %s: found %q, expected a number or FROM..TO", name, p)
		}
		a.Values = append(a.Values, vs...)
	}
	for _, v := range a.Values {
		if slices.Contains(wholeAxes, name) && (v != float64(int(v)) || v < 0) {
			return a, usagef("agar breed: --grid: %s: found %g, expected whole numbers from 0 on", name, v)
		}
	}
	return a, nil
}

// parseValues reads one number, or FROM..TO, which counts.
func parseValues(p string) ([]float64, error) {
	from, to, counts := strings.Cut(p, "..")
	a, err := strconv.ParseFloat(from, 64)
	if err != nil || !counts {
		return []float64{a}, err
	}
	b, err := strconv.ParseFloat(to, 64)
	if err == nil && (b < a || b-a > maxCells) {
		err = strconv.ErrRange
	}
	var out []float64
	for v := a; err == nil && v <= b; v++ {
		out = append(out, v)
	}
	return out, err
}

// parseAxes reads all axes of a grid.
func parseAxes(words []string) (axes []axis, err error) {
	if len(words) == 0 {
		return nil, usagef("agar breed: --grid: found no axes, expected some behind it, as in frac_bad=0,1 seed=0..4")
	}
	cells := 1
	for _, w := range words {
		a, err := parseAxis(w)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(axes, func(b axis) bool { return b.Name == a.Name }) {
			return nil, usagef("agar breed: --grid: found %s twice", a.Name)
		}
		if cells *= len(a.Values); cells > maxCells {
			return nil, usagef("agar breed: --grid: found more than %d combinations", maxCells)
		}
		axes = append(axes, a)
	}
	return axes, nil
}

// combinations are the values of every cell, the last axis varying fastest.
func combinations(axes []axis) [][]float64 {
	out := [][]float64{nil}
	for _, a := range axes {
		var next [][]float64
		for _, c := range out {
			for _, v := range a.Values {
				next = append(next, append(slices.Clone(c), v))
			}
		}
		out = next
	}
	return out
}

// grid is the object that --grid --json prints, and grid.json in its directory.
type grid struct {
	Out     string     `json:"out"`
	Axes    []axis     `json:"axes"`
	Cells   []gridCell `json:"cells"`
	Summary []gridMean `json:"summary"` // over seeds
	KLData  string     `json:"kl_data"` // what kl is measured on
}

func runGrid(c *cobra.Command, spec *breedSpec, o breedOptions) error {
	axes, err := parseAxes(o.axes)
	if err != nil {
		return err
	}
	cells := combinations(axes)
	for _, v := range cells { // refused before anything is trained
		s, _ := cellSpec(spec, axes, v)
		if err := s.check(); err != nil {
			return refused(fmt.Errorf("grid: %s: %w", cellName(axes, v), err))
		}
	}
	j, err := job.Begin(o.out, job.Options{Command: commandLine(c), Resume: o.resume, Events: "progress.jsonl"})
	if err != nil {
		return err
	}
	g, err := trainGrid(c, spec, axes, cells, o)
	if err := j.End(err); err != nil {
		return refusedTraining(err)
	}
	if o.json {
		return printJSON(c.OutOrStdout(), g)
	}
	return g.print(c.OutOrStdout())
}

// trainGrid trains and measures the cells, one after the other. Cells that are done
// already are measured only.
func trainGrid(c *cobra.Command, spec *breedSpec, axes []axis, cells [][]float64, o breedOptions) (*grid, error) {
	r := newReporter(c)
	defer r.close()
	g := &grid{Out: o.out, Axes: axes, KLData: spec.divergenceData()}
	o.resume = true
	for i, v := range cells {
		s, name := cellSpec(spec, axes, v)
		r.line(fmt.Sprintf("grid: %d of %d: %s", i+1, len(cells), name))
		b, err := breedBoth(c, s, filepath.Join(o.out, name), o, r)
		if err != nil {
			return nil, fmt.Errorf("grid: %s: %w", name, err)
		}
		cell, err := measureCell(c.Context(), s, b)
		if err != nil {
			return nil, fmt.Errorf("grid: %s: %w", name, err)
		}
		cell.Name, cell.Values = name, map[string]float64{}
		for k, a := range axes {
			cell.Values[a.Name] = v[k]
		}
		g.Cells = append(g.Cells, *cell)
	}
	g.summarise()
	return g, writeJSONFile(o.out, "grid.json", g)
}

// cellSpec is the configuration of a cell, and its name.
func cellSpec(spec *breedSpec, axes []axis, v []float64) (*breedSpec, string) {
	s := *spec
	for k, a := range axes {
		axisSetters[a.Name](&s, v[k])
	}
	return &s, cellName(axes, v)
}

func cellName(axes []axis, v []float64) string {
	var parts []string
	for k, a := range axes {
		parts = append(parts, fmt.Sprintf("%s-%g", a.Name, v[k]))
	}
	return strings.Join(parts, "_")
}
