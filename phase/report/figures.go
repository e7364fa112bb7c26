package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"agar/phase"
)

// FigureInfo describes a figure: its files are Name.png and Name.svg.
type FigureInfo struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Caption string   `json:"caption"` // n, units and what the bars are
	Sources []string `json:"sources"` // keys of report.json that the figure draws
}

// figure is one with its picture.
type figure struct {
	FigureInfo
	pic *picture
}

// figures draws what there are numbers for.
func (d *Data) figures() (out []figure, err error) {
	for _, f := range []func(*Data) (*figure, error){drawTraining, drawMeasures, drawNorms, drawTurn, drawPath, drawBehaviour, drawDivergence, drawFeatures} {
		x, err := f(d)
		if err != nil {
			return nil, err
		}
		if x != nil {
			out = append(out, *x)
		}
	}
	return out, nil
}

// eventMarks are the run's events on the step axis.
func (d *Data) eventMarks() (out []mark) {
	names := map[string]string{phase.KindTurn: "turn", phase.KindGradPeak: "gradient peak", phase.KindBehaviour: "behaviour"}
	for _, m := range d.Order {
		name := names[m.Kind]
		if name == "" {
			name = m.Kind
		}
		if m.Kind == phase.KindProgress {
			name = strings.ReplaceAll(d.Run.Events[m.Event].Measure, "_", " ")
		}
		out = append(out, mark{kind: m.Kind, label: fmt.Sprintf("%s %d", name, m.Step), at: float64(m.Step), from: float64(m.Interval[0]), to: float64(m.Interval[1])})
	}
	return out
}

// marksNote is the end of a caption of a figure with marks.
func (d *Data) marksNote() string {
	if len(d.Order) == 0 {
		return ""
	}
	return " Vertical lines: events, shaded over their intervals."
}

func at(step int, y phase.Number) point {
	return point{float64(step), value(y), math.NaN(), math.NaN()}
}

// value is a number as a float64, NaN when it is missing.
func value(n phase.Number) float64 {
	if !n.OK() {
		return math.NaN()
	}
	return float64(n)
}

// logCurve is one column of a trainer's log.
func logCurve(r *phase.Report, of func(*phase.LogRow) phase.Number) (c curve, n int) {
	for i := range r.Log {
		y := of(&r.Log[i])
		if y.OK() {
			n++
			c.points = append(c.points, at(r.Log[i].Step, y))
		}
	}
	return c, n
}

func drawTraining(d *Data) (*figure, error) {
	columns := []struct {
		label string
		of    func(*phase.LogRow) phase.Number
	}{
		{"loss, nats a token", func(r *phase.LogRow) phase.Number { return r.Loss }},
		{"gradient norm", func(r *phase.LogRow) phase.Number { return r.GradNorm }},
	}
	var panels []panel
	count := 0
	for _, col := range columns {
		p := panel{y: col.label, marks: d.eventMarks()}
		if d.Twin != nil {
			if c, n := logCurve(d.Twin, col.of); n > 0 {
				c.name, c.colour = "twin", grey
				p.curves = append(p.curves, c)
			}
		}
		c, n := logCurve(d.Run, col.of)
		if n == 0 {
			continue
		}
		c.name, c.colour = "run", series[0]
		p.curves, count = append(p.curves, c), max(count, n)
		panels = append(panels, p)
	}
	if len(panels) == 0 {
		return nil, nil
	}
	if c, n := logCurve(d.Run, func(r *phase.LogRow) phase.Number { return r.GradSmooth }); n > 0 {
		c.name, c.colour = fmt.Sprintf("smoothed over %d rows", d.Run.Grad.Window), series[1]
		panels[len(panels)-1].curves = append(panels[len(panels)-1].curves, c)
	}
	pic, err := stack("step", panels)
	sources := []string{"run.log"}
	if d.Twin != nil {
		sources = append(sources, "twin.log")
	}
	return &figure{FigureInfo{
		Name: "training", Title: "Loss and gradient norm", Sources: sources,
		Caption: fmt.Sprintf("%d rows of the trainer's log; gradient norm before clipping.%s", count, d.marksNote()),
	}, pic}, err
}

// rowOf is what a figure shows of a checkpoint: the only module, or all of them
// together.
func rowOf(c *phase.CheckpointRow) *phase.ModuleRow {
	if c.Combined != nil {
		return c.Combined
	}
	if len(c.Modules) == 0 {
		return nil
	}
	return &c.Modules[0]
}

// rowCurve is one column of the checkpoints.
func rowCurve(r *phase.Report, of func(*phase.ModuleRow) point) (c curve) {
	for i := range r.Checkpoints {
		if m := rowOf(&r.Checkpoints[i]); m != nil {
			p := of(m)
			p.x = float64(r.Checkpoints[i].Step)
			c.points = append(c.points, p)
		}
	}
	return c
}

