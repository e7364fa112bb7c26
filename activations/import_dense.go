package activations

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"agar/activations/manifest"
	"agar/model/safetensors"
)

// NPYFiles names the .npy files of one import. Tokens is [rows] or [documents,
// tokens] of integers; each hook has as many rows, as [rows, d] or [documents,
// tokens, d] of floats.
type NPYFiles struct {
	Tokens string
	Doc    string            // document of each row; "" means by the shape of Tokens
	Role   string            // role of each row; "" means plain
	Hooks  map[string]string // file by hook
}

// ImportNPY brings activations in .npy files into a capture directory.
//
// Tokens of two dimensions are one document a line. Tokens of one dimension
// without document ids are one document. A document longer than o.Context
// becomes windows, and positions are counted from the start of each.
func ImportNPY(ctx context.Context, f NPYFiles, o CaptureOptions) (*CaptureReport, error) {
	d := dense{}
	defer d.close()
	paths := []string{f.Tokens}
	for _, a := range []struct {
		path string
		dst  *input
	}{{f.Tokens, &d.tokens}, {f.Doc, &d.doc}, {f.Role, &d.role}} {
		if a.path == "" {
			continue
		}
		var err error
		if *a.dst, err = d.npy(a.path); err != nil {
			return nil, err
		}
	}
	for _, hook := range slices.Sorted(maps.Keys(f.Hooks)) {
		a, err := d.npy(f.Hooks[hook])
		if err != nil {
			return nil, err
		}
		d.add(hook, a)
		paths = append(paths, f.Hooks[hook])
	}
	return d.run(ctx, paths, o)
}

// ImportSafetensors brings activations in safetensors files into a capture
// directory: a tensor token_ids (or tokens, input_ids), optionally doc and role,
// and any other tensor is a hook of that name. Shapes are those of ImportNPY.
func ImportSafetensors(ctx context.Context, paths []string, o CaptureOptions) (*CaptureReport, error) {
	d := dense{}
	defer d.close()
	for _, path := range paths {
		f, err := safetensors.Open(path)
		if err != nil {
			return nil, err
		}
		d.closers = append(d.closers, f.Close)
		for _, name := range f.Names() {
			t, _ := f.Tensor(name)
			a := input{name: path + ": tensor " + name, descr: safetensorsDescr[t.DType], shape: t.Shape, data: t.Data}
			switch {
			case a.descr == "":
				return nil, fmt.Errorf("activations: %s: found %s, expected F16, F32, F64 or integers", a.name, t.DType)
			case isTokenName(name):
				d.tokens = a
			case name == "doc":
				d.doc = a
			case name == "role":
				d.role = a
			default:
				d.add(name, a)
			}
		}
	}
	return d.run(ctx, paths, o)
}

