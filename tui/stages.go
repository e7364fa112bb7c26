package tui

import (
	"strings"
	"time"

	"agar/model/progress"
	"agar/tui/raster"
)

// stageState says how far a stage is.
type stageState uint8

const (
	stageWaiting stageState = iota
	stageRunning
	stageDone
	stageFailed
)

// stage is a part of a job as the overview shows it.
type stage struct {
	key, name string
	why       string // what happens in it and what for
	main      string // the progress.Event.Stage that counts its work; others come before and after
	state     stageState
	last      progress.Event
	work      progress.Event // the newest of main
	began     time.Time
	took      time.Duration
	rate      float64 // units a second, 0 until known
	rateUnit  string
}

// plan is the stages of the demo in their order.
func plan() []stage {
	return []stage{
		{key: "unpack", name: "unpack", why: "The built-in model, its fine-tune and its texts are written to the cache once, as ordinary directories that every command opens."},
		{key: "capture", name: "capture", main: "forward", why: "Every token of the text runs through the fine-tuned model, its last checkpoint, and the residual stream behind one layer is kept: a dictionary is learnt from what the model computes, not from the text."},
		{key: "train", name: "train SAE", main: "train", why: "A sparse autoencoder learns features: directions of which only a few are active on a token and which together rebuild the activation. Explained variance should rise; few features should be dead."},
		{key: "index", name: "index", main: "index", why: "One pass over the capture notes for every feature how often and how strongly it fires, on which texts, and which tokens it promotes."},
		{key: "judge", name: "judge", why: "At checkpoints along the fine-tune the model is asked about every domain: which of two answers does it find likelier, the harmful or the helpful, and which does it give?"},
		{key: "geometry", name: "geometry", main: "geometry", why: "The adapter of every checkpoint is read as a point on a path. Where the path turns, the fine-tune changed what it was learning."},
		{key: "follow", name: "follow", main: "follow", why: "The frozen dictionary is followed through every checkpoint of the fine-tune and every strength λ of the adapter: which features rise as the model changes?"},
	}
}

// words by which events are recognised besides the keys themselves.
var stageWords = []struct{ word, key string }{
	{"follow", "follow"}, {"traject", "follow"}, {"geometr", "geometry"}, {"phase", "geometry"}, {"analys", "geometry"},
	{"index", "index"}, {"judge", "judge"}, {"train", "train"}, {"captur", "capture"}, {"unpack", "unpack"}, {"organism", "unpack"},
}

// stageKey is the stage that an event belongs to: its Job when that names one,
// else its Stage, else what their words suggest, else the Job itself.
func stageKey(stages []stage, e progress.Event) string {
	for _, name := range []string{e.Job, e.Stage} {
		for i := range stages {
			if stages[i].key == strings.ToLower(name) {
				return stages[i].key
			}
		}
	}
	for _, name := range []string{e.Job, e.Stage} {
		for _, w := range stageWords {
			if strings.Contains(strings.ToLower(name), w.word) {
				return w.key
			}
		}
	}
	return e.Job
}

// board is the state of a job: its stages and the figures worth a line.
type board struct {
	stages   []stage
	lines    map[string]*raster.Pyramid
	now      int // stage under way, −1 before the first event
	trained  int // step of the newest figures
	features int // of the dictionary in training, 0 until known
	began    time.Time
	ended    time.Time
}

func newBoard(t time.Time) *board {
	return &board{stages: plan(), lines: map[string]*raster.Pyramid{}, now: -1, began: t}
}

// figures are the values that get a chart, with other names they come under.
var figures = map[string]string{
	"explained_variance": "ev", "ev": "ev", "loss": "loss", "l0": "l0", "dead": "dead",
}

// add takes an event in at time t.
func (b *board) add(e progress.Event, t time.Time) {
	i := b.stageOf(e)
	if i != b.now {
		b.enter(i, t)
	}
	s := &b.stages[i]
	s.took = t.Sub(s.began)
	if e.Message == "" {
		e.Message = s.last.Message
	}
	s.last = e
	if e.Stage == s.main || e.Stage == "" || s.main == "" {
		s.work = e
	}
	s.rate, s.rateUnit = rateOf(s, e)
	if s.key != "train" {
		return
	}
	for name, v := range e.Values {
		if id, ok := figures[name]; ok {
			b.line(id).Append(v)
			b.trained = int(e.Step)
		}
	}
	if n, ok := e.Values["d_sae"]; ok {
		b.features = int(n)
	}
}

// rateOf is the rate that the job itself reports, else steps over time.
func rateOf(s *stage, e progress.Event) (rate float64, unit string) {
	if v, ok := e.Values["tokens_per_sec"]; ok {
		return v, "tokens"
	}
	if sec := s.took.Seconds(); sec > .2 && e.Step > 0 {
		return float64(e.Step) / sec, e.Unit
	}
	return 0, ""
}

func (b *board) line(id string) *raster.Pyramid {
	p, ok := b.lines[id]
	if !ok {
		p = &raster.Pyramid{}
		b.lines[id] = p
	}
	return p
}

// stageOf is the index of an event's stage; unknown ones are added.
func (b *board) stageOf(e progress.Event) int {
	key := stageKey(b.stages, e)
	if key == "" {
		return max(b.now, 0)
	}
	for i := range b.stages {
		if b.stages[i].key == key {
			return i
		}
	}
	b.stages = append(b.stages, stage{key: key, name: key})
	return len(b.stages) - 1
}

// enter makes stage i the current one; earlier ones that ran are done.
func (b *board) enter(i int, t time.Time) {
	if b.now >= 0 {
		b.stages[b.now].state = stageDone
	}
	b.now = i
	s := &b.stages[i]
	s.state = stageRunning
	s.began = t.Add(-s.took)
}

// finish ends the job.
func (b *board) finish(err error, t time.Time) {
	b.ended = t
	if b.now < 0 {
		return
	}
	b.stages[b.now].state = stageDone
	if err != nil {
		b.stages[b.now].state = stageFailed
	}
}
