package activations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"

	"agar/activations/blob"
	"agar/activations/manifest"
)

// VerifyReport is what Verify found, as `agar capture --verify --json` prints it.
type VerifyReport struct {
	Dir      string   `json:"dir"`
	Shards   int      `json:"shards"` // files read
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"`
	Failures []string `json:"failures"` // what is wrong, file and place first; empty when all is well
}

// OK says that nothing is wrong.
func (r *VerifyReport) OK() bool { return len(r.Failures) == 0 }

func (r *VerifyReport) fail(format string, a ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, a...))
}

// Verify reads all of a finished capture and compares it with its manifest:
// files and their checksums, columns, counts, the order of rows, roles, token ids
// and positions, that windows begin with the prefix wherever the document does,
// and that every value is finite. All failures are listed, those of one kind once
// a file. The error is for what keeps Verify from looking, such as a directory
// that is no capture.
func Verify(ctx context.Context, dir string) (*VerifyReport, error) {
	m, err := manifest.Read(dir, manifest.Capture)
	if err != nil {
		return nil, fmt.Errorf("activations: verify %s: %w", dir, err)
	}
	r := &VerifyReport{Dir: dir, Failures: []string{}}
	content, err := readContent(&m)
	if err != nil {
		r.fail("%v", err)
		return r, nil
	}
	v := verifier{r: r, m: &m, c: content, at: row{window: -1, doc: -1}, roles: map[string]int64{}}
	for _, s := range content.Shards {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v.shard(ctx, blob.Dir(dir), s)
	}
	v.totals(dir)
	return r, ctx.Err()
}

// verifier carries what crosses files: the last row, and counts.
type verifier struct {
	r     *VerifyReport
	m     *manifest.Manifest
	c     Content
	at    row
	docs  int64
	roles map[string]int64
	// prefixed says whether the document began with the prefix, so that its later
	// windows have to.
	prefixed bool
}

// shard checks one file.
func (v *verifier) shard(ctx context.Context, b blob.Store, info Shard) {
	sh, err := openShard(b, info.Name)
	if err != nil {
		v.r.fail("%v", err)
		return
	}
	defer sh.close()
	v.r.Shards++
	v.r.Bytes += int64(len(sh.buf))
	v.r.Rows += sh.rows
	sum := sha256.Sum256(sh.buf)
	if got, want := hex.EncodeToString(sum[:]), v.m.Checksums[info.Name]; got != want {
		v.r.fail("%s: found SHA-256 %s, expected %s", info.Name, got, orNone(want))
	}
	if err := sh.checkColumns(v.c.Columns); err != nil {
		v.r.fail("%v", err)
		return
	}
	if sh.rows != info.Rows {
		v.r.fail("%s: found %d rows, expected %d", info.Name, sh.rows, info.Rows)
	}
	v.rows(sh, info)
	v.values(ctx, sh)
}

func orNone(s string) string {
	if s == "" {
		return "none in the manifest"
	}
	return s
}

// rows checks the five columns of provenance.
func (v *verifier) rows(sh *shard, info Shard) {
	seen := map[string]bool{}
	n := int64(0)
	report := func(kind, format string, a ...any) {
		if !seen[kind] {
			seen[kind] = true
			v.r.fail("%s: row %d: %s", sh.name, n, fmt.Sprintf(format, a...))
		}
	}
	for k := range sh.batches {
		b := &sh.batches[k]
		for i := range b.rows {
			r := row{b.token[i], b.doc[i], b.window[i], b.pos[i], b.role[i]}
			v.row(r, report)
			if n == 0 && r.doc != info.FirstDoc {
				report("first", "found document %d, expected %d to be the first", r.doc, info.FirstDoc)
			}
			v.at = r
			n++
		}
	}
	if v.at.doc != info.LastDoc {
		v.r.fail("%s: found document %d at the end, expected %d", sh.name, v.at.doc, info.LastDoc)
	}
}

