package tui

import (
	"context"
	"time"

	"agar/model/progress"
)

// plannedEvents is a demo job's stream, stage by stage.
func plannedEvents() [][]progress.Event {
	var train []progress.Event
	for i := range 60 {
		x := float64(i)
		train = append(train, progress.Event{Job: "train", Step: int64(i * 512), Total: 40960, Unit: "tokens", Values: map[string]float64{
			"loss": 4/(1+x/8) + .05*noise(i), "explained_variance": .9 - .8/(1+x/5), "l0": 16 + 4/(1+x), "dead": 40 * x / (x + 30), "tokens_per_sec": 38000,
		}})
	}
	return [][]progress.Event{
		{{Job: "unpack", Step: 3, Total: 3, Unit: "files"}},
		{{Job: "capture", Step: 20000, Total: 40000, Unit: "tokens"}, {Job: "capture", Step: 40000, Total: 40000, Unit: "tokens", Message: "blocks.1.hook_resid_post, f32"}},
		train,
		{{Job: "index", Step: 1, Total: 10, Unit: "shards"}},
		{{Job: "geometry", Step: 40, Total: 80, Unit: "checkpoints"}},
		{{Job: "follow", Step: 10, Total: 80, Unit: "checkpoints"}},
	}
}

// runPlanned shows a job after its first n stages.
func (a *App) runPlanned(n int) {
	start := a.env.now()
	ticks := 0
	a.env.now = func() time.Time { return start.Add(time.Duration(ticks) * 100 * time.Millisecond) }
	a.job = newJob(func(context.Context, progress.Func) (Workspace, error) { return Workspace{}, nil })
	a.job.every = 0
	o := a.screens[screenOverview].(*overview)
	o.watch()
	a.current = screenOverview
	for _, events := range plannedEvents()[:n] {
		for _, e := range events {
			ticks++
			a.broadcast(feedMsg{[]progress.Event{e}})
		}
	}
}
