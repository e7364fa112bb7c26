package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"agar/model/progress"
	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest"
)

// program is an App that runs in bubbletea, with its debouncing and ticks.
type program struct {
	t    *testing.T
	tm   *teatest.TestModel
	seen bytes.Buffer
}

func start(t *testing.T, a *App) *program {
	a.env.hasty = false
	a.env.now = time.Now
	return &program{t: t, tm: teatest.NewTestModel(t, a, teatest.WithInitialTermSize(120, 36))}
}

func (p *program) press(keys ...string) *program {
	for _, k := range keys {
		p.tm.Send(keyMsg(k))
	}
	return p
}

// see waits until text was drawn since the last look.
func (p *program) see(text string) *program {
	p.t.Helper()
	end := time.Now().Add(10 * time.Second)
	for !strings.Contains(ansi.Strip(p.seen.String()), text) {
		if time.Now().After(end) {
			p.t.Fatalf("never saw %q in:\n%s", text, ansi.Strip(p.seen.String()))
		}
		time.Sleep(10 * time.Millisecond)
		_, _ = io.Copy(&p.seen, p.tm.Output())
	}
	p.seen.Reset()
	return p
}

func (p *program) quit() {
	p.tm.Send(keyMsg("ctrl+c"))
	p.tm.WaitFinished(p.t, teatest.WithFinalTimeout(10*time.Second))
}

func TestProgramFeatureJourney(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	a.current = screenFeatures
	p := start(t, a)
	p.see("rows 1–18 of 400").press("j", "j", "j").see("Preview #234").
		press("/", "d", "o", "s", "e").see("hits").press("enter", "enter").see("Decoder neighbours").
		press("q").see("rows").quit()
}

func TestProgramScrubberJourney(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	a.current = screenPhase
	p := start(t, a)
	p.see("▲190 turn").press("g").see("step 1 of 395").press(" ").see("playing").see("step 4 of 395").press(" ", "G").see("step 395").quit()
}

// demoApp is an App with a job.
func demoApp(t *testing.T, ctx context.Context, do func(context.Context, progress.Func) (Workspace, error)) *App {
	caps := capabilities{profile: theme.None}
	a, err := newApp(ctx, caps, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.job = newJob(do)
	a.screens[screenOverview].(*overview).watch()
	return a
}

func TestProgramDemo(t *testing.T) {
	release := make(chan struct{})
	a := demoApp(t, t.Context(), func(_ context.Context, emit progress.Func) (Workspace, error) {
		for _, events := range plannedEvents() {
			for _, e := range events {
				emit(e)
			}
		}
		<-release
		return Workspace{}, nil
	})
	p := start(t, a)
	p.see("Now: follow").press("?").see("Keys · demo").press("x").see("Stages")
	close(release)
	p.see("done. h l go through").quit()
	if !a.job.wait(time.Second) {
		t.Error("the job did not end")
	}
}

func TestProgramDemoFails(t *testing.T) {
	a := demoApp(t, t.Context(), func(_ context.Context, emit progress.Func) (Workspace, error) {
		emit(progress.Event{Job: "capture", Step: 1, Total: 9})
		return Workspace{}, errors.New("no space left on device")
	})
	p := start(t, a)
	p.see("the job failed: no space left on device").quit()
	if got := a.screens[screenOverview].(*overview).board.stages[1].state; got != stageFailed {
		t.Errorf("the stage is in state %d, expected failed", got)
	}
}

// TestQuittingCancelsTheJob runs the whole of Run with a job that only ends when
// its context does.
func TestQuittingCancelsTheJob(t *testing.T) {
	cancelled := make(chan struct{})
	begun := make(chan struct{})
	in, keys := io.Pipe()
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- Run(context.Background(), Options{
			Input: in, Output: &out, Environ: []string{"TERM=xterm"},
			Demo: func(ctx context.Context, emit progress.Func) (Workspace, error) {
				close(begun)
				<-ctx.Done()
				close(cancelled)
				return Workspace{}, ctx.Err()
			},
		})
	}()
	<-begun
	_, _ = keys.Write([]byte("q"))
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not return")
	}
	<-cancelled
	keys.Close()
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, keys := io.Pipe()
	defer keys.Close()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Input: in, Output: io.Discard, Environ: []string{"TERM=xterm"}})
	}()
	time.Sleep(50 * time.Millisecond)
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not return")
	}
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, o := range map[string]Options{
		"theme": {Theme: "x"}, "symbols": {Symbols: "x"}, "colour": {Color: "x"}, "found an empty directory": {Paths: []string{t.TempDir()}},
	} {
		err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, expected an error about %s", err, name)
		}
	}
}

func TestFeedKeepsTheNewest(t *testing.T) {
	j := newJob(nil)
	for i := range 3 * feedMax {
		j.emit(progress.Event{Step: int64(i)})
	}
	got := j.drain()
	if len(got) > feedMax || got[len(got)-1].Step != 3*feedMax-1 {
		t.Errorf("%d events, last %d; expected at most %d with the newest", len(got), got[len(got)-1].Step, feedMax)
	}
}

func TestStagesAreRecognised(t *testing.T) {
	for _, c := range []struct {
		e    progress.Event
		want string
	}{
		{progress.Event{Job: "train", Stage: "evaluate"}, "train"}, {progress.Event{Job: "sae train"}, "train"},
		{progress.Event{Job: "demo", Stage: "capture"}, "capture"}, {progress.Event{Job: "phase", Stage: "follow"}, "follow"},
		{progress.Event{Job: "phase"}, "geometry"}, {progress.Event{Job: "capture", Stage: "index shards"}, "capture"}, {progress.Event{Job: "novel"}, "novel"},
	} {
		if got := stageKey(plan(), c.e); got != c.want {
			t.Errorf("%+v belongs to %q, expected %q", c.e, got, c.want)
		}
	}
	b := newBoard(time.Now())
	now := time.Now()
	for _, e := range []progress.Event{
		{Job: "train", Stage: "train", Step: 700, Total: 700, Unit: "steps", Values: map[string]float64{"dead": 3, "d_sae": 512}},
		{Job: "train", Stage: "evaluate", Step: 40, Unit: "tokens"},
	} {
		b.add(e, now)
	}
	s := &b.stages[b.now]
	if got := s.figures(); !strings.Contains(got, "evaluate · 40 tokens") {
		t.Errorf("while it is judged a training says %q", got)
	}
	b.finish(nil, now)
	if got := s.figures(); !strings.Contains(got, "700 steps") || strings.Contains(got, "tokens") {
		t.Errorf("at its end a training says %q, expected its steps", got)
	}
	if b.features != 512 {
		t.Errorf("%d features, expected 512", b.features)
	}
	b = newBoard(time.Now())
	b.add(progress.Event{Job: "novel", Step: 1, Total: 2}, time.Now())
	if n := len(b.stages); n != len(plan())+1 {
		t.Errorf("%d stages, expected a new one", n)
	}
}

var _ tea.Model = (*App)(nil)