// safetensorsDescr gives the numpy name of a safetensors dtype.
var safetensorsDescr = map[string]string{"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "bf16", "I32": "<i4", "I64": "<i8", "U8": "|u1", "I8": "|i1"}

// input is one array of an import, wherever it comes from.
type input struct {
	name  string // for errors
	descr string
	shape []int
	data  []byte
}

// dense is an import of whole arrays.
type dense struct {
	tokens, doc, role input
	hooks             map[string]input
	closers           []func() error
}

func (d *dense) add(hook string, a input) {
	if d.hooks == nil {
		d.hooks = map[string]input{}
	}
	d.hooks[hook] = a
}

func (d *dense) npy(path string) (input, error) {
	f, err := openNPY(path)
	if err != nil {
		return input{}, err
	}
	d.closers = append(d.closers, f.Close)
	return input{path, f.descr, f.shape, f.data}, nil
}

func (d *dense) close() {
	for _, c := range d.closers {
		_ = c() // read-only maps
	}
}

// run checks the shapes against each other and imports.
func (d *dense) run(ctx context.Context, paths []string, o CaptureOptions) (*CaptureReport, error) {
	s, err := d.sequences()
	if err != nil {
		return nil, err
	}
	if s.ref, err = refOfPaths(paths); err != nil {
		return nil, err
	}
	return s.run(ctx, o)
}

// refOfPaths refers to several files by their common directory.
func refOfPaths(paths []string) (manifest.Ref, error) {
	if len(paths) == 1 {
		return manifest.RefOf(paths[0])
	}
	dir, err := filepath.Abs(filepath.Dir(paths[0]))
	if err != nil {
		return manifest.Ref{}, fmt.Errorf("activations: %w", err)
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		abs, err := filepath.Abs(p)
		if err == nil {
			names[i], err = filepath.Rel(dir, abs)
		}
		if err != nil {
			return manifest.Ref{}, fmt.Errorf("activations: %w", err)
		}
	}
	return manifest.RefOf(dir, names...)
}

func (d *dense) sequences() (*sequences, error) {
	if d.tokens.descr == "" {
		return nil, errors.New("activations: import: found no token ids, expected an array token_ids of integers")
	}
	if len(d.hooks) == 0 {
		return nil, errors.New("activations: import: found no activations beside the token ids")
	}
	s := &sequences{dims: map[string]int{}}
	var err error
	if s.tokens, err = d.tokens.ints(); err != nil {
		return nil, err
	}
	if err := d.documents(s); err != nil {
		return nil, err
	}
	rows := map[string]*arrayRows{}
	for name, a := range d.hooks {
		if rows[name], err = a.rows(d.tokens.shape); err != nil {
			return nil, err
		}
		s.dims[name] = rows[name].d
	}
	s.values = func(dst []float32, hook string, from, to int64) ([]float32, error) {
		m, n := rows[hook], int(to-from)
		dst = slices.Grow(dst, n*m.d)
		at := len(dst)
		dst = dst[:at+n*m.d]
		m.decode(dst[at:], from, n)
		return dst, nil
	}
	return s, s.check()
}

// documents decides where documents begin and reads the roles.
func (d *dense) documents(s *sequences) error {
	shape := d.tokens.shape
	switch {
	case d.doc.descr != "":
		ids, err := d.doc.ints()
		if err != nil {
			return err
		}
		if err := s.documentsBy(ids); err != nil {
			return err
		}
	case len(shape) == 2 && shape[1] > 0:
		s.equalDocuments(shape[1])
	case len(shape) == 1:
		s.oneDocument()
	default:
		return fmt.Errorf("activations: %s: found shape %v, expected [rows] or [documents, tokens]", d.tokens.name, shape)
	}
	if d.role.descr == "" {
		return nil
	}
	roles, err := d.role.ints()
	if err != nil {
		return err
	}
	if len(roles) != len(s.tokens) {
		return fmt.Errorf("activations: %s: found %d roles, expected %d", d.role.name, len(roles), len(s.tokens))
	}
	for i, r := range roles {
		if r < 0 || r > 5 {
			return fmt.Errorf("activations: %s: row %d: found role %d, expected 0 to 5", d.role.name, i, r)
		}
		s.roles = append(s.roles, uint8(r))
	}
	return nil
}

func (a input) ints() ([]int32, error) {
	return (&npy{path: a.name, descr: a.descr, shape: a.shape, data: a.data}).ints()
}

// rows sees the array as rows, one for each of the tokens.
func (a input) rows(tokens []int) (*arrayRows, error) {
	n := 1
	for _, k := range tokens {
		n *= k
	}
	last := len(a.shape) - 1
	flat := last == 1 && a.shape[0] == n
	if last < 1 || !flat && !slices.Equal(a.shape[:last], tokens) {
		return nil, fmt.Errorf("activations: %s: found shape %v, expected [%d, d] or %v with d", a.name, a.shape, n, tokens)
	}
	f := &npy{path: a.name, descr: a.descr, shape: a.shape, data: a.data}
	if a.descr == "bf16" {
		return newArrayRows(a.data, "bf16", a.shape[last])
	}
	return f.matrix()
}
