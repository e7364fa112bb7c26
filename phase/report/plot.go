package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Colours of the plots. Every one is its own number, so that the page can put
// variables in their place and follow a dark reader; the six of series are Okabe
// and Ito's, told apart by colour-blind readers.
var (
	paper  = rgb(0xFFFFFE)
	ink    = rgb(0x1A1A1B)
	faint  = rgb(0xD9D9DA)
	grey   = rgb(0x85858A)
	series = []color.RGBA{rgb(0x0072B2), rgb(0xD55E00), rgb(0x009E73), rgb(0xCC79A7), rgb(0xE69F00), rgb(0x56B4E9)}
	// bands are under the marks of events: turn, gradient peak, behaviour, others.
	bands = map[string]color.RGBA{"turn": rgb(0xFBE0D1), "grad_peak": rgb(0xD7EBF6), "behaviour": rgb(0xD5F0E6), "": rgb(0xEEEEEF)}
	marks = map[string]color.RGBA{"turn": rgb(0xB34A00), "grad_peak": rgb(0x005A8C), "behaviour": rgb(0x007A59), "": rgb(0x5F5F63)}
)

func rgb(x uint32) color.RGBA {
	return color.RGBA{R: uint8(x >> 16), G: uint8(x >> 8), B: uint8(x), A: 255}
}

// Sizes of a figure on paper.
const (
	figureWidth = 7.2 * vg.Inch
	panelHeight = 2.1 * vg.Inch
	pngDPI      = 110
	fontSize    = 9
)

// point is one value over steps, with its interval where there is one.
type point struct{ x, y, lo, hi float64 }

// curve is one series of a panel.
type curve struct {
	name   string
	points []point // points whose y is NaN break the line
	colour color.RGBA
	dashed bool
	dots   bool // marks, with bars of lo and hi
}

// mark is an event on the step axis.
type mark struct {
	kind, label string
	at          float64
	from, to    float64
}

// panel is one pair of axes.
type panel struct {
	y      string // label, with the unit
	curves []curve
	marks  []mark
	zero   bool // the y axis holds 0
}

// logarithmic tells whether a logarithmic axis serves the panel better: all values are
// above 0 and span more than a factor of 20.
func (p *panel) logarithmic() bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, c := range p.curves {
		for _, q := range c.points {
			if !math.IsNaN(q.y) {
				lo, hi = min(lo, q.y), max(hi, q.y)
			}
		}
	}
	return !p.zero && lo > 0 && hi > 20*lo
}

// newPlot is a plot in the house's style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, fontSize)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Label.TextStyle.Color, a.Tick.Color, a.Tick.Label.Color = ink, ink, ink, ink
		a.Label.TextStyle.Font, a.Tick.Label.Font = f, f
		a.LineStyle.Width, a.Tick.Width = vg.Points(.6), vg.Points(.6)
		a.Tick.Length = vg.Points(4)
		a.Padding = vg.Points(2)
		a.Tick.Marker = niceTicks{}
	}
	p.X.Label.Text, p.Y.Label.Text = Escape(x), Escape(y)
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = f, ink
	p.Legend.YOffs = -vg.Points(3)
	p.Legend.Top, p.Legend.ThumbnailWidth, p.Legend.Padding = true, vg.Points(16), vg.Points(1)
	return p
}

// build makes the panel's plot.
func (p *panel) build(x string, xmin, xmax float64, labels bool) (*plot.Plot, error) {
	out := newPlot(x, p.y)
	g := plotter.NewGrid()
	g.Vertical.Width = 0
	g.Horizontal.Color, g.Horizontal.Width = faint, vg.Points(.5)
	out.Add(g)
	for i := range p.marks {
		out.Add(&eventMark{p.marks[i]})
	}
	if labels {
		out.Add(&markLabels{p.marks})
	}
	for i := range p.curves {
		if err := p.curves[i].add(out); err != nil {
			return nil, err
		}
	}
	if p.logarithmic() {
		out.Y.Scale, out.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	} else if p.zero {
		out.Y.Min, out.Y.Max = min(out.Y.Min, 0), max(out.Y.Max, 0)
	}
	if n := float64(len(p.curves)); !p.logarithmic() && n > 1 { // room for the legend
		out.Y.Max += min(.4, .06+.08*n) * (out.Y.Max - out.Y.Min)
	}
	if out.Y.Min == out.Y.Max {
		out.Y.Min, out.Y.Max = out.Y.Min-.5, out.Y.Max+.5
	}
	out.X.Min, out.X.Max = xmin, xmax
	return out, nil
}

