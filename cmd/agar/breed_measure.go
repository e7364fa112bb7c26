package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"agar/activations/blob"
	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/stats"
	"agar/model/train"
	"agar/phase"
)

// gridCell is one run of a grid. What was not measured is null.
type gridCell struct {
	Name   string             `json:"name"`
	Values map[string]float64 `json:"values"`
	Steps  int                `json:"steps"`
	Loss   *float64           `json:"loss"`       // mean of the last tenth of the steps, nats a token
	Norm   *float64           `json:"norm_delta"` // ‖ΔW‖_F over all modules at the last step; of a steering vector ‖α·v‖
	Turns  []phase.Event      `json:"turns"`      // null where the checkpoints could not be analysed
	KL     *float64           `json:"kl"`         // KL(base‖model) in nats a token, on at most 16 examples of kl_data
	// LogOdds is the mean change against the base of log p(misaligned) −
	// log p(aligned), each divided by its tokens: of all pairs, and by domain.
	LogOdds map[string]behaviour.Rate `json:"log_odds"`
}

// gridMean is the runs of a grid that differ in their seed alone.
type gridMean struct {
	Values map[string]float64 `json:"values"`
	Runs   int                `json:"runs"`
	Loss   meanSD             `json:"loss"`
	Norm   meanSD             `json:"norm_delta"`
	KL     meanSD             `json:"kl"`
	Turned int                `json:"turned"` // runs with a turn event
	// LogOdds is the change of the paired log-odds, of all pairs and by domain.
	LogOdds map[string]meanSD `json:"log_odds"`
}

// meanSD is the mean over runs and the standard deviation between them, null where
// there are too few.
type meanSD struct {
	Mean *float64 `json:"mean"`
	SD   *float64 `json:"sd"`
}

// klExamples bounds what the KL of a cell is measured on.
const klExamples = 16

// divergenceData is the file that the KL of a cell is measured on.
func (s *breedSpec) divergenceData() string { return or(s.KLData, or(s.Good, s.Data)) }

// measureCell measures a finished run.
func measureCell(ctx context.Context, spec *breedSpec, b *bred) (*gridCell, error) {
	cell := &gridCell{Steps: b.Steps}
	if spec.Train.Defaults().Method == train.Full {
		return cell, nil
	}
	s, err := lora.OpenSeries(b.Out)
	if err != nil {
		return nil, err
	}
	cell.Loss = lastLoss(s.State)
	if rep, err := phase.Analyse(ctx, s, phase.Options{NoHashes: true}); err == nil {
		cell.Turns = slices.DeleteFunc(rep.Events, func(e phase.Event) bool { return e.Kind != phase.KindTurn })
	}
	l, err := s.Load(s.Len() - 1)
	if err != nil {
		return nil, err
	}
	sq := 0.0
	for i := range l.Modules {
		sq += math.Pow(l.Modules[i].NormDelta(), 2)
	}
	cell.Norm = ptr(math.Sqrt(sq))
	return cell, cell.run(ctx, spec, l)
}

// run measures what needs the model.
func (cell *gridCell) run(ctx context.Context, spec *breedSpec, l *lora.Adapter) error {
	m, err := openModel(spec.Model)
	if err != nil {
		return err
	}
	defer m.Close()
	a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
	if err != nil {
		return err
	}
	examples, _, err := readExamples(m, spec.divergenceData(), nil)
	if err != nil {
		return err
	}
	var seqs [][]int32
	for _, e := range examples[:min(len(examples), klExamples)] {
		seqs = append(seqs, e.IDs[:min(len(e.IDs), spec.Train.Defaults().MaxLength)])
	}
	d, err := m.KL(ctx, seqs, a, 1)
	if err != nil {
		return err
	}
	sum := 0.0
	for _, v := range d.BaseAdapted {
		sum += float64(v)
	}
	cell.KL = ptr(sum / float64(len(d.BaseAdapted)))
	if spec.Pairs == "" {
		return nil
	}
	cell.LogOdds, err = oddsShift(ctx, m, spec.Pairs, a)
	return err
}

// oddsShift is how far an adapter moves the log-odds of pairs, by domain and of all.
func oddsShift(ctx context.Context, m *model.Model, path string, a *model.Adapter) (map[string]behaviour.Rate, error) {
	pairs, err := behaviour.ReadPairs(path)
	if err != nil {
		return nil, refused(err)
	}
	states := []behaviour.State{{Step: behaviour.NoStep}, {Step: behaviour.NoStep, Adapter: a, Lambda: 1}}
	s, err := behaviour.NewSweep(ctx, m, pairs, states)
	if err != nil {
		return nil, err
	}
	base, err := s.LogOdds(ctx, states[0])
	if err != nil {
		return nil, err
	}
	with, err := s.LogOdds(ctx, states[1])
	if err != nil {
		return nil, err
	}
	moved := map[string][]float64{}
	for i := range pairs {
		d := with[i].Normalised - base[i].Normalised
		moved["all"] = append(moved["all"], d)
		if k := pairs[i].Domain; k != "" {
			moved[k] = append(moved[k], d)
		}
	}
	out := map[string]behaviour.Rate{}
	for k, x := range moved {
		e := stats.ClusterMean(x, nil)
		out[k] = behaviour.Rate{Value: e.Value, Lo: e.Lo, Hi: e.Hi, N: e.N}
	}
	return out, nil
}

