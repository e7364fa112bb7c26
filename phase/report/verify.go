package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agar/activations/manifest"
	"agar/model/progress"
	"agar/phase"
)

// Verified is what Verify found. It marshals to the object of `agar phase verify
// --json`.
type Verified struct {
	Report  string `json:"report"`
	OK      bool   `json:"ok"`      // every input and file is there and unchanged, every number came out again
	Numbers int    `json:"numbers"` // of report.json that were compared
	Kernel  string `json:"kernel"`  // path of the numeric kernels that computed it anew
	Made    string `json:"made_on"` // the path that made the report

	Recorded []string `json:"recorded"` // files of the report that hold what running a model gave: taken as they are, not computed anew

	Missing     []InputChange `json:"missing"`     // inputs that are not there
	Changed     []InputChange `json:"changed"`     // inputs with another hash
	Files       []InputChange `json:"files"`       // files of the report that are missing or changed
	Differing   int           `json:"differing"`   // values and files that came out otherwise
	Differences []Difference  `json:"differences"` // the first of them, by key
	// Unchecked says why nothing could be computed anew; "" when it was.
	Unchecked string `json:"unchecked"`
}

// InputChange is a file whose hash is not the recorded one.
type InputChange struct {
	Role     string `json:"role"`     // of the input; of files of the report the file's name
	Path     string `json:"path"`     // where it was looked for
	Recorded string `json:"recorded"` // SHA-256
	Found    string `json:"found"`    // SHA-256; "" when the file is not there
}

// Difference is a value of report.json that came out otherwise. Values are JSON.
type Difference struct {
	Key      string `json:"key"`
	Recorded string `json:"recorded"`
	Found    string `json:"found"`
}

// VerifyOptions say how to verify. The zero value works.
type VerifyOptions struct {
	Inputs   map[string]string // where an input lies now, by its role; others are looked for where they were
	Kernel   string            // the path of the numeric kernels here
	Progress progress.Func
}

// differencesKept bounds Verified.Differences.
const differencesKept = 1000

// Verify finds the inputs of a report, compares their hashes, makes the report anew
// and compares every value of report.json and every byte of the other files. Inputs
// that are missing leave nothing to compute from; changed ones are computed from, so
// that the differences tell what the change did.
func Verify(ctx context.Context, dir string, vo VerifyOptions) (*Verified, error) {
	m, c, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	v := &Verified{Report: dir, Kernel: vo.Kernel, Made: m.Kernel, Recorded: []string{}, Missing: []InputChange{}, Changed: []InputChange{}, Files: []InputChange{}, Differences: []Difference{}}
	paths := locate(dir, m, c, vo.Inputs)
	for _, role := range roles(m.Inputs) {
		if err := v.input(role, paths[role], m.Inputs[role]); err != nil {
			return nil, err
		}
	}
	if err := v.outputs(dir, m.Checksums); err != nil {
		return nil, err
	}
	if len(v.Missing) > 0 {
		v.Unchecked = "inputs are missing"
		return v, nil
	}
	o := options(c, paths)
	if _, ok := m.Checksums[MeasuredFile]; ok {
		v.Recorded = append(v.Recorded, MeasuredFile)
		if o.Measured, err = readMeasured(dir); err != nil {
			v.Unchecked = err.Error()
			return v, nil
		}
	}
	o.Progress = vo.Progress
	again, err := Make(ctx, o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		v.Unchecked = err.Error()
		return v, nil
	}
	return v, v.compare(dir, again)
}

func readManifest(dir string) (m manifest.Manifest, c content, err error) {
	if m, err = manifest.Read(dir, Format); err != nil {
		return m, c, fmt.Errorf("report: %s: %w: %w", dir, ErrNoReport, err)
	}
	if err := m.ContentInto(&c); err != nil {
		return m, c, fmt.Errorf("report: %s: %w: %w", dir, ErrNoReport, err)
	}
	return m, c, nil
}