// add draws a curve: lines between neighbours that have values, or marks with bars.
func (c *curve) add(p *plot.Plot) error {
	var thumb []plot.Thumbnailer
	for _, run := range c.runs() {
		xy := make(plotter.XYs, len(run))
		for i, q := range run {
			xy[i] = plotter.XY{X: q.x, Y: q.y}
		}
		if !c.dots || len(run) > 1 {
			l, err := plotter.NewLine(xy)
			if err != nil {
				return fmt.Errorf("report: %s: %w", c.name, err)
			}
			l.Color, l.Width = c.colour, vg.Points(1.2)
			if c.dashed {
				l.Dashes = []vg.Length{vg.Points(3), vg.Points(2)}
			}
			p.Add(l)
			thumb = []plot.Thumbnailer{l}
		}
		if c.dots || len(run) == 1 {
			s, err := plotter.NewScatter(xy)
			if err != nil {
				return fmt.Errorf("report: %s: %w", c.name, err)
			}
			s.GlyphStyle = draw.GlyphStyle{Color: c.colour, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
			p.Add(s)
			thumb = append(thumb[:min(1, len(thumb))], s)
			if c.dots {
				p.Add(&bars{run, c.colour})
			}
		}
	}
	if c.name != "" && thumb != nil {
		p.Legend.Add(Escape(c.name), thumb...)
	}
	return nil
}

// runs are the stretches of points that have values.
func (c *curve) runs() (out [][]point) {
	var run []point
	for _, q := range c.points {
		if math.IsNaN(q.y) || math.IsInf(q.y, 0) {
			if run != nil {
				out, run = append(out, run), nil
			}
			continue
		}
		run = append(run, q)
	}
	if run != nil {
		out = append(out, run)
	}
	return out
}

// bars are intervals from lo to hi.
type bars struct {
	points []point
	colour color.Color
}

// Plot implements plot.Plotter.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&c)
	for _, q := range b.points {
		if math.IsNaN(q.lo) || math.IsNaN(q.hi) {
			continue
		}
		lo, hi := max(q.lo, p.Y.Min), min(q.hi, p.Y.Max)
		c.StrokeLine2(draw.LineStyle{Color: b.colour, Width: vg.Points(.7)}, tx(q.x), ty(lo), tx(q.x), ty(hi))
	}
}

// DataRange implements plot.DataRanger.
func (b *bars) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, ymin, xmax, ymax = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, q := range b.points {
		xmin, xmax = min(xmin, q.x), max(xmax, q.x)
		for _, y := range []float64{q.y, q.lo, q.hi} {
			if !math.IsNaN(y) {
				ymin, ymax = min(ymin, y), max(ymax, y)
			}
		}
	}
	return xmin, xmax, ymin, ymax
}

// eventMark draws a mark: a band over the interval and a line.
type eventMark struct{ mark }

// Plot implements plot.Plotter.
func (m *eventMark) Plot(c draw.Canvas, p *plot.Plot) {
	tx, _ := p.Transforms(&c)
	band, line := coloursOf(m.kind)
	x0, x1 := tx(max(m.from, p.X.Min)), tx(min(m.to, p.X.Max))
	c.FillPolygon(band, []vg.Point{{X: x0, Y: c.Min.Y}, {X: x1, Y: c.Min.Y}, {X: x1, Y: c.Max.Y}, {X: x0, Y: c.Max.Y}})
	c.StrokeLine2(draw.LineStyle{Color: line, Width: vg.Points(.9)}, tx(m.at), c.Min.Y, tx(m.at), c.Max.Y)
}