func bare(y phase.Number) point { return point{y: value(y), lo: math.NaN(), hi: math.NaN()} }

func drawNorms(d *Data) (*figure, error) {
	if len(d.Run.Modules) == 0 {
		return nil, nil
	}
	columns := []struct {
		label string
		of    func(*phase.ModuleRow) phase.Number
	}{
		{"‖ΔW‖", func(m *phase.ModuleRow) phase.Number { return m.NormDelta }},
		{"‖B‖", func(m *phase.ModuleRow) phase.Number { return m.NormB }},
		{"‖A‖", func(m *phase.ModuleRow) phase.Number { return m.NormA }},
	}
	var panels []panel
	for _, col := range columns {
		p := panel{y: col.label, marks: d.eventMarks()}
		if d.Twin != nil {
			c := rowCurve(d.Twin, func(m *phase.ModuleRow) point { return bare(col.of(m)) })
			c.name, c.colour = "twin", grey
			p.curves = append(p.curves, c)
		}
		c := rowCurve(d.Run, func(m *phase.ModuleRow) point { return bare(col.of(m)) })
		if !slices.ContainsFunc(c.points, func(p point) bool { return !math.IsNaN(p.y) }) {
			continue // a fine-tune in full has no A and no B
		}
		c.name, c.colour = "run", series[0]
		p.curves = append(p.curves, c)
		panels = append(panels, p)
	}
	if len(panels) == 0 {
		return nil, nil
	}
	pic, err := stack("step", panels)
	title, what := "Norms of the adapter", "ΔW = s·B·A"
	if d.Run.Modules[0].Rank == 0 {
		title, what = "Norm of the change", "ΔW = W − W_base"
	}
	return &figure{FigureInfo{
		Name: "norms", Title: title, Sources: d.both("checkpoints"),
		Caption: fmt.Sprintf("Frobenius norms at %d checkpoints%s; %s.%s", len(d.Run.Checkpoints), d.overModules(), what, d.marksNote()),
	}, pic}, err
}

// both are a key of the run and, when there is one, of the twin.
func (d *Data) both(key string) []string {
	if d.Twin == nil {
		return []string{"run." + key}
	}
	return []string{"run." + key, "twin." + key}
}

func (d *Data) overModules() string {
	if n := len(d.Run.Modules) - 1; n > 1 {
		return fmt.Sprintf(", over all %d modules together", n)
	}
	return ""
}

func drawTurn(d *Data) (*figure, error) {
	if len(d.Run.Modules) == 0 {
		return nil, nil
	}
	plain := panel{y: "plain turn angle, degrees", marks: d.eventMarks(), zero: true}
	for i, k := range d.Run.Ks {
		c := rowCurve(d.Run, func(m *phase.ModuleRow) point { return lookup(m.Turn, k) })
		c.name, c.colour = fmt.Sprintf("k = %d", k), series[i%len(series)]
		plain.curves = append(plain.curves, c)
	}
	debiased := panel{y: "debiased turn angle, degrees", marks: d.eventMarks(), zero: true}
	for i, k := range d.Run.DebiasedKs {
		c := rowCurve(d.Run, func(m *phase.ModuleRow) point { return estimate(m, k) })
		c.name, c.colour, c.dots = fmt.Sprintf("k = %d ± se", k), series[i%len(series)], true
		debiased.curves = append(debiased.curves, c)
	}
	if ks := d.Run.DebiasedKs; d.Twin != nil && len(ks) > 0 {
		k := ks[len(ks)/2]
		c := rowCurve(d.Twin, func(m *phase.ModuleRow) point { return estimate(m, k) })
		c.name, c.colour, c.dots = fmt.Sprintf("twin, k = %d", k), grey, true
		debiased.curves = append(debiased.curves, c)
	}
	pic, err := stack("step", []panel{plain, debiased})
	return &figure{FigureInfo{
		Name: "turn", Title: "Turn angle", Sources: d.both("checkpoints"),
		Caption: fmt.Sprintf("Angle between the moves k steps before and after, 0° is straight on%s. Above: plain, which noise bends. Below: debiased, bars are one jackknife standard error; no mark where the signal is lost. Events rest on the debiased angle.%s", d.overModules(), d.marksNote()),
	}, pic}, err
}

func lookup(m map[int]phase.Number, k int) point {
	if y, ok := m[k]; ok {
		return bare(y)
	}
	return bare(phase.Missing())
}

func estimate(m *phase.ModuleRow, k int) point {
	e, ok := m.Debiased[k]
	if !ok {
		return bare(phase.Missing())
	}
	v, se := value(e.Value), value(e.SE)
	return point{y: v, lo: max(0, v-se), hi: min(180, v+se)}
}
