package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"agar/phase"
)

// pathHeight is that of the square picture of the path.
const pathHeight = 3.8 * vg.Inch

// drawPath draws the first two principal components, coloured by step.
func drawPath(d *Data) (*figure, error) {
	var xy plotter.XYs
	var steps []int
	for _, c := range d.Run.Checkpoints {
		if len(c.PCA) >= 2 && c.PCA[0].OK() && c.PCA[1].OK() {
			xy, steps = append(xy, plotter.XY{X: float64(c.PCA[0]), Y: float64(c.PCA[1])}), append(steps, c.Step)
		}
	}
	if len(xy) < 3 {
		return nil, nil
	}
	label := func(i int) string {
		if i < len(d.Run.PCA.Ratios) && d.Run.PCA.Ratios[i].OK() {
			return fmt.Sprintf("PC%d, %.1f %% of the variance", i+1, 100*float64(d.Run.PCA.Ratios[i]))
		}
		return fmt.Sprintf("PC%d", i+1)
	}
	p := newPlot(label(0), label(1))
	line, err := plotter.NewLine(xy)
	if err != nil {
		return nil, fmt.Errorf("report: path: %w", err)
	}
	line.Color, line.Width = faint, vg.Points(1)
	p.Add(line, &pathDots{xy: xy, steps: steps, events: d.Order})
	widen(&p.X)
	widen(&p.Y)
	note := ""
	if r := d.Run.PCA.RandomWalk; len(r) > 1 {
		note = fmt.Sprintf(" Any long random walk gives %.1f and %.1f %%, with an extremum of PC2 in the middle: neither is an event.", 100*r[0], 100*r[1])
	}
	return &figure{FigureInfo{
		Name: "path", Title: "Path in its principal components", Sources: []string{"run.checkpoints", "run.pca"},
		Caption: fmt.Sprintf("Scores of %d checkpoints on the components of the centred path of %s, blue early to orange late; ringed: events.%s", len(xy), d.Run.PCA.Vector, note),
	}, &picture{rows: []*plot.Plot{p}, height: pathHeight, top: vg.Points(4)}}, nil
}

// widen leaves room for rings and labels about the points.
func widen(a *plot.Axis) {
	d := .06 * (a.Max - a.Min)
	a.Min, a.Max = a.Min-d, a.Max+d
}

// pathDots draws the checkpoints and names some of their steps.
type pathDots struct {
	xy     plotter.XYs
	steps  []int
	events []Moment
}

// DataRange implements plot.DataRanger.
func (q *pathDots) DataRange() (xmin, xmax, ymin, ymax float64) { return plotter.XYRange(q.xy) }

// Plot implements plot.Plotter.
func (q *pathDots) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	sty := p.X.Tick.Label
	sty.XAlign, sty.YAlign = draw.XLeft, draw.YBottom
	every, last := niceEvery(q.steps), vg.Point{X: -1000}
	for i, at := range q.xy {
		pt := vg.Point{X: tx(at.X), Y: ty(at.Y)}
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: blend(series[0], series[1], float64(i)/float64(max(1, len(q.xy)-1))), Radius: vg.Points(2.2), Shape: draw.CircleGlyph{}}, pt)
		far := math.Hypot(float64(pt.X-last.X), float64(pt.Y-last.Y)) > 1.2*fontSize
		if (q.steps[i]%every == 0 || i == len(q.xy)-1) && far {
			last = pt
			c.FillText(sty, vg.Point{X: pt.X + vg.Points(3), Y: pt.Y + vg.Points(2)}, fmt.Sprint(q.steps[i]))
		}
	}
	for _, e := range q.events {
		i := nearest(q.steps, e.Step)
		pt := vg.Point{X: tx(q.xy[i].X), Y: ty(q.xy[i].Y)}
		_, line := coloursOf(e.Kind)
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: line, Radius: vg.Points(6), Shape: draw.RingGlyph{}}, pt)
	}
}

// niceEvery is a round number of steps that about eight labels lie apart.
func niceEvery(steps []int) int {
	span := steps[len(steps)-1] - steps[0]
	for _, e := range []int{5, 10, 20, 25, 50, 100, 200, 250, 500, 1000} {
		if span/e <= 10 {
			return e
		}
	}
	return max(1, span/8)
}

func nearest(steps []int, s int) int {
	best := 0
	for i, x := range steps {
		if math.Abs(float64(x-s)) < math.Abs(float64(steps[best]-s)) {
			best = i
		}
	}
	return best
}

// blend is the colour a share t of the way from a to b.
func blend(a, b color.RGBA, t float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + t*(float64(y)-float64(x)))) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// drawFeatures draws the means of the features that change most, and how well the
// dictionary describes the model.
func drawFeatures(d *Data) (*figure, error) {
	f := d.Features
	if f == nil {
		return nil, nil
	}
	mean := panel{y: "mean activation", marks: d.eventMarks(), zero: true}
	for i, x := range f.Feature {
		c := curve{name: fmt.Sprintf("#%d", x.Feature), colour: series[i%len(series)]}
		for s, v := range x.Mean {
			c.points = append(c.points, at(f.Steps[s], v))
		}
		mean.curves = append(mean.curves, c)
	}
	valid := panel{y: "share", marks: d.eventMarks(), zero: true}
	for i, x := range []struct {
		name string
		y    []phase.Number
	}{{"explained variance", f.EV}, {"change of the adapter seen", f.Seen}} {
		c := curve{name: x.name, colour: series[i], dashed: i == 0}
		for s, v := range x.y {
			c.points = append(c.points, at(f.Steps[s], v))
		}
		valid.curves = append(valid.curves, c)
	}
	pic, err := stack("step", []panel{mean, valid})
	return &figure{FigureInfo{
		Name: "features", Title: "Features over training", Sources: []string{"features"},
		Caption: fmt.Sprintf("The %d of %d features whose mean changes most, over %d tokens (%s) at %s, λ = %g; no interval is known. Below: how well the frozen dictionary describes the model.%s", len(f.Feature), f.DSAE, f.Tokens, f.On, f.Hook, f.Lambda, d.marksNote()),
	}, pic}, err
}