func coloursOf(kind string) (band, line color.RGBA) {
	if line, ok := marks[kind]; ok {
		return bands[kind], line
	}
	return bands[""], marks[""]
}

// markLabels names marks above the axes, in as many rows as keep them apart.
type markLabels struct{ marks []mark }

// labelRow is the height of a row of labels.
const labelRow = 11 * vg.Length(1)

// Plot implements plot.Plotter.
func (m *markLabels) Plot(c draw.Canvas, p *plot.Plot) {
	tx, _ := p.Transforms(&c)
	var ends []vg.Length // of the last label of each row
	for _, k := range m.marks {
		sty := p.X.Tick.Label
		_, sty.Color = coloursOf(k.kind)
		sty.XAlign, sty.YAlign = draw.XCenter, draw.YBottom
		text := Escape(k.label)
		w := sty.Width(text) / 2
		x := min(max(tx(k.at), c.Min.X+w), c.Max.X-w)
		row := slices.IndexFunc(ends, func(e vg.Length) bool { return x-w > e+vg.Points(5) })
		if row < 0 {
			row, ends = len(ends), append(ends, 0)
		}
		ends[row] = x + w
		c.FillText(sty, vg.Point{X: x, Y: c.Max.Y + vg.Points(1) + labelRow*vg.Length(row)}, text)
	}
}

// niceTicks labels about six round numbers.
type niceTicks struct{}

// Ticks implements plot.Ticker.
func (niceTicks) Ticks(lo, hi float64) (out []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	for _, m := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(m*step) <= 7 {
			step *= m
			break
		}
	}
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'f', digits, 64)})
	}
	return out
}

// logTicks labels 1, 2 and 5 of every decade.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(lo, hi float64) (out []plot.Tick) {
	for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 || m == 2 || m == 5 {
				t.Label = fmt.Sprintf("%.3g", v)
			}
			out = append(out, t)
		}
	}
	return out
}

// picture draws rows of plots, aligned, into one canvas.
type picture struct {
	rows   []*plot.Plot
	height vg.Length
	top    vg.Length // room for the labels of events
}

func stack(x string, panels []panel) (*picture, error) {
	xmin, xmax := span(panels)
	pic := &picture{height: panelHeight * vg.Length(len(panels)), top: vg.Points(4) + labelRow*vg.Length(min(3, len(panels[0].marks)))}
	for i := range panels {
		label := ""
		if i == len(panels)-1 {
			label = x
		}
		p, err := panels[i].build(label, xmin, xmax, i == 0)
		if err != nil {
			return nil, err
		}
		pic.rows = append(pic.rows, p)
	}
	return pic, nil
}

// span is the range of steps of all panels.
func span(panels []panel) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range panels {
		for _, c := range p.curves {
			for _, q := range c.points {
				lo, hi = min(lo, q.x), max(hi, q.x)
			}
		}
	}
	if !(lo < hi) {
		return lo - 1, hi + 1
	}
	return lo, hi
}

// draw paints the picture.
func (pic *picture) draw(c vg.CanvasSizer) {
	dc := draw.New(c)
	dc.SetColor(paper)
	dc.Fill(dc.Rectangle.Path())
	dc = draw.Crop(dc, vg.Points(4), -vg.Points(8), vg.Points(3), -pic.top)
	rows := make([][]*plot.Plot, len(pic.rows))
	for i, p := range pic.rows {
		rows[i] = []*plot.Plot{p}
	}
	tiles := draw.Tiles{Rows: len(rows), Cols: 1, PadY: vg.Points(6)}
	for i, row := range plot.Align(rows, tiles, dc) {
		pic.rows[i].Draw(row[0])
	}
}

// png and svg encode the picture.
func (pic *picture) png() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(figureWidth, pic.height), vgimg.UseDPI(pngDPI))
	pic.draw(c)
	return encoded(vgimg.PngCanvas{Canvas: c})
}

func (pic *picture) svg() ([]byte, error) {
	c := vgsvg.New(figureWidth, pic.height)
	pic.draw(c)
	return encoded(c)
}

func encoded(w io.WriterTo) ([]byte, error) {
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return slices.Clip(b.Bytes()), nil
}