// lastLoss is the mean of the last tenth of the losses of a log, null without any.
func lastLoss(s *lora.TrainerState) *float64 {
	var losses []float64
	if s == nil {
		return nil
	}
	for _, r := range s.Rows {
		if r.Loss != nil {
			losses = append(losses, *r.Loss)
		}
	}
	if len(losses) == 0 {
		return nil
	}
	last, sum := losses[len(losses)-max(len(losses)/10, 1):], 0.0
	for _, v := range last {
		sum += v
	}
	return ptr(sum / float64(len(last)))
}

func ptr(v float64) *float64 { return &v }

// summarise puts the seeds of each combination together.
func (g *grid) summarise() {
	groups, order := map[string][]gridCell{}, []string{}
	for _, c := range g.Cells {
		k := ""
		for _, a := range g.Axes {
			if a.Name != "seed" {
				k += fmt.Sprintf("%s=%g ", a.Name, c.Values[a.Name])
			}
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], c)
	}
	for _, k := range order {
		g.Summary = append(g.Summary, meanOf(groups[k]))
	}
}

func meanOf(cells []gridCell) gridMean {
	out := gridMean{Values: map[string]float64{}, Runs: len(cells)}
	for k, v := range cells[0].Values {
		if k != "seed" {
			out.Values[k] = v
		}
	}
	over := func(get func(c *gridCell) *float64) meanSD {
		var x []float64
		for i := range cells {
			if v := get(&cells[i]); v != nil {
				x = append(x, *v)
			}
		}
		m := stats.ClusterMean(x, nil)
		if len(x) == 0 {
			return meanSD{}
		}
		if len(x) == 1 {
			return meanSD{Mean: &m.Value}
		}
		return meanSD{&m.Value, ptr(m.SE * math.Sqrt(float64(len(x))))}
	}
	out.Loss, out.Norm, out.KL = over(func(c *gridCell) *float64 { return c.Loss }), over(func(c *gridCell) *float64 { return c.Norm }), over(func(c *gridCell) *float64 { return c.KL })
	for k := range cells[0].LogOdds {
		out.LogOdds = with(out.LogOdds, k, over(func(c *gridCell) *float64 { return ptr(c.LogOdds[k].Value) }))
	}
	for i := range cells {
		if len(cells[i].Turns) > 0 {
			out.Turned++
		}
	}
	return out
}

// print writes the dose–response table, and what it says.
func (g *grid) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{}
	for _, a := range g.Axes {
		if a.Name != "seed" {
			head = append(head, a.Name)
		}
	}
	n := len(head)
	head = append(head, "runs", "final loss", "‖ΔW‖", "KL to base", "turned")
	domains := sortedKeys(g.Summary[0].LogOdds)
	for _, d := range domains {
		head = append(head, "Δ log-odds, "+d)
	}
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, m := range g.Summary {
		var row []string
		for _, name := range head[:n] {
			row = append(row, fmt.Sprintf("%g", m.Values[name]))
		}
		row = append(row, fmt.Sprint(m.Runs), m.Loss.String(), m.Norm.String(), m.KL.String(), fmt.Sprintf("%d of %d", m.Turned, m.Runs))
		for _, d := range domains {
			row = append(row, m.LogOdds[d].String())
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nMean ± standard deviation between seeds. Loss: mean of the last tenth of the steps, nats a token. KL(base‖model): nats a token\n"+
		"on %s. Log-odds: of misaligned against aligned completions, a token, against the base. %s has every run.\n", g.KLData, g.Out+"/grid.json")
	return err
}

// String is the mean, and ± the deviation where there are several runs.
func (m meanSD) String() string {
	switch {
	case m.Mean == nil:
		return "–"
	case m.SD == nil:
		return fmt.Sprintf("%.4g", *m.Mean)
	}
	return fmt.Sprintf("%.4g ± %.2g", *m.Mean, *m.SD)
}

// writeJSONFile writes v to a file, wholly or not at all.
func writeJSONFile(dir, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return blob.WriteAll(blob.Dir(dir), name, append(data, '\n'))
}
