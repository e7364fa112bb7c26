package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"agar/model/disk"
	"agar/model/progress"
)

// Pulled says what a pull brought.
type Pulled struct {
	Repo       string `json:"repo"`
	Revision   string `json:"revision"`
	Commit     string `json:"commit"`
	Path       string `json:"path"` // the snapshot, or the .gguf file in it: what other commands open
	Files      []File `json:"files"`
	Bytes      int64  `json:"bytes"`      // of all files
	Downloaded int64  `json:"downloaded"` // of those that the cache did not have
}

// Pull brings the files that agar reads of a revision into the cache. What is
// there already is not fetched again; a pull that was interrupted goes on. With
// Options.Offline it only finds what the cache has.
func Pull(ctx context.Context, r Ref, o Options) (*Pulled, error) {
	if o.Offline {
		dir, err := Find(o, r)
		if err != nil {
			return nil, err
		}
		return &Pulled{Repo: r.Repo, Revision: r.Revision, Commit: filepath.Base(dir), Path: Open(dir)}, nil
	}
	c := o.connect()
	l, err := c.list(ctx, r)
	if err != nil {
		return nil, err
	}
	p := &puller{conn: c, ref: r, commit: l.commit, cache: o.repo(r)}
	if p.files, err = o.choose(l.files); err != nil {
		return nil, fmt.Errorf("hub: %s: %w", r, err)
	}
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("hub: %s: %w", r, err)
	}
	return p.report(), nil
}

// puller is one pull.
type puller struct {
	*conn
	ref    Ref
	commit string
	cache  repoCache
	files  []File
	need   int64        // bytes to fetch
	got    atomic.Int64 // bytes that came, or were there of unfinished blobs
}

func (p *puller) run(ctx context.Context) error {
	for i := range p.files {
		if err := p.complete(ctx, p.ref, p.commit, &p.files[i]); err != nil {
			return fmt.Errorf("%s: %w", p.files[i].Name, err)
		}
		f := p.files[i]
		if _, err := hashFor(f.ETag, f.Size); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if !p.has(ctx, f) {
			p.need += f.Size
		}
	}
	if err := os.MkdirAll(filepath.Join(p.cache.dir, "blobs"), 0o755); err != nil {
		return err
	}
	if free, err := disk.Free(p.cache.dir); err == nil && free < p.need {
		return fmt.Errorf("%w: needs %.1f GB, %s has %.1f GB free; HF_HOME moves the cache", ErrWontFit, float64(p.need)/1e9, p.cache.dir, float64(free)/1e9)
	}
	stop := p.watch()
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.o.parallel())
	for _, f := range p.files {
		g.Go(func() error { return p.file(ctx, f) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return p.cache.remember(p.ref.Revision, p.commit)
}

// has says whether the cache holds the file's contents.
func (p *puller) has(ctx context.Context, f File) bool {
	st, err := os.Stat(p.cache.blob(f.ETag))
	if err != nil || st.Size() != f.Size {
		return false
	}
	return !p.o.Verify || verify(ctx, p.cache.blob(f.ETag), f.ETag) == nil
}

// file makes one file of the snapshot, alone of all processes.
func (p *puller) file(ctx context.Context, f File) error {
	unlock, err := p.lock(ctx, f.ETag)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	defer unlock()
	if !p.has(ctx, f) {
		if err := p.blob(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return p.cache.link(p.commit, f.Name, f.ETag)
}

// lock takes the lock that huggingface_hub takes for a blob.
func (p *puller) lock(ctx context.Context, etag string) (unlock func(), err error) {
	if err := os.MkdirAll(p.cache.locks, 0o755); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(p.cache.locks, etag+".lock"))
	if _, err := l.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, err
	}
	return func() { _ = l.Unlock() }, nil
}

// blob fetches contents and checks them. Contents of a wrong hash are thrown away
// and fetched once more, whole.
func (p *puller) blob(ctx context.Context, f File) error {
	before := p.got.Load()
	err := p.once(ctx, f)
	if errors.Is(err, errWrongHash) {
		p.got.Store(before)
		err = p.once(ctx, f)
	}
	return err
}

// errWrongHash is wrapped when all bytes came and are not those expected.
var errWrongHash = errors.New("the contents are not those that the hub lists")

func (p *puller) once(ctx context.Context, f File) error {
	t, err := openPart(p.cache.blob(f.ETag)+".agar-part", f.Size, p.o.chunk())
	if err != nil {
		return err
	}
	p.got.Add(t.finished)
	if err := p.fetch(ctx, p.at(p.ref, p.commit, f.Name), t, &p.got); err != nil {
		return errors.Join(err, t.f.Close())
	}
	if err := verify(ctx, t.name, f.ETag); err != nil {
		if errors.Is(err, ErrCorrupt) {
			return errors.Join(fmt.Errorf("%w: %w", errWrongHash, err), t.drop())
		}
		return errors.Join(err, t.f.Close())
	}
	return t.finish(p.cache.blob(f.ETag))
}

// watch reports the bytes that have come, four times a second, until the function
// returned is called.
func (p *puller) watch() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	emit := func() {
		p.o.Progress.Emit(progress.Event{Job: "model pull", Stage: p.ref.Repo, Step: min(p.got.Load(), p.need), Total: p.need, Unit: "bytes"})
	}
	go func() {
		defer close(ended)
		t := time.NewTicker(250 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-end:
				emit()
				return
			case <-t.C:
				emit()
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (p *puller) report() *Pulled {
	dir := p.cache.snapshot(p.commit)
	out := &Pulled{Repo: p.ref.Repo, Revision: p.ref.Revision, Commit: p.commit, Path: Open(dir), Files: p.files, Downloaded: p.need}
	if strings.HasSuffix(p.o.File, ".gguf") {
		out.Path = filepath.Join(dir, filepath.FromSlash(p.o.File))
	}
	for _, f := range p.files {
		out.Bytes += f.Size
	}
	return out
}
