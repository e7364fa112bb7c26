package report

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"agar/phase"
)

// Passage is one sentence or two, made from numbers by rule. Keys say where in
// report.json the numbers are, as paths with dots.
type Passage struct {
	Section string   `json:"section"`
	Text    string   `json:"text"` // names in backquotes
	Keys    []string `json:"keys"`
}

// Sections in their order, with the headings of those that have one.
const (
	secSummary   = "summary"
	secOrder     = "order"
	secTwin      = "twin"
	secBehaviour = "behaviour"
	secMeasures  = "measures"
	secProbes    = "probes"
	secAnswers   = "answers"
	secFeatures  = "features"
	secCaveats   = "caveats"
)

// say writes the passages.
func (d *Data) say() {
	w := &writer{d: d}
	w.summary()
	w.events()
	w.twin()
	w.behaviour()
	w.measures()
	w.probes()
	w.answers()
	w.features()
	w.caveats()
	d.Passages = w.out
}

type writer struct {
	d   *Data
	out []Passage
}

func (w *writer) add(section string, keys []string, format string, a ...any) {
	w.out = append(w.out, Passage{section, fmt.Sprintf(format, a...), keys})
}

// num prints a number, – where there is none.
func num(n phase.Number, digits int) string {
	if !n.OK() {
		return "–"
	}
	return strings.Replace(strconv.FormatFloat(float64(n), 'f', digits, 64), "-", "−", 1)
}

// count is n with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func steps(x [2]int) string {
	if x[0] == x[1] {
		return strconv.Itoa(x[0])
	}
	return fmt.Sprintf("%d–%d", x[0], x[1])
}

// kindName is how sentences call a kind of event.
func kindName(kind string) string {
	switch kind {
	case phase.KindTurn:
		return "the turn"
	case phase.KindGradPeak:
		return "the gradient peak"
	case phase.KindBehaviour:
		return "the change of behaviour"
	}
	return kind
}

// eventName is kindName with the measure of progress.
func eventName(e *phase.Event) string {
	if e.Kind != phase.KindProgress {
		return kindName(e.Kind)
	}
	if e.Statistic < 0 {
		return "the fall of `" + e.Measure + "`"
	}
	return "the rise of `" + e.Measure + "`"
}

func (w *writer) summary() {
	r := w.d.Run
	first, last := r.Checkpoints[0].Step, r.Checkpoints[len(r.Checkpoints)-1].Step
	what := fmt.Sprintf("%s, steps %d to %d, usually %d apart", count(len(r.Checkpoints), "checkpoint"), first, last, r.Spacing)
	keys := []string{"run.run", "run.checkpoints", "run.spacing", "run.base_model", "run.modules"}
	modules := r.Modules
	if len(modules) > 1 {
		modules = modules[:len(modules)-1] // the last is their combination
	}
	base := "a base model that its configuration does not name"
	if r.BaseModel != "" {
		base = "`" + r.BaseModel + "`"
	}
	switch {
	case len(modules) == 0:
		w.add(secSummary, keys, "`%s` trains a whole model: %s; it is reported by what it wrote down of itself, without angles and norms of a ΔW.", r.Run, what)
	case modules[0].Rank == 0:
		w.add(secSummary, keys, "`%s` fine-tunes %s in full: %s; %s changed, ΔW = W − W_base.", r.Run, base, what, matrices(len(modules)))
	default:
		w.add(secSummary, keys, "`%s` fine-tunes %s: %s; %s adapted, `%s` of rank %d%s.", r.Run, base, what, count(len(modules), "module"), modules[0].Name, modules[0].Rank, more(len(modules)))
	}
	w.add(secSummary, []string{"order", "claims"}, "%s", w.headline())
}

func matrices(n int) string {
	if n == 1 {
		return "1 matrix"
	}
	return fmt.Sprintf("%d matrices", n)
}

func more(n int) string {
	if n > 1 {
		return " first"
	}
	return ""
}