func roles(refs map[string]manifest.Ref) []string {
	var out []string
	for r := range refs {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// locate says where each input is looked for: where the caller says, where it was,
// or, when it is not there, where it lay as seen from the report.
func locate(dir string, m manifest.Manifest, c content, given map[string]string) map[string]string {
	out := map[string]string{}
	for role, ref := range m.Inputs {
		out[role] = ref.Path
		beside := filepath.Join(dir, filepath.FromSlash(c.Relative[role]))
		if p, ok := given[role]; ok {
			out[role] = p
		} else if _, err := os.Stat(ref.Path); err != nil && c.Relative[role] != "" {
			if _, err := os.Stat(beside); err == nil {
				out[role] = beside
			}
		}
	}
	return out
}

// options are those that made the report, with the inputs where they lie now.
func options(c content, paths map[string]string) Options {
	s := c.Settings
	o := Options{
		Run: paths[roleRun], Name: s.Name, Base: paths[roleBase], Rank: s.Rank, Twin: paths[roleTwin], Trained: s.Trained, Lambda: s.Lambda,
		Behaviour: directory(paths[roleBehaviour]), TwinBehaviour: directory(paths[roleTwinBehaviour]),
		Trajectory: paths[roleTrajectory], TwinTrajectory: paths[roleTwinTrajectory], HeldOut: paths[roleHeldOut],
		Answers: paths[roleAnswers], Habits: s.Habits, Window: s.Window,
		Phase: phase.Options{Ks: orNil(s.Ks), DebiasedKs: orNil(s.DebiasedKs), Rule: s.Rule, Tau: s.Tau},
	}
	for i := 0; paths[roleSeed(i)] != ""; i++ {
		o.Seeds = append(o.Seeds, paths[roleSeed(i)])
	}
	for i := 0; paths[roleControl(i)] != ""; i++ {
		o.Controls = append(o.Controls, paths[roleControl(i)])
	}
	return o
}

// directory is where a file lies, "" for none.
func directory(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Dir(path)
}

func orNil(x []int) []int {
	if len(x) == 0 {
		return nil
	}
	return x
}

// input compares the files of one input with their hashes.
func (v *Verified) input(role, path string, ref manifest.Ref) error {
	files := ref.Files
	if len(files) == 0 {
		files = map[string]string{"": ref.SHA256}
	}
	for _, name := range sortedNames(files) {
		at := filepath.Join(path, filepath.FromSlash(name))
		if err := check(role, at, files[name], &v.Missing, &v.Changed); err != nil {
			return err
		}
	}
	return nil
}

// outputs compares the files of the report with the manifest.
func (v *Verified) outputs(dir string, sums map[string]string) error {
	for _, name := range sortedNames(sums) {
		if err := check(name, filepath.Join(dir, name), sums[name], &v.Files, &v.Files); err != nil {
			return err
		}
	}
	return nil
}

func sortedNames(m map[string]string) []string {
	var out []string
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// check hashes one file and notes it when it is not as recorded.
func check(role, path, want string, missing, changed *[]InputChange) error {
	got, err := manifest.HashFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		*missing = append(*missing, InputChange{role, path, want, ""})
	case err != nil:
		return fmt.Errorf("report: %w", err)
	case got != want:
		*changed = append(*changed, InputChange{role, path, want, got})
	}
	return nil
}

// compare holds the report against the one made anew.
func (v *Verified) compare(dir string, again *Report) error {
	path := filepath.Join(dir, DataFile)
	old, err := os.ReadFile(path)
	if err == nil {
		err = v.values(old, again.Files[DataFile])
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a missing one is in v.Files
		return fmt.Errorf("report: %s: %w", path, err)
	}
	for _, name := range names(again.Files) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || name == DataFile || bytes.Equal(b, again.Files[name]) {
			continue
		}
		v.differ(name, "sha256 "+sum(b), "sha256 "+sum(again.Files[name]))
	}
	v.OK = len(v.Changed) == 0 && len(v.Files) == 0 && v.Differing == 0
	return nil
}

// values compares two report.json value by value, numbers by their digits.
func (v *Verified) values(old, now []byte) error {
	a, err := tree(old)
	if err != nil {
		return err
	}
	b, err := tree(now)
	if err != nil {
		return err
	}
	v.walk("", a, b)
	return nil
}

func tree(data []byte) (x any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return x, d.Decode(&x)
}

func (v *Verified) walk(key string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			for _, k := range union(x, y) {
				v.walk(join(key, k), x[k], y[k])
			}
			return
		}
	case []any:
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				v.walk(join(key, fmt.Sprint(i)), x[i], y[i])
			}
			return
		}
	case json.Number:
		v.Numbers++
	}
	if s, t := compact(a), compact(b); s != t {
		v.differ(key, s, t)
	}
}

func (v *Verified) differ(key, recorded, found string) {
	v.Differing++
	if len(v.Differences) < differencesKept {
		v.Differences = append(v.Differences, Difference{key, recorded, found})
	}
}

func union(a, b map[string]any) []string {
	var out []string
	for k := range a {
		out = append(out, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func join(a, b string) string { return strings.TrimPrefix(a+"."+b, ".") }

// compact is a value as JSON, cut to a line.
func compact(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		return fmt.Sprint(x)
	}
	if len(b) > 200 {
		return string(b[:200]) + "…"
	}
	return string(b)
}
