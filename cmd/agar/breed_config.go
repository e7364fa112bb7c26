package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/organism/algorithmic"
	"agar/model/train"
)

// breedSpec is a CONFIG.toml. Paths are relative to it.
type breedSpec struct {
	Model   string       `toml:"model"`
	Adapter string       `toml:"adapter"` // train on from it
	Data    string       `toml:"data"`
	Twin    string       `toml:"twin"`
	KLData  string       `toml:"kl_data"`
	Purpose string       `toml:"purpose"`
	Recipe  string       `toml:"recipe"`
	Train   train.Config `toml:"train"`
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
	if s.Model == "" || s.Data == "" {
		return nil, fmt.Errorf("%s: found model %q and data %q, expected both", path, s.Model, s.Data)
	}
	for _, p := range []*string{&s.Data, &s.Twin, &s.KLData, &s.Adapter} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(path), *p)
		}
	}
	if strings.HasPrefix(s.Model, ".") {
		s.Model = filepath.Join(filepath.Dir(path), s.Model)
	}
	return &s, nil
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
	s.Train, err = train.Recipe(s.Recipe)
	return err
}

// onlyTask refuses what a task does not go with. Training on one is in full.
func (s *breedSpec) onlyTask(path string) error {
	for _, x := range [][2]string{{"model", s.Model}, {"adapter", s.Adapter}, {"data", s.Data}, {"twin", s.Twin}, {"kl_data", s.KLData}} {
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

// readExamples reads the examples of a JSONL file: of chats the assistant's words
// are learnt, of texts every token.
func readExamples(m *model.Model, path string) ([]train.Example, manifest.Ref, error) {
	docs, err := activations.OpenDocuments(path, m.Tokenizer, m.Chat, activations.DocumentOptions{})
	if err != nil {
		return nil, manifest.Ref{}, err
	}
	defer docs.Close()
	var out []train.Example
	for {
		d, err := docs.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, manifest.Ref{}, err
		}
		if d.Roles == nil {
			out = append(out, train.Text(d.IDs))
			continue
		}
		out = append(out, train.Responses(d.IDs, d.Roles))
	}
	if len(out) == 0 {
		return nil, manifest.Ref{}, fmt.Errorf("%s: %w", path, activations.ErrNoDocuments)
	}
	return out, docs.Ref(), nil
}

// klExamples are the examples of the regulariser, whole.
func (s *breedSpec) klExamples(m *model.Model) ([]train.Example, error) {
	if s.KLData == "" {
		return nil, nil
	}
	out, _, err := readExamples(m, s.KLData)
	return out, err
}