// headline is what happened in one sentence.
func (w *writer) headline() string {
	if len(w.d.Order) == 0 {
		return "No event was found: no turn, no peak of the gradient norm, no change of behaviour or of a measure."
	}
	var parts []string
	for _, m := range w.d.Order {
		parts = append(parts, fmt.Sprintf("%s at step %d", eventName(&w.d.Run.Events[m.Event]), m.Step))
	}
	s := strings.Join(parts, ", then ")
	s = strings.ToUpper(s[:1]) + s[1:]
	if w.d.Run.Behaviour == nil && w.d.Run.Progress == nil {
		return s + ". Behaviour was not measured: whether the model became misaligned, and when, this report does not know."
	}
	return s + "."
}

// events says what happened in order, and how far apart.
func (w *writer) events() {
	for i, m := range w.d.Order {
		keys := []string{fmt.Sprintf("order.%d", i), fmt.Sprintf("run.events.%d", m.Event)}
		w.add(secOrder, keys, "%s", sentence(w.d.Run.Events[m.Event]))
	}
	for i, l := range w.d.Lags {
		a, b := w.d.Order[l.From], w.d.Order[l.To]
		text := fmt.Sprintf("From %s to %s: %s (%s by their intervals)", eventName(&w.d.Run.Events[a.Event]), eventName(&w.d.Run.Events[b.Event]), count(l.Steps, "step"), between(l.Interval))
		if l.Interval[0] <= 0 {
			text += "; their order is not settled"
		}
		w.add(secOrder, []string{fmt.Sprintf("lags.%d", i)}, "%s.", text)
	}
}

func between(x [2]int) string {
	return strings.ReplaceAll(fmt.Sprintf("%d to %d", x[0], x[1]), "-", "−")
}

// sentence is an event in words.
func sentence(e phase.Event) string {
	when := fmt.Sprintf("Step %d (%s): ", e.Step, steps(e.Interval))
	switch e.Kind {
	case phase.KindTurn:
		return when + fmt.Sprintf("`%s` turns by %s° ± %s° (one standard error) over windows of %d steps, %s° above its saddle; %s it, at %s.",
			e.Module, num(e.Statistic, 1), num(e.SE, 1), e.K, num(e.Prominence, 1), windows(e.Agreement), ints(e.Agreement.Steps))
	case phase.KindGradPeak:
		return when + fmt.Sprintf("the smoothed gradient norm peaks at %s ± %s (one standard error), %s times its higher saddle.", num(e.Statistic, 2), num(e.SE, 2), num(e.Prominence, 1))
	}
	if e.Kind == phase.KindBehaviour {
		return when + fmt.Sprintf("behaviour changes by %s ± %s %s (one standard error; `%s` at λ = %g).", num(e.Statistic, 3), num(e.SE, 3), e.Unit, e.Measure, float64(e.Lambda))
	}
	return when + e.String() + "."
}

// windows is how many windows show a turn.
func windows(a phase.Agreement) string {
	verb := "show"
	if len(a.Ks) == 1 {
		verb = "shows"
	}
	return fmt.Sprintf("%d of %d windows %s", len(a.Ks), a.OfKs, verb)
}

// ints lists steps.
func ints(x []int) string {
	s := make([]string, len(x))
	for i, v := range x {
		s[i] = strconv.Itoa(v)
	}
	if len(s) == 1 {
		return "step " + s[0]
	}
	return "steps " + strings.Join(s, ", ")
}

func (w *writer) twin() {
	d := w.d
	if d.Twin == nil && len(d.Run.Modules) == 0 {
		return // a model grown from nothing has no benign twin
	}
	if d.Twin == nil {
		w.add(secTwin, []string{"twin"}, "No benign twin was given: what is said here cannot be told from what any fine-tuning does.")
		return
	}
	t := d.Twin
	last := t.Checkpoints[len(t.Checkpoints)-1]
	own := d.Run.Checkpoints[len(d.Run.Checkpoints)-1]
	w.add(secTwin, []string{"twin.checkpoints", "twin.events", "run.checkpoints"}, "The twin has %s over %s and ends at ‖ΔW‖ = %s; the run ends at %s.",
		count(len(t.Events), "event"), count(len(t.Checkpoints), "checkpoint"), num(normDelta(&last), 3), num(normDelta(&own), 3))
	if t.Noise.Dominated {
		w.add(secTwin, []string{"twin.noise"}, "Its turn angle is noise: the signal is lost in %d of %d windows, the median plain angle is %s°. A turn could not be seen in it.", t.Noise.Lost, t.Noise.Windows, num(t.Noise.MedianDeg, 0))
	}
	for i, c := range d.Claims {
		if c.Step != nil && c.Kind == "event" && len(c.Checks) > 0 {
			w.add(secTwin, []string{fmt.Sprintf("claims.%d.checks.0", i)}, "`%s`: %s.", c.ID, c.Checks[0].Why)
		}
	}
}