// row checks one row against the one before it.
func (v *verifier) row(r row, report func(kind, format string, a ...any)) {
	p := v.at
	newDoc, newWindow := r.doc != p.doc, r.doc != p.doc || r.window != p.window
	switch {
	case newDoc && (r.doc < p.doc || r.window != 0 || r.pos != 0),
		!newDoc && newWindow && (r.window != p.window+1 || r.pos != 0),
		!newWindow && r.pos != p.pos+1:
		report("order", "found document %d, window %d, position %d after %d, %d, %d", r.doc, r.window, r.pos, p.doc, p.window, p.pos)
	}
	if newDoc {
		v.docs++
		v.prefixed = true
	}
	if p := int(r.pos); p >= 0 && p < len(v.c.Prefix) && r.token != v.c.Prefix[p] {
		if r.window > 0 && v.prefixed {
			report("prefix", "found token id %d at position %d of window %d, expected %d as at the beginning of document %d", r.token, r.pos, r.window, v.c.Prefix[p], r.doc)
		}
		v.prefixed = false
	}
	if r.token < 0 {
		report("token", "found token id %d", r.token)
	}
	if int(r.pos) >= v.c.Context && v.c.Context > 0 {
		report("context", "found position %d, expected less than the context of %d", r.pos, v.c.Context)
	}
	if r.role > 5 {
		report("role", "found role %d, expected 0 to 5", r.role)
	}
	v.roles[strconv.Itoa(int(r.role))]++
}

// values looks for numbers that are none.
func (v *verifier) values(ctx context.Context, sh *shard) {
	var cache codecCache
	for col, c := range sh.columns {
		row := make([]float32, c.Dim)
		at := int64(0)
	column:
		for k := range sh.batches {
			if ctx.Err() != nil {
				return
			}
			raw, err := sh.values(k, col, &cache)
			if err != nil {
				v.r.fail("%v", err)
				break
			}
			for i := range sh.batches[k].rows {
				c.decode(row, raw[i*c.rowBytes():(i+1)*c.rowBytes()])
				if j := notFinite(row); j >= 0 {
					v.r.fail("%s: row %d, hook %s, value %d: found %v, expected a finite number", sh.name, at, c.Name, j, row[j])
					break column
				}
				at++
			}
		}
	}
}

// notFinite is the index of the first NaN or Inf, -1 when there is none.
func notFinite(x []float32) int {
	for i, v := range x {
		if !(v <= math.MaxFloat32 && v >= -math.MaxFloat32) {
			return i
		}
	}
	return -1
}

// totals checks what the manifest says of all files together, and that there are
// no others.
func (v *verifier) totals(dir string) {
	if v.r.Rows != v.c.Tokens {
		v.r.fail("found %d rows, expected %d", v.r.Rows, v.c.Tokens)
	}
	if v.docs != v.c.Documents {
		v.r.fail("found %d documents, expected %d", v.docs, v.c.Documents)
	}
	for role := range 6 {
		name := strconv.Itoa(role)
		if n, want := v.roles[name], v.c.Roles[name]; n != want {
			v.r.fail("found %d rows of role %d, expected %d", n, role, want)
		}
	}
	known := map[string]bool{}
	for _, s := range v.c.Shards {
		known[s.Name] = true
	}
	files, err := blob.Dir(dir).List("shard-")
	if err != nil {
		v.r.fail("%v", err)
	}
	for _, f := range files {
		if !known[f.Name] {
			v.r.fail("%s: found a file that the manifest does not know", f.Name)
		}
	}
	for name := range v.m.Checksums {
		if _, err := blob.Dir(dir).Stat(name); err != nil && !known[name] {
			v.r.fail("%s: %v", name, fs.ErrNotExist)
		}
	}
	if tmp, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(tmp) > 0 {
		v.r.fail("%s: found a file that was never committed", filepath.Base(tmp[0]))
	}
}
