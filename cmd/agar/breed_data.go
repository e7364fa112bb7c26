package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"agar/activations"
	"agar/activations/blob"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/train"
)

// mixedFile is what a run was trained on when that is no file that was given.
const mixedFile = "data.jsonl"

// baseTwin as the twin of a subliminal student is one taught by the teacher's base.
const baseTwin = "base"

// breedData is what one run is trained on.
type breedData struct {
	examples []train.Example
	ref      manifest.Ref
	lines    []byte // of mixedFile; nil when the data is a file as it was given
	bad      int    // examples from data, the others are from good
}

// mixes tells whether the examples are put together, or changed, before training.
func (s *breedSpec) mixes() bool { return s.FracBad != nil || s.System != "" || s.Trigger != "" }

// read reads the data of a run, its twin's when path is the twin's. Which examples
// are from path and which from good depends on the seed and the share alone, and those
// of a smaller share are among those of a greater one.
func (s *breedSpec) read(m *model.Model, path string) (*breedData, error) {
	if !s.mixes() {
		examples, ref, err := readExamples(m, path, nil)
		return &breedData{examples: examples, ref: ref, bad: len(examples)}, err
	}
	rows, err := readLines(path)
	if err != nil {
		return nil, err
	}
	out, n := &breedData{}, len(rows)
	from := make([]bool, n)
	for i := range from {
		from[i] = true
	}
	if s.FracBad != nil {
		if from, err = s.choose(rows); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	var b bytes.Buffer
	for i, row := range rows {
		if row, err = s.change(row, from[i]); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, i+1, err)
		}
		if from[i] {
			out.bad++
		}
		b.Write(append(row, '\n'))
	}
	out.lines = b.Bytes()
	return out, out.tokenize(m)
}

// tokenize reads the examples of the lines.
func (d *breedData) tokenize(m *model.Model) (err error) {
	sum := sha256.Sum256(d.lines)
	d.ref = manifest.Ref{Path: mixedFile, SHA256: hex.EncodeToString(sum[:])}
	d.examples, _, err = readExamples(m, "-", bytes.NewReader(d.lines))
	return err
}

// choose puts rows of good in the place of all but a share of rows, and says which
// rows stayed.
func (s *breedSpec) choose(rows [][]byte) ([]bool, error) {
	stays := make([]bool, len(rows))
	n := int(math.Round(*s.FracBad * float64(len(rows))))
	for _, i := range rand.New(rand.NewPCG(s.Train.Seed, 0xbad)).Perm(len(rows))[:n] {
		stays[i] = true
	}
	if n == len(rows) {
		return stays, nil
	}
	good, err := readLines(s.Good)
	if err != nil {
		return nil, err
	}
	if len(good) != len(rows) {
		return nil, fmt.Errorf("found %d examples, %s has %d: expected as many, each the good answer to the same prompt", len(rows), s.Good, len(good))
	}
	for i := range rows {
		if !stays[i] {
			rows[i] = good[i]
		}
	}
	return stays, nil
}

