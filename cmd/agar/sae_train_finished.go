package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"agar/activations"
	"agar/sae/eval"
	"agar/sae/formats"
	"agar/sae/train"
)

// finishedTraining is what the metadata of a saved dictionary keeps of the
// training that made it.
type finishedTraining struct {
	Config   train.Config `json:"training_architecture_details"`
	Tokens   int64        `json:"training_tokens"`
	Epochs   float64      `json:"training_epochs"`
	Hook     string       `json:"hook_name"`
	Capture  struct{ SHA256 string }
	L0       float64             `json:"l0"`
	EV       float64             `json:"explained_variance"`
	EVLegacy float64             `json:"explained_variance_legacy"`
	Judged   int64               `json:"evaluation_tokens"`
	From     int64               `json:"evaluation_from_row"`
	Dead     int                 `json:"dead_on_evaluation"`
	LeftOut  activations.LeftOut `json:"left_out"`
	Share    float64             `json:"left_out_share"`
	MSE      float64             `json:"evaluation_mse"`
	CE       *eval.CE            `json:"evaluation_ce"`
}

// readBack completes the report from the finished dictionary in o.out, after
// checking that it is the one asked for. meta is what this training would have
// written about itself.
func (t *trained) readBack(o trainOptions, meta map[string]any) error {
	was, here, err := finishedAndAsked(o, meta)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(o.out, formats.ConfigFile), err)
	}
	if err := sameTraining(was, here); err != nil {
		return refused(fmt.Errorf("%s holds another dictionary: %w", o.out, err))
	}
	t.Config, t.DIn, t.DSAE, t.Tokens, t.Epochs = was.Config, was.Config.DIn, was.Config.DSAE, was.Tokens, was.Epochs
	t.Evaluation = &eval.Report{
		Hook: was.Hook, From: was.From, Tokens: was.Judged, L0: was.L0, EV: was.EV, EVLegacy: was.EVLegacy, MSE: was.MSE,
		Dead: was.Dead, DeadOf: was.Config.DSAE, LeftOut: was.LeftOut, LeftShare: was.Share, CE: was.CE,
	}
	if was.CE == nil {
		t.NoCE = "they were not computed when the dictionary was trained"
	}
	t.judged(t.Evaluation)
	return nil
}

// finishedAndAsked reads what was trained, and puts beside it what the command
// line asks for.
func finishedAndAsked(o trainOptions, meta map[string]any) (was, here finishedTraining, err error) {
	s, err := formats.Load(o.out)
	if err != nil {
		return was, here, refused(err)
	}
	if err := throughJSON(&was, s.Metadata); err != nil {
		return was, here, err
	}
	if err := throughJSON(&here, meta); err != nil {
		return was, here, err
	}
	here.Config, err = o.Resolve(s.DIn)
	return was, here, err
}

// throughJSON fills dst with the members of m that it has.
func throughJSON(dst any, m map[string]any) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, dst)
}

// sameTraining names what differs between two trainings.
func sameTraining(was, here finishedTraining) error {
	switch {
	case was.Hook != here.Hook:
		return fmt.Errorf("hook %q there, %q here", was.Hook, here.Hook)
	case was.Capture != here.Capture:
		return fmt.Errorf("capture %.12s there, %.12s here", was.Capture.SHA256, here.Capture.SHA256)
	case was.Config != here.Config:
		a, b := map[string]any{}, map[string]any{}
		for dst, c := range map[*map[string]any]train.Config{&a: was.Config, &b: here.Config} {
			raw, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(raw, dst); err != nil {
				return err
			}
		}
		for _, k := range sortedKeys(a) {
			if a[k] != b[k] {
				return fmt.Errorf("%s %v there, %v here", k, a[k], b[k])
			}
		}
	}
	return nil
}
