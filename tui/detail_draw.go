package tui

import (
	"fmt"
	"math"

	"agar/tui/cell"
	"agar/tui/raster"
)

func (d *detail) examplesTitle() string {
	return "Examples: " + exampleKinds[d.kind].name + d.exLoad.mark(d.env)
}

func (d *detail) examplesNote() string {
	if len(d.examples) == 0 {
		return "e: next kind"
	}
	return fmt.Sprintf("from %d of %d · e: next kind", d.first+1, len(d.examples))
}

// drawExamples writes each example with a line of where it is when the panel is
// large, else in one line.
func (d *detail) drawExamples(g *cell.Grid, r cell.Rect, _ bool) {
	t := d.env.theme
	if drawMissing(g, r, t, &d.exLoad) {
		return
	}
	if len(d.examples) == 0 && !d.exLoad.busy {
		g.Text(r, "no example of this kind in the index", t.Dim)
		return
	}
	area := r
	key, r := cell.Rect{}, r
	if r.H >= 6 {
		r, key = r.Top(r.H - 1)
	}
	for _, ex := range d.examples[min(d.first, len(d.examples)):] {
		if r.Empty() {
			break
		}
		r = d.drawExample(g, r, ex, area.H >= 10)
	}
	d.drawHeatKey(g, key)
	if d.exLoad.busy {
		g.Restyle(area, func(s cell.Style) cell.Style { return s.With(cell.Faint) })
	}
}

func (d *detail) drawExample(g *cell.Grid, r cell.Rect, ex Example, roomy bool) cell.Rect {
	t, form := d.env.theme, heatFormOf(d.env.theme, d.env.sym)
	head, body := r.Left(6)
	g.Text(head, num(ex.Max), t.Accent)
	lines := 1
	if roomy {
		g.Text(body, fmt.Sprintf("document %d · token %d", ex.Doc, ex.Pos), t.Dim)
		_, body = body.Top(1)
		lines = min(2, body.H)
	}
	text := heatLayout(ex, d.feature.Max, body.W, lines, form)
	for i, l := range text {
		drawHeat(g, body.Row(i), l, t)
	}
	used := max(len(text), 1)
	if roomy {
		used++
	}
	_, rest := r.Top(used)
	return rest
}

// drawHeatKey explains the heat of tokens.
func (d *detail) drawHeatKey(g *cell.Grid, r cell.Rect) {
	t := d.env.theme
	if r.Empty() {
		return
	}
	_, r = r.Left(g.Text(r, "heat: share of the feature's max ", t.Dim))
	form := heatFormOf(t, d.env.sym)
	for step := 1; step < len(t.Heat); step++ {
		st, text := t.Heat[step], " "+string(rune('0'+step))+" "
		if !t.Color() {
			st, text = t.FG, "x"+form.suffix(step)+" "
		}
		_, r = r.Left(g.Raw(r, text, st))
	}
}

func (d *detail) histNote() string {
	n := 0.
	for _, v := range d.feature.Hist {
		n += v
	}
	return "n " + count(int64(n)) + " · log"
}

func (d *detail) drawHist(g *cell.Grid, r cell.Rect, _ bool) {
	t := d.env.theme
	if drawMissing(g, r, t, &d.load) || len(d.feature.Hist) == 0 || r.H < 2 {
		return
	}
	hist, end := d.feature.filled()
	bars, axis := r.Top(r.H - 1)
	raster.Columns(g, bars, hist, true, d.env.sym, t.Series[0])
	g.Text(axis, "0", t.Dim)
	mid := num(end / 2)
	g.Text(cell.Rect{X: axis.X + (axis.W-len(mid))/2, Y: axis.Y, W: len(mid), H: 1}, mid, t.Dim)
	g.Right(axis, num(end), t.Dim)
}

// filled is the histogram without the empty bins above the largest activation,
// and where it ends.
func (f *Feature) filled() (hist []float64, end float64) {
	n := len(f.Hist)
	for n > 1 && f.Hist[n-1] == 0 {
		n--
	}
	return f.Hist[:n], f.HistMax * float64(n) / float64(len(f.Hist))
}

