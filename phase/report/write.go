package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"agar/activations/blob"
	"agar/activations/manifest"
	"agar/phase"
)

// Report is a report in memory.
type Report struct {
	Data  *Data
	Files map[string][]byte // by name: everything but the manifest
	refs  map[string]manifest.Ref
}

// Make reads and analyses everything that o names and prints the report. Nothing is
// written.
func Make(ctx context.Context, o Options) (*Report, error) {
	in, err := read(ctx, &o)
	if err != nil {
		return nil, err
	}
	d := build(in, &o)
	d.say()
	figs, err := d.figures()
	if err != nil {
		return nil, err
	}
	r := &Report{Data: d, Files: map[string][]byte{}, refs: in.refs}
	svgs := map[string][]byte{}
	d.Figures = []FigureInfo{}
	for _, f := range figs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.Figures = append(d.Figures, f.FigureInfo)
		if svgs[f.Name], err = f.pic.svg(); err != nil {
			return nil, err
		}
		r.Files[f.Name+".svg"] = svgs[f.Name]
		if r.Files[f.Name+".png"], err = f.pic.png(); err != nil {
			return nil, err
		}
	}
	p := d.layout(figs, in.refs)
	r.Files[MarkdownFile] = []byte(p.markdown())
	if r.Files[HTMLFile], err = p.html(svgs); err != nil {
		return nil, err
	}
	if r.Files[DataFile], err = encode(d); err != nil {
		return nil, err
	}
	if !o.Measured.none() {
		if r.Files[MeasuredFile], err = o.Measured.file(); err != nil {
			return nil, err
		}
	}
	r.Files[ArrowFile], err = arrowBytes(d.Run)
	return r, err
}

// encode is report.json.
func encode(d *Data) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("report: %s: %w", DataFile, err)
	}
	return b.Bytes(), nil
}

// arrowBytes is the run's phase.arrow.
func arrowBytes(r *phase.Report) ([]byte, error) {
	dir, err := os.MkdirTemp("", "agar-report-*")
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, ArrowFile)
	if err := r.Write(path); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return os.ReadFile(path)
}

// content is the report's own part of the manifest: what it was made with, so that
// it can be made again.
type content struct {
	Settings Settings `json:"settings"`
	// Relative are the paths of the inputs seen from the report, where they are
	// looked for when they are not at the recorded ones.
	Relative map[string]string `json:"relative"`
}

// Write makes the report of o in dir, which must be empty or not there. Every file is
// written whole, the manifest last.
func Write(ctx context.Context, dir string, o Options) (*Report, error) {
	if err := Vacant(dir); err != nil {
		return nil, err
	}
	r, err := Make(ctx, o)
	if err != nil {
		return nil, err
	}
	m, err := r.manifest(dir, &o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	for _, name := range names(r.Files) {
		if err := blob.WriteAll(blob.Dir(dir), name, r.Files[name]); err != nil {
			return nil, fmt.Errorf("report: %w", err)
		}
	}
	return r, m.Write(dir)
}

// Vacant refuses a directory that holds something.
func Vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("report: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("report: %s: found %s and %d more, %w", dir, entries[0].Name(), len(entries)-1, ErrNotEmpty)
	}
	return nil
}

func names(files map[string][]byte) []string {
	out := make([]string, 0, len(files))
	for n := range files {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (r *Report) manifest(dir string, o *Options) (*manifest.Manifest, error) {
	m := &manifest.Manifest{Format: Format, Command: o.Command, Version: o.Version, Kernel: o.Kernel, Inputs: r.refs, Checksums: map[string]string{}}
	for name, data := range r.Files {
		m.Checksums[name] = sum(data)
	}
	c := content{Settings: r.Data.Settings, Relative: map[string]string{}}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	for role, ref := range r.refs {
		if rel, err := filepath.Rel(abs, ref.Path); err == nil {
			c.Relative[role] = filepath.ToSlash(rel)
		}
	}
	return m, m.SetContent(c)
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