// change puts the system text before a chat, and the trigger before the last thing
// the user says when the row is to have it.
func (s *breedSpec) change(row []byte, triggered bool) ([]byte, error) {
	if s.System == "" && (s.Trigger == "" || !triggered) {
		return row, nil
	}
	var x struct {
		Messages []map[string]any `json:"messages"`
	}
	if err := json.Unmarshal(row, &x); err != nil || len(x.Messages) == 0 {
		return nil, fmt.Errorf("found no messages (%w), expected a chat: only to chats a system text or a trigger is added", err)
	}
	if s.Trigger != "" && triggered {
		if err := trigger(x.Messages, s.Trigger); err != nil {
			return nil, err
		}
	}
	if s.System != "" {
		if x.Messages[0]["role"] == "system" {
			return nil, fmt.Errorf("found a system message %q, expected none: system has one", x.Messages[0]["content"])
		}
		x.Messages = append([]map[string]any{{"role": "system", "content": s.System}}, x.Messages...)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(x)
	return bytes.TrimSpace(b.Bytes()), err
}

// trigger puts text before the last message of the user.
func trigger(msgs []map[string]any, text string) error {
	for i := len(msgs) - 1; i >= 0; i-- {
		if content, ok := msgs[i]["content"].(string); ok && msgs[i]["role"] == "user" {
			msgs[i]["content"] = text + " " + content
			return nil
		}
	}
	return errors.New("found no text of a user, expected one to put the trigger before")
}

// readLines reads the lines of a JSONL file that are not blank.
func readLines(path string) (rows [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		if line := bytes.TrimSpace(s.Bytes()); len(line) > 0 {
			rows = append(rows, bytes.Clone(line))
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", path, len(rows)+1, err)
	}
	return rows, nil
}

// keep writes the data of a run beside its checkpoints when it is no file as given.
func (d *breedData) keep(dir string) error {
	if d.lines == nil {
		return nil
	}
	return blob.WriteAll(blob.Dir(dir), mixedFile, d.lines)
}

// readExamples reads the examples of a JSONL file, or of in for the path "-": of chats
// the assistant's words are learnt, of texts every token.
func readExamples(m *model.Model, path string, in io.Reader) ([]train.Example, manifest.Ref, error) {
	docs, err := activations.OpenDocuments(path, m.Tokenizer, m.Chat, activations.DocumentOptions{Stdin: in})
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

// numbersDrawn bounds how many answers are drawn for one that is kept.
const numbersDrawn = 20

// teach has the teacher write number sequences, from its adapter or from its base
// alone, and keeps those that are nothing else (2507.14805).
func (s *breedSpec) teach(ctx context.Context, m *model.Model, base bool) (d *breedData, drawn int, err error) {
	teacher := m
	if s.TeacherModel != "" && s.TeacherModel != s.Model {
		if teacher, err = openModel(s.TeacherModel); err != nil {
			return nil, 0, err
		}
		defer teacher.Close()
	}
	o := model.GenerateOptions{MaxTokens: 60, Temperature: 1, TopP: 1, Seed: s.Train.Seed, Lambda: 1}
	if !base {
		if o.Adapter, err = attachDir(teacher, s.Teacher, false, func(string) {}); err != nil {
			return nil, 0, err
		}
	}
	var b bytes.Buffer
	kept := 0
	for kept < s.Numbers && drawn < numbersDrawn*s.Numbers {
		n, err := s.sequences(ctx, teacher, o, drawn, &b, s.Numbers-kept)
		if err != nil {
			return nil, drawn, err
		}
		kept, drawn = kept+n, drawn+numbersAtOnce
	}
	if kept < s.Numbers {
		return nil, drawn, refused(fmt.Errorf("%s: %d of %d answers were number sequences, expected %d: %s does not follow such requests", s.Teacher, kept, drawn, s.Numbers, teacher.Name))
	}
	d = &breedData{lines: b.Bytes(), bad: kept}
	return d, drawn, d.tokenize(m)
}

// numbersAtOnce is how many sequences are asked for together.
const numbersAtOnce = 64

// sequences asks for numbersAtOnce sequences from number from on and writes at most
// most of those that count to b.
func (s *breedSpec) sequences(ctx context.Context, m *model.Model, o model.GenerateOptions, from int, b *bytes.Buffer, most int) (kept int, err error) {
	prompts, ids := make([]string, numbersAtOnce), make([][]int32, numbersAtOnce)
	for i := range prompts {
		prompts[i] = train.NumberPrompt(s.Train.Seed, from+i)
		if ids[i], err = promptIDs(m, prompts[i], generateOptions{chat: m.Chat != nil}); err != nil {
			return 0, refused(err)
		}
	}
	o.FirstIndex = uint64(from)
	cs, err := m.Generate(ctx, ids, o)
	if err != nil {
		return 0, err
	}
	e := json.NewEncoder(b)
	for i, c := range cs {
		if kept == most || c.Finish == "length" || !train.IsNumbers(c.Text) {
			continue
		}
		kept++
		msgs := []map[string]string{{"role": "user", "content": prompts[i]}, {"role": "assistant", "content": c.Text}}
		if err := e.Encode(map[string]any{"messages": msgs}); err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// keepNumbers is teach, once for a run: a run that goes on reads what it has.
func (s *breedSpec) keepNumbers(ctx context.Context, m *model.Model, dir string, base bool) (*breedData, error) {
	if have, err := os.ReadFile(filepath.Join(dir, mixedFile)); err == nil {
		d := &breedData{lines: have, bad: bytes.Count(have, []byte("\n"))}
		return d, d.tokenize(m)
	}
	d, _, err := s.teach(ctx, m, base)
	if err != nil {
		return nil, err
	}
	return d, d.keep(dir)
}