func (d *detail) drawLens(g *cell.Grid, r cell.Rect, _ bool) {
	t := d.env.theme
	if drawMissing(g, r, t, &d.load) {
		return
	}
	if len(d.feature.Top) == 0 {
		drawLines(g, r, cell.Wrap("no logit lens in this index; it is made with: agar sae index SAE CAPTURE --model MODEL", r.W), t.Dim)
		return
	}
	cols := r.Columns(2)
	cols[0].W--
	for i := range r.H {
		d.drawLogit(g, cols[0].Row(i), "+", d.feature.Top, i)
		d.drawLogit(g, cols[1].Row(i), "−", d.feature.Bottom, i)
	}
}

func (d *detail) drawLogit(g *cell.Grid, r cell.Rect, sign string, ts []TokenLogit, i int) {
	if i >= len(ts) || r.W < 12 {
		return
	}
	t := d.env.theme
	st := t.Pos
	if sign == "−" {
		st = t.Neg
	}
	mark, rest := r.Left(2)
	g.Text(mark, sign, t.Dim)
	text, value := rest.Left(rest.W - 7)
	g.Text(text, trimmed([]string{ts[i].Text})[0], st)
	g.Right(value, num(ts[i].Logit), t.FG)
}

func (d *detail) drawNear(g *cell.Grid, r cell.Rect, focused bool) {
	t := d.env.theme
	if drawMissing(g, r, t, &d.load) {
		return
	}
	for i, n := range d.feature.Neighbours {
		row := r.Row(i)
		if row.Empty() {
			break
		}
		mark, rest := row.Left(2)
		if i == d.near {
			g.Text(mark, "▸", t.Accent)
		}
		id, rest := rest.Left(7)
		g.Text(id, fmt.Sprintf("#%d", n.ID), t.FG)
		cos, rest := rest.Left(5)
		g.Right(cos, cosine(n.Cos), signStyle(n.Cos, t))
		_, rest = rest.Left(1)
		bar, rest := rest.Left(min(10, rest.W/3))
		drawBar(g, bar, math.Abs(n.Cos), d.env, t.Dim)
		_, rest = rest.Left(1)
		g.Text(rest, n.Label, t.FG)
		if i == d.near && focused {
			g.Restyle(row, func(s cell.Style) cell.Style { return cell.Style{FG: t.FG.FG, Attr: cell.Reverse} })
		}
	}
}

func (d *detail) traceTitle() string { return "Trajectory" + d.traceLoad.mark(d.env) }

func (d *detail) traceNote() string {
	if d.traceLoad.err != nil || len(d.trace.Mean) == 0 {
		return ""
	}
	i := d.env.axisStep()
	s := fmt.Sprintf("%s at %d", num(at(d.trace.Mean, i)), d.env.axes.Steps[i])
	if n := len(d.env.axes.Lambdas); n > 0 {
		s += " · λ " + dial(d.env.axes.Lambdas[d.env.lambdaIndex()])
	}
	switch {
	case d.trace.Onset < 0:
		return s
	case d.trace.Delta > 0:
		return fmt.Sprintf("%s · ▲%d", s, d.trace.Onset)
	}
	return fmt.Sprintf("%s · ▼%d", s, d.trace.Onset)
}

func (d *detail) drawTrace(g *cell.Grid, r cell.Rect, _ bool) {
	t := d.env.theme
	if drawMissing(g, r, t, &d.traceLoad) || len(d.trace.Mean) == 0 || len(d.env.axes.Steps) == 0 {
		return
	}
	top, below := r, cell.Rect{}
	if r.H >= 8 {
		top, below = r.Top(r.H * 3 / 5)
	}
	cursor := d.env.axes.Steps[d.env.axisStep()]
	draw := func(r cell.Rect, name string, ys []float64, i int) {
		head, rest := r.Top(1)
		if r.H < 4 {
			head, rest = cell.Rect{}, r
		}
		g.Text(head, name, t.Dim)
		c := chart{steps: d.env.axes.Steps, lines: []series{{ys: ys, style: t.Series[i]}}, cursor: cursor, format: num, zero: true}
		c.draw(g, rest, d.env)
	}
	draw(top, "mean activation over all tokens", d.trace.Mean, 0)
	if !below.Empty() {
		draw(below, "density", d.trace.Density, 1)
	}
	if d.traceLoad.busy {
		g.Restyle(r, func(s cell.Style) cell.Style { return s.With(cell.Faint) })
	}
}