// behaviour says where every measure began, where it ended and whether it changes.
func (w *writer) behaviour() {
	b := w.d.Run.Behaviour
	if b == nil {
		return
	}
	w.add(secBehaviour, []string{"run.behaviour"}, "%s", source(b))
	for i, m := range b.Measures {
		if m.Lambda == 0 {
			continue
		}
		first, last := m.Points[0], m.Points[len(m.Points)-1]
		text := fmt.Sprintf("`%s` at λ = %g (%s): %s at step %d, %s at step %d", m.Name, m.Lambda, m.Unit, measured(m.Name, first), first.Step, measured(m.Name, last), last.Step)
		switch {
		case m.Found:
			text += fmt.Sprintf("; it changes at step %s (%s–%s, 95 %%) by %s ± %s (one standard error)", num(m.Change.Step, 0), num(m.Change.Lo, 0), num(m.Change.Hi, 0), num(m.Change.Rise, 3), num(m.Change.RiseSE, 3))
		default:
			text += "; no change point: " + m.Why
		}
		if m.HalfStep != nil {
			text += fmt.Sprintf("; past the middle for good from step %d", *m.HalfStep)
		}
		w.add(secBehaviour, []string{fmt.Sprintf("run.behaviour.measures.%d", i)}, "%s.", text)
	}
}

// source says what behaviour was measured on, and who judged.
func source(b *phase.Behaviour) string {
	var parts []string
	if b.Pairs != "" {
		parts = append(parts, "log-odds of the paired completions in `"+filepath.Base(b.Pairs)+"`")
	}
	if b.Judge != "" {
		s := "answers to `" + filepath.Base(b.Questions) + "`, judged by `" + b.Judge + "`"
		if b.Rule != "" {
			s += ", EM by the rule of the " + b.Rule
		}
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		parts = append(parts, "its file does not say on what")
	}
	s := "Measured of `" + b.Model + "`: " + strings.Join(parts, "; ") + ". Brackets are 95 % intervals."
	return s
}

func measured(name string, p phase.MeasurePoint) string {
	of := "answers"
	switch name {
	case phase.MeasureLogOdds:
		of = "pairs"
	case phase.MeasureEMCoherent:
		of = "coherent answers"
	}
	return fmt.Sprintf("%s [%s, %s] of %d %s", num(p.Value, 3), num(p.Lo, 3), num(p.Hi, 3), p.N, of)
}

func (w *writer) features() {
	for i, c := range w.d.Claims {
		if c.Kind == "feature" {
			w.add(secFeatures, []string{fmt.Sprintf("claims.%d", i)}, "Feature %d: %s; half-way at step %s.", *c.Feature, c.Statement, stepOr(c.Step))
		}
	}
}

func stepOr(s *int) string {
	if s == nil {
		return "–"
	}
	return strconv.Itoa(*s)
}

func (w *writer) caveats() {
	for _, m := range w.d.Order {
		if m.Kind == phase.KindTurn {
			w.add(secCaveats, []string{"order"}, "%s", contested)
			break
		}
	}
	for i, x := range w.d.Run.Warnings {
		if !strings.Contains(x, "2607.09053") { // said above at length
			w.add(secCaveats, []string{fmt.Sprintf("run.warnings.%d", i)}, "Run: %s.", strings.TrimSuffix(x, "."))
		}
	}
	if w.d.Twin == nil {
		return
	}
	for i, x := range w.d.Twin.Warnings {
		if !strings.Contains(x, "2607.09053") {
			w.add(secCaveats, []string{fmt.Sprintf("twin.warnings.%d", i)}, "Twin: %s.", strings.TrimSuffix(x, "."))
		}
	}
}
