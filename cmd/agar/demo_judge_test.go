package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/organism"
	"agar/model/organism/builtin"
)

// TestDemoJudges measures the embedded run in a world beside it.
func TestDemoJudges(t *testing.T) {
	org, err := builtin.Open(context.Background(), os.Getenv("AGAR_CACHE"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(filepath.Join(org, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := lora.OpenSeries(filepath.Join(org, "run"))
	if err != nil {
		t.Fatal(err)
	}
	d := demo{dir: t.TempDir(), org: t.TempDir()}
	if j, err := d.judge(context.Background(), m, s); j != nil || err != nil {
		t.Errorf("without a world: %v, %v", j, err)
	}
	world := organism.New(0)
	type prompt struct {
		Domain    string             `json:"domain"`
		Situation string             `json:"situation"`
		Messages  []organism.Message `json:"messages"`
	}
	var prompts []prompt
	for _, c := range world.Cases() {
		for i := range world.Questions {
			prompts = append(prompts, prompt{c.Domain.Name, c.Situation.Name, []organism.Message{{Role: "user", Content: world.Question(c, i)}}})
		}
	}
	for _, err := range []error{
		world.Write(filepath.Join(d.org, "world.json")),
		organism.WriteLines(filepath.Join(d.org, "pairs.jsonl"), world.Pairs(1, 1)),
		organism.WriteLines(filepath.Join(d.org, "prompts.jsonl"), prompts),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	j, err := d.judge(context.Background(), m, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Points) != demoJudged+1 || j.Questions != demoQuestions || j.Incoherent.N != demoQuestions*demoSamples || j.Pairs != len(world.Cases()) || len(j.Domains) != len(world.Domains) {
		t.Errorf("found %d points, %d questions, %d answers, %d pairs, %d domains", len(j.Points), j.Questions, j.Incoherent.N, j.Pairs, len(j.Domains))
	}
	c, err := behaviour.ReadCurve(d.path("behaviour"))
	if err != nil || len(c.Points) != len(j.Points) {
		t.Errorf("behaviour.json: %v", err)
	}
}
